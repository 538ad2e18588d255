package fault_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-operator/sluice/internal/fault"
)

func TestOfWrite(t *testing.T) {
	const marked = "do-not-quote"
	resource := schema.GroupResource{Resource: "secrets"}
	terminating := apierrors.NewForbidden(resource, "app", errors.New(marked))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app", field.ErrorList{
		field.Invalid(field.NewPath("data").Key(marked), marked, marked), field.Required(field.NewPath("metadata", "name"), marked),
	})
	mistyped := &apierrors.StatusError{ErrStatus: metav1.Status{Code: 500, Message: "failed to create typed patch object (shop/app; v1, Kind=X): " +
		"errors:\n  .spec.port: expected numeric (int or float), got &value{\"" + marked + "\"}\n  .spec.labels.b: field not declared in schema"}}
	unkeyed := &apierrors.StatusError{ErrStatus: metav1.Status{Code: 500, Message: "failed to create typed patch object (shop/app; v1, Kind=X): " +
		"errors:\n  .spec.ports: duplicate entries for key [name=\"" + marked + "\"]\n" +
		"  .spec.hosts: element 0: associative list with keys has an element that omits key field \"name\""}}
	etcd := func(message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: 500, Message: message}}
	}
	tests := []struct {
		reason string
		err    error
		kind   fault.Kind
		says   string
	}{
		{"a missing right", apierrors.NewForbidden(resource, "app", errors.New(marked)), fault.Denied, `grant it the verb "patch" on secrets there`},
		{"a namespace that is being deleted", terminating, fault.Invalid, `namespace "shop" is being deleted`},
		{"fields that are wrong", invalid, fault.Invalid, "data[…] (FieldValueInvalid), metadata.name (FieldValueRequired)"},
		{"an object that is too large", apierrors.NewRequestEntityTooLargeError(marked), fault.Invalid, "too large"},
		{"fields that a schema does not have", mistyped, fault.Invalid, "of another type, or a list with other keys: spec.port, spec.labels.b"},
		{"items of a list that lack a key or have one twice", unkeyed, fault.Invalid, "a list with other keys: spec.ports, spec.hosts"},
		{"an object that etcd does not take", etcd("etcdserver: request is too large"), fault.Invalid, "the object is too large"},
		{
			"nor its client", etcd("rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)"),
			fault.Invalid, "the object is too large",
		},
		{"a lost race", apierrors.NewConflict(resource, "app", errors.New(marked)), fault.Unavailable, "changed at the same moment"},
		{"a server that fails", apierrors.NewInternalError(errors.New(marked)), fault.Unavailable, "could not patch"},
		{"no answer", errors.New(marked), fault.Unavailable, "could not patch"},
	}
	object := fault.Object{Kind: "secret", Resource: "secrets", Namespace: "shop", Name: "app"}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			err := fault.OfWrite(tt.err, "patch", object)
			if !fault.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), marked) {
				t.Errorf("got %v (%s), want %s with %q and nothing quoted", err, fault.KindOf(err), tt.kind, tt.says)
			}
			if !errors.Is(err, tt.err) {
				t.Error("the cause is lost")
			}
		})
	}
	if err := fault.OfWrite(nil, "patch", object); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	object.Field = func(string) string { return "a field" }
	if err := fault.OfWrite(mistyped, "patch", object); !strings.HasSuffix(err.Error(), "a field, a field") {
		t.Errorf("got %v, want the fields as they may be named", err)
	}
}
