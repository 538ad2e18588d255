package fanout

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

func TestHeldBy(t *testing.T) {
	tests := []struct {
		reason string
		change func(*esv1.ExternalSecret)
		want   bool
	}{
		{"as it was applied", func(*esv1.ExternalSecret) {}, true},
		{"labels and annotations of others are none of our business", func(es *esv1.ExternalSecret) {
			es.Labels["more"], es.Annotations["more"] = "x", "y"
		}, true},
		{"what the status says does not matter", func(es *esv1.ExternalSecret) { es.Status.ObservedGeneration = 7 }, true},
		{"an empty list is as good as none", func(es *esv1.ExternalSecret) { es.Spec.Data = []esv1.ExternalSecretData{} }, true},
		{"a field of the spec is another", edited, false},
		{"a field of the spec has been added", func(es *esv1.ExternalSecret) { es.Spec.RefreshPolicy = esv1.RefreshCreatedOnce }, false},
		{"a label is another", func(es *esv1.ExternalSecret) { es.Labels["team"] = "blue" }, false},
		{"a label is gone", func(es *esv1.ExternalSecret) { delete(es.Labels, "team") }, false},
		{"an annotation is gone", func(es *esv1.ExternalSecret) { es.Annotations = nil }, false},
		{"a label that was wanted is still there", func(es *esv1.ExternalSecret) {
			es.Labels["former"] = "x"
			es.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:team":{},"f:former":{}},"f:annotations":{"f:note":{}}}}`)
		}, false},
		{"an annotation that was wanted is still there", func(es *esv1.ExternalSecret) {
			es.Annotations["former"] = "x"
			es.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:team":{}},"f:annotations":{"f:note":{},"f:former":{}}}}`)
		}, false},
		{"the reference implementation has written it: it is taken over", func(es *esv1.ExternalSecret) {
			es.ManagedFields[0].Manager = "external-secrets"
		}, false},
		{"the record cannot be read: it is written anew", func(es *esv1.ExternalSecret) {
			es.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1(`[]`)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			want := externalSecrets().wanted(parent())
			if got := want.heldBy(child("a", tt.change)); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestWantedAnnotations(t *testing.T) {
	tests := []struct {
		reason         string
		own, requested map[string]string
		want           map[string]string
	}{
		{reason: "none"},
		{reason: "what is asked for", requested: map[string]string{"a": "b"}, want: map[string]string{"a": "b"}},
		{
			reason: "the request to refresh is passed on, in the spelling that it has",
			own:    map[string]string{"external-secrets.io/force-sync": "1"}, want: map[string]string{"external-secrets.io/force-sync": "1"},
		},
		{
			reason: "in the other spelling too", own: map[string]string{"force-sync": "1"}, requested: map[string]string{"a": "b"},
			want: map[string]string{"force-sync": "1", "a": "b"},
		},
		{
			reason: "and wins over what is asked for", own: map[string]string{"force-sync": "2"},
			requested: map[string]string{"force-sync": "1"}, want: map[string]string{"force-sync": "2"},
		},
		{
			reason: "what tools write about the object itself is not passed on",
			own: map[string]string{
				"argocd.argoproj.io/tracking-id": "x", "meta.helm.sh/release-name": "x", "anything.else": "x",
				"kubectl.kubernetes.io/last-applied-configuration": "x",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			ces := &esv1.ClusterExternalSecret{ObjectMeta: metav1.ObjectMeta{
				Name: "parent", Annotations: tt.own, Labels: map[string]string{"argocd.argoproj.io/instance": "x"},
			}}
			ces.Spec.ExternalSecretMetadata.Annotations = tt.requested
			want := externalSecrets().wanted(ces)
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, want.annotations); diff != "" || len(want.labels) > 0 || want.childName != "parent" {
				t.Errorf("%+v, annotations (-want +got):\n%s", want, diff)
			}
			if requested := ces.Spec.ExternalSecretMetadata.Annotations; len(requested) != len(tt.requested) {
				t.Errorf("the spec was changed to %v", requested)
			}
		})
	}
}
