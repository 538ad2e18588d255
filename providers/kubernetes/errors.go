package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
)

// missingRight matches the one text of the API server that is quoted, and of that only the user, the verb and the resource.
var missingRight = regexp.MustCompile(`User "([^"]*)" cannot ([a-z]+) resource "([a-z]+)"`)

// explain turns an error of a call into a fault. The API server's texts are not repeated, since they may quote values;
// the error itself is kept as the cause.
func explain(err error, op operation, host string) error {
	var known *fault.Error
	var status apierrors.APIStatus
	var connection *url.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, err, "%s: the call was cancelled", op)
	case errors.As(err, &known):
		return err
	case errors.As(err, &status):
		return explainStatus(err, status.Status(), op, host)
	case errors.As(err, &connection) || errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Unavailable, err, "%s: the API server at %s cannot be reached: %s", op, host,
			fault.Connection(err, fault.Advice{Authority: "check server.caBundle or server.caProvider"}))
	default:
		return fault.Wrap(fault.Unavailable, err, "%s: the answer of %s cannot be read as one of a Kubernetes API server", op, host)
	}
}

// explainStatus explains an answer of the API server.
func explainStatus(err error, status metav1.Status, op operation, host string) error {
	switch {
	case apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return explainForeign(err, status, op, host)
	case len(conflicts(err)) > 0:
		return fault.Wrap(fault.Conflict, err, "%s: keys belong to another field manager", op)
	case status.Code >= http.StatusInternalServerError:
		return fault.Wrap(fault.Unavailable, err, "%s: the API server failed with status %d", op, status.Code)
	}
	switch status.Code {
	case http.StatusNotFound:
		return explainNotFound(err, status, op)
	case http.StatusUnauthorized:
		return fault.Wrap(fault.Denied, err, "%s: the API server refuses the store's credentials: they are wrong, or have expired", op)
	case http.StatusForbidden:
		return explainForbidden(err, status, op)
	case http.StatusTooManyRequests:
		return throttled(err, op)
	case http.StatusConflict:
		return fault.Wrap(fault.Unavailable, errors.Join(errStale, err), "%s: the secret is being changed by others all the time", op)
	case http.StatusGone:
		return fault.Wrap(fault.Unavailable, err, "%s: the list changed too much while it was read", op)
	default:
		return fault.Wrap(fault.Invalid, err, "%s: the API server refuses it with status %d%s", op, status.Code, rejectedFields(status))
	}
}

// explainForeign is about an answer that is not in the API's own form: from a proxy, or from something else altogether.
// Its 404 says nothing about a secret.
func explainForeign(err error, status metav1.Status, op operation, host string) error {
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Wrap(fault.Denied, err, "%s: %s refuses the store's credentials with status %d", op, host, status.Code)
	case http.StatusTooManyRequests:
		return throttled(err, op)
	default:
		return fault.Wrap(fault.Unavailable, err, "%s: %s gives an answer with status %d that is not one of a Kubernetes API server",
			op, host, status.Code)
	}
}

func explainNotFound(err error, status metav1.Status, op operation) error {
	kind := ""
	if status.Details != nil {
		kind = status.Details.Kind
	}
	switch {
	case kind == op.resource && op.name != "":
		return fault.Wrap(fault.NotFound, err, "secret %q does not exist in namespace %q", op.name, op.namespace)
	case kind == "namespaces":
		return fault.Wrap(fault.Unavailable, err, "%s: the namespace does not exist", op)
	default:
		return fault.Wrap(fault.Unavailable, err, "%s: the server does not know this part of the Kubernetes API", op)
	}
}

func explainForbidden(err error, status metav1.Status, op operation) error {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return fault.Wrap(fault.Denied, err, "%s: the namespace is being deleted", op)
	}
	match := missingRight.FindStringSubmatch(status.Message)
	if match == nil {
		return fault.Wrap(fault.Denied, err, "%s: the API server forbids it, by a quota or an admission rule", op)
	}
	place := ""
	if op.namespace != "" {
		place = fmt.Sprintf(" in namespace %q", op.namespace)
	}
	return fault.Wrap(fault.Denied, err, "the store's identity %q may not %s %s%s: grant it the verb %q",
		match[1], match[2], match[3], place, match[2])
}

func throttled(err error, op operation) error {
	e := fault.Wrap(fault.Throttled, err, "%s: the API server asks for fewer calls", op)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// rejectedFields names the fields that the API server complains about and its kinds of complaint, never its texts.
func rejectedFields(status metav1.Status) string {
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return ""
	}
	var fields []string
	for _, cause := range status.Details.Causes {
		fields = append(fields, fmt.Sprintf("%s (%s)", cause.Field, strings.TrimPrefix(string(cause.Type), "FieldValue")))
	}
	return ": " + strings.Join(fields, ", ")
}

// String describes the operation for messages.
func (op operation) String() string {
	text := op.verb + " " + op.resource
	if op.name != "" {
		text = fmt.Sprintf("%s secret %q", op.verb, op.name)
	}
	if op.namespace != "" {
		text += fmt.Sprintf(" in namespace %q", op.namespace)
	}
	return text
}
