package fault

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Object is an object of the API server, as errors and rights name it.
type Object struct {
	// Kind is what people call it, such as secret.
	Kind string
	// Resource is what a right to it names, such as secrets.
	Resource string
	// Namespace and Name of the object.
	Namespace, Name string
	// Field returns what an error may say of the path of a field, in which a name may have been made of a value. Without it,
	// what stands in brackets is left out.
	Field func(path string) string
}

// String returns the kind, the name and the namespace.
func (o Object) String() string {
	return fmt.Sprintf("%s %q in namespace %q", o.Kind, o.Name, o.Namespace)
}

// OfWrite gives an error of the API server, about a write to an object by the operator, a kind and a text that leaves out
// what the server quotes. It returns nil for nil.
func OfWrite(err error, verb string, o Object) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return Wrap(Invalid, err, "namespace %q is being deleted", o.Namespace)
	case apierrors.IsForbidden(err):
		return Wrap(Denied, err, "the operator may not %s %s: grant it the verb %q on %s there, "+
			"or look for an admission policy or quota that refuses it", verb, o, verb, o.Resource)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return Wrap(Invalid, err, "the API server refuses %s: %s", o, o.refusal(err))
	case len(o.mistyped(err)) > 0:
		return Wrap(Invalid, err, "the API server refuses %s: "+
			"the schema of the kind has no such field, or one of another type, or a list with other keys: %s", o, strings.Join(o.mistyped(err), ", "))
	case tooLarge.MatchString(err.Error()):
		return Wrap(Invalid, err, "the API server refuses %s: the object is too large", o)
	case apierrors.IsConflict(err):
		return Wrap(Unavailable, err, "%s changed at the same moment", o)
	default:
		return Wrap(Unavailable, err, "could not %s %s", verb, o)
	}
}

// tooLarge finds what etcd says of an object that it does not take, which the API server reports as a failure of its own.
var tooLarge = regexp.MustCompile(`^(?:etcdserver: request is too large$|rpc error: code = ResourceExhausted .* larger than max)`)

var inBrackets = regexp.MustCompile(`\[[^\]]*\]`)

func (o Object) field(path string) string {
	if o.Field != nil {
		return o.Field(path)
	}
	return inBrackets.ReplaceAllString(path, "[…]")
}

// refusal lists the fields that the API server finds wrong, and how.
func (o Object) refusal(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return "the object is too large or malformed"
	}
	fields := make([]string, 0, len(status.Status().Details.Causes))
	for _, cause := range status.Status().Details.Causes {
		fields = append(fields, o.field(cause.Field)+" ("+string(cause.Type)+")")
	}
	return strings.Join(fields, ", ")
}

var mistypedField = regexp.MustCompile(`\.(\S+): (?:expected|field not declared|duplicate entries|element \d+:)`)

// mistyped lists the fields that do not fit the schema of a custom resource. The API server says so in a text alone, and as
// if the failure were its own.
func (o Object) mistyped(err error) []string {
	if !strings.HasPrefix(err.Error(), "failed to create typed patch object") {
		return nil
	}
	var fields []string
	for _, match := range mistypedField.FindAllStringSubmatch(err.Error(), -1) {
		fields = append(fields, o.field(match[1]))
	}
	return fields
}
