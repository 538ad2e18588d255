package credentials_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fault"
)

func TestLabelledSecret(t *testing.T) {
	const label, value = "example.com/type", "webhook"
	named := func(name string, labels map[string]string) *corev1.Secret {
		s := secret("a", map[string]string{"k": marked, "l": "other"})
		s.Name, s.Labels = name, labels
		return s
	}
	resolver := service(interceptor.Funcs{}, named("meant", map[string]string{label: value}), named("other", map[string]string{label: "none"}),
		named("bare", nil)).For(credentials.Referrer{Kind: "Webhook", Namespace: "a", Consumer: "a"})
	tests := []struct {
		reason, name string
		namespace    *string
		kind         fault.Kind
		message      string
	}{
		{reason: "a Secret that is meant for it", name: "meant"},
		{reason: "its namespace may be written out", name: "meant", namespace: new("a")},
		{
			reason: "another value of the label", name: "other", kind: fault.Denied,
			message: `secret "a/other" may not be used by a Webhook: it lacks the label example.com/type: webhook`,
		},
		{reason: "no label", name: "bare", kind: fault.Denied, message: `secret "a/bare" may not be used by a Webhook`},
		{reason: "a missing one", name: "none", kind: fault.Denied, message: `secret "a/none" does not exist`},
		{reason: "another namespace", name: "meant", namespace: new("b"), kind: fault.Invalid, message: `may only refer to namespace "a"`},
		{reason: "no name", kind: fault.Invalid, message: "needs a name"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := resolver.LabelledSecret(t.Context(), metametav1.SecretKeySelector{Name: tt.name, Namespace: tt.namespace}, label, value)
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil || len(got) != 2 || string(got["l"]) != "other" {
				t.Errorf("got %d values, %v", len(got), err)
			}
		})
	}
}
