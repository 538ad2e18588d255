package credentials

import (
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/fault"
)

// access is one call to the API server.
type access struct {
	// verb and resource are the right that the call needs.
	verb, resource string
	// noun is what people call the object.
	noun   string
	object client.Object
}

// apiFault turns an error of the API server into a fault that names what was attempted.
func apiFault(err error, a access) error {
	namespace, name := a.object.GetNamespace(), a.object.GetNamespace()+"/"+a.object.GetName()
	switch {
	case apierrors.IsNotFound(err):
		return fault.Wrap(fault.Denied, err, "%s %q does not exist", a.noun, name)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fault.Wrap(fault.Denied, err, "the operator may not %s %s (%q): grant it the verb %q on %s in namespace %q",
			a.verb, a.resource, name, a.verb, a.resource, namespace)
	case apierrors.IsTooManyRequests(err):
		throttled := fault.Wrap(fault.Throttled, err, "the API server is too busy to %s %s (%q)", a.verb, a.resource, name)
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			throttled.RetryAfter = time.Duration(seconds) * time.Second
		}
		return throttled
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return fault.Wrap(fault.Invalid, err, "the API server refused the request to %s %s (%q) as invalid", a.verb, a.resource, name)
	}
	return fault.Wrap(fault.Unavailable, err, "could not %s %s (%q): the API server did not answer as expected", a.verb, a.resource, name)
}
