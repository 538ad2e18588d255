package beyondtrust

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// maxFile is the size in bytes of the largest file that Secrets Safe keeps.
	maxFile = 5_000_000
	// maxAnswer is the size in bytes of every other answer that is read.
	maxAnswer = 1 << 20
)

// call is one call of the API.
type call struct {
	// name is that of the call in metrics; what says in words what it is for, and names no request.
	name, what string
	method     string
	// path below the base of the API, escaped.
	path  string
	query url.Values
	// body is JSON unless contentType says otherwise; nil for none.
	body        []byte
	contentType string
	// authorization is for the sign-in alone.
	authorization string
	// limit is the size of the answer in bytes, maxAnswer when 0.
	limit int64
}

// answer is what a call that succeeded gives.
type answer struct {
	status int
	body   []byte
}

// statusError is the cause of an error that the server answered with.
type statusError struct {
	code int
	// spoken says that the answer is a text in JSON, as the API itself says what is wrong. A proxy, another server and a path that the
	// API does not know are answered for by pages, by bare texts and by objects.
	spoken bool
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d", e.code) }

// statusOf returns the status that an error was answered with, 0 for another error.
func statusOf(err error) int {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code
	}
	return 0
}

// spoken is statusOf an error that the API itself answered with, and no other server on the way.
func spoken(err error) int {
	if status, ok := errors.AsType[*statusError](err); ok && status.spoken {
		return status.code
	}
	return 0
}

// send makes one call and counts it.
func (s *session) send(ctx context.Context, with *http.Client, c call) (answer, error) {
	got, err := s.exchange(ctx, with, c)
	s.observe(c.name, err)
	return got, err
}

func (s *session) exchange(ctx context.Context, with *http.Client, c call) (answer, error) {
	target, err := s.base.Parse(c.path)
	if err != nil {
		return answer{}, fault.Wrap(fault.Unknown, err, "%s: the path of the call is not one", c.what)
	}
	target.RawQuery = c.query.Encode()
	request, err := http.NewRequestWithContext(ctx, c.method, target.String(), bytes.NewReader(c.body))
	if err != nil {
		return answer{}, fault.Wrap(fault.Unknown, err, "%s: the call is not one", c.what)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	if c.authorization != "" {
		request.Header.Set("Authorization", c.authorization)
	}
	response, err := with.Do(request)
	if err != nil {
		return answer{}, s.unreachable(err, c)
	}
	defer response.Body.Close()
	limit := c.limit
	if limit == 0 {
		limit = maxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices:
		return answer{}, s.refusal(response, body, c)
	case err != nil:
		return answer{}, s.unreachable(err, c)
	case int64(len(body)) > limit:
		return answer{}, fault.New(fault.Invalid, "%s: the answer is larger than %d bytes", c.what, limit)
	}
	return answer{status: response.StatusCode, body: body}, nil
}

// unreachable is about an answer that did not come, or not all of it.
func (s *session) unreachable(err error, c call) error {
	return fault.Wrap(fault.Unavailable, err, "%s: Password Safe at %s cannot be reached: %s", c.what, s.base.Host, fault.Connection(err,
		fault.Advice{Authority: "check server.caBundle or server.caProvider", Timeout: "server.clientTimeOutSeconds may be too short"}))
}

// refusal classifies an answer that is no success. Its text is not repeated: it may quote what was sent.
func (s *session) refusal(response *http.Response, body []byte, c call) error {
	code := response.StatusCode
	var text string
	cause := &statusError{code: code, spoken: json.Unmarshal(body, &text) == nil && text != ""}
	as := func(kind fault.Kind, problem string) *fault.Error {
		return fault.Wrap(kind, cause, "%s: Password Safe %s (status %d)", c.what, problem, code)
	}
	switch {
	case code == http.StatusUnauthorized:
		return as(fault.Denied, "refuses the session")
	case code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return as(fault.Denied, "does not allow it to the store's user")
	case code == http.StatusTooManyRequests:
		throttled := as(fault.Throttled, "asks for fewer calls")
		throttled.RetryAfter = fault.ParseRetryAfter(response.Header.Get("Retry-After"), s.clock.Now())
		return throttled
	case code < http.StatusBadRequest:
		return as(fault.Unavailable, "redirects elsewhere, which is not followed: check server.apiUrl")
	case code == http.StatusNotFound:
		return as(fault.Unavailable, "has nothing there: check server.apiUrl, and that the server is of a version that has this call")
	case code == http.StatusRequestTimeout, code >= http.StatusInternalServerError:
		return as(fault.Unavailable, "failed")
	default:
		return as(fault.Invalid, "does not accept it")
	}
}
