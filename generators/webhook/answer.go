package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
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
		return nil, fault.Wrap(fault.Unavailable, err, "%s: %s", from, connectionProblem(err))
	}
	defer response.Body.Close()
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(response, from, c.clock.Now())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "%s: the answer ends early: %s", from, connectionProblem(err))
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
		throttled.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
		return throttled
	case code == http.StatusRequestTimeout, code < http.StatusBadRequest, code >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "%s", says)
	default:
		return fault.New(fault.Invalid, "%s: it does not understand the request", says)
	}
}

// retryAfter returns the wait that a header asks for, in seconds or as a time; zero when it asks for none.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// connectionProblem says in plain words why there was no answer. The error itself quotes the URL.
func connectionProblem(err error) string {
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &certificate):
		return "its certificate cannot be trusted: check spec.caBundle or spec.caProvider, the name in spec.url, and when the certificate ends"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.Canceled):
		return "the request was interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time: spec.timeout may be too short"
	default:
		return "the connection failed"
	}
}
