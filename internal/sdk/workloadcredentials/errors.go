package workloadcredentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
)

// StatusError is in the chain of an error that the API answered with.
type StatusError struct {
	// Status is that of HTTP.
	Status int
	// Code is the API's own word for the failure, such as lease_not_revocable; empty when it gave none.
	Code string
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d %s", e.Status, e.Code) }

// Refused reports whether err is an answer of the API that says that it did nothing of what it was asked for and may do it later. After
// other failures, such as that of a gateway that waited in vain, nobody knows whether it did.
func Refused(err error) bool {
	answer, ok := errors.AsType[*StatusError](err)
	return ok && slices.Contains([]int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}, answer.Status)
}

// word is what a code looks like. Nothing else of an answer is quoted, as it may hold a value.
var word = regexp.MustCompile(`^[a-z]{1,32}(_[a-z]{1,32}){0,8}$`)

// failure is what the API says of an error.
type failure struct {
	Code    string `json:"code"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// failureOf reads the body of an error; the zero value is for one that is not the API's.
func failureOf(body []byte) failure {
	var answer failure
	if json.Unmarshal(body, &answer) != nil {
		return failure{}
	}
	return answer
}

// codeOf reads the code in the body of an error. It is written code or Code, and the older form {error, message, details} has it in
// error, or in its message.
func codeOf(body []byte) string {
	answer := failureOf(body)
	switch {
	case word.MatchString(answer.Code):
		return answer.Code
	case word.MatchString(answer.Error):
		return answer.Error
	case strings.Contains(answer.Message, codeNotRevocable):
		return codeNotRevocable
	}
	return ""
}

// refusal explains an answer that is no success.
func (c *Client) refusal(op operation, response *http.Response, body []byte) error {
	cause := &StatusError{Status: response.StatusCode, Code: codeOf(body)}
	says := fmt.Sprintf("status %d", cause.Status)
	if cause.Code != "" {
		says += ", " + cause.Code
	}
	switch {
	case cause.Status == http.StatusUnauthorized, cause.Status == http.StatusForbidden:
		return fault.Wrap(fault.Denied, cause,
			"%s: %s refuses the API token (%s): check that the token in %s.auth.apikey.token is valid and has not expired, and that it may %s",
			op.does, c.host, says, c.field, op.may)
	case cause.Status == http.StatusNotFound:
		return c.notFound(op, cause, body)
	case cause.Status == http.StatusTooManyRequests:
		throttled := fault.Wrap(fault.Throttled, cause, "%s: %s asks for fewer calls (%s)", op.does, c.host, says)
		throttled.RetryAfter = fault.ParseRetryAfter(response.Header.Get("Retry-After"), c.clock.Now())
		return throttled
	case cause.Status == http.StatusRequestTimeout, cause.Status >= http.StatusInternalServerError:
		failed := fault.Wrap(fault.Unavailable, cause, "%s: %s failed (%s)", op.does, c.host, says)
		failed.RetryAfter = fault.ParseRetryAfter(response.Header.Get("Retry-After"), c.clock.Now())
		return failed
	case cause.Status < http.StatusBadRequest:
		return fault.Wrap(fault.Invalid, cause, "%s: %s redirects elsewhere, which is not followed (%s): write where it leads into %s.server.apiUrl",
			op.does, c.host, says, c.field)
	default:
		return fault.Wrap(fault.Invalid, cause, "%s: %s does not accept the request (%s)", op.does, c.host, says)
	}
}

// notFound trusts a 404 of the API alone. One of a proxy, or of a web server at a wrong address, says nothing about a secret.
func (c *Client) notFound(op operation, cause *StatusError, body []byte) error {
	if explained := failureOf(body) != (failure{}); op.absent == "" || !explained {
		return fault.Wrap(fault.Unavailable, cause, "%s: there is no such API at %s: check %s.server.apiUrl and %s.server.siteId",
			op.does, c.host, c.field, c.field)
	}
	return fault.Wrap(fault.NotFound, cause, "%s", op.absent)
}

// connection says why there is no answer, and what to check.
func (c *Client) connection(err error) string {
	return fault.Connection(err, fault.Advice{
		Authority: fmt.Sprintf("check %s.caBundle or %s.caProvider", c.field, c.field),
		Timeout: "check the network from the cluster to the API, whether the API responds, " +
			"and whether a firewall blocks the connection",
	})
}
