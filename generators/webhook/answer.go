package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluice-operator/sluice/internal/fault"
)

// maxAnswer is the size in bytes of the largest answer: a Kubernetes Secret holds no more.
const maxAnswer = 1 << 20

// answer sends the request and returns the body of what comes back.
func (c *client) answer(request *http.Request, from endpoint) ([]byte, error) {
	if c.ntlm {
		request.SetBasicAuth(c.user, c.password)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, errRedirect) {
			return nil, fault.Wrap(fault.Invalid, err, "%s redirects elsewhere, which is not followed: write where it leads into spec.url", from)
		}
		return nil, fault.Wrap(fault.Unavailable, err, "%s: %s", from, fault.Connection(err, advice()))
	}
	defer response.Body.Close()
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(response, from, c.clock.Now())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "%s: the answer ends early: %s", from, fault.Connection(err, advice()))
	}
	if len(body) > maxAnswer {
		return nil, fault.New(fault.Invalid, "%s: the answer is larger than %d bytes", from, maxAnswer)
	}
	return body, nil
}

// refusal classifies an answer that is no success. Its body is not looked at: it may quote what was sent.
func refusal(response *http.Response, from endpoint, now time.Time) error {
	says := fmt.Sprintf("endpoint gave error %d (%s)", response.StatusCode, from)
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fault.New(fault.Denied, "%s: it refuses the credentials", says)
	case code == http.StatusNotFound:
		return fault.New(fault.NotFound, "%s: there is nothing at spec.url", says)
	case code == http.StatusTooManyRequests:
		throttled := fault.New(fault.Throttled, "%s: it asks for fewer calls", says)
		throttled.RetryAfter = fault.ParseRetryAfter(response.Header.Get("Retry-After"), now)
		return throttled
	case code == http.StatusRequestTimeout, code < http.StatusBadRequest, code >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "%s", says)
	default:
		return fault.New(fault.Invalid, "%s: it does not understand the request", says)
	}
}

func advice() fault.Advice {
	return fault.Advice{Authority: "check spec.caBundle or spec.caProvider", Timeout: "spec.timeout may be too short"}
}
