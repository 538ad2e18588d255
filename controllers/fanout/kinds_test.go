package fanout

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// owner has the name "parent", whatever its kind, and every annotation that is a request to somebody.
func owner() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "parent", UID: "1", Annotations: map[string]string{
		"external-secrets.io/force-sync": "1", "force-sync": "2", "sluice.dev/rotate": "password@3", "more": "4",
	}}
}

// pushParent is a ClusterPushSecret with every field of its own set.
func pushParent() *esv1alpha1.ClusterPushSecret {
	return &esv1alpha1.ClusterPushSecret{ObjectMeta: owner(), Spec: esv1alpha1.ClusterPushSecretSpec{
		PushSecretName:     "child",
		PushSecretMetadata: esv1.ChildMetadata{Labels: map[string]string{"team": "red"}, Annotations: map[string]string{"note": "made"}},
		PushSecretSpec:     esv1alpha1.PushSecretSpec{UpdatePolicy: esv1alpha1.UpdateIfNotExists},
		NamespaceSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"colour": "red"}}},
	}}
}

func TestRequestsArePassedOn(t *testing.T) {
	tests := []struct {
		reason string
		want   wanted
		keys   []string
	}{
		{"an ExternalSecret reads anew", externalSecrets().wanted(&esv1.ClusterExternalSecret{ObjectMeta: owner()}), []string{
			"external-secrets.io/force-sync", "force-sync",
		}},
		{"a PushSecret pushes anew, and makes single keys anew", pushSecrets().wanted(&esv1alpha1.ClusterPushSecret{ObjectMeta: owner()}), []string{
			"external-secrets.io/force-sync", "force-sync", "sluice.dev/rotate",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			want := map[string]string{}
			for _, key := range tt.keys {
				want[key] = owner().Annotations[key]
			}
			if diff := cmp.Diff(want, tt.want.annotations); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPushSecretsAreWanted(t *testing.T) {
	parent := pushParent()
	want := pushSecrets().wanted(parent)
	if want.childName != "child" || want.labels["team"] != "red" || want.annotations["note"] != "made" {
		t.Errorf("got %q with the labels %v and the annotations %v", want.childName, want.labels, want.annotations)
	}
	if diff := cmp.Diff(&parent.Spec.PushSecretSpec, want.spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	chosen, err := want.selection()
	if err != nil {
		t.Fatal(err)
	}
	red, blue := namespaceOf("a", "red"), namespaceOf("b", "blue")
	if !chosen.Matches(&red) || chosen.Matches(&blue) {
		t.Error("the selectors do not decide")
	}
	one, another := want.in("a", nil), want.in("b", nil)
	if one.child == another.child || one.Spec == another.Spec || one.Spec == any(&parent.Spec.PushSecretSpec) {
		t.Error("what is applied shares memory, though answers are read into it")
	}
}

func TestKindsAreNamed(t *testing.T) {
	child := func(owner *metav1.OwnerReference) client.Object {
		ps := &esv1alpha1.PushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "child"}}
		if owner != nil {
			ps.OwnerReferences = []metav1.OwnerReference{*owner}
		}
		return ps
	}
	by := func(kind string) *metav1.OwnerReference {
		return &metav1.OwnerReference{APIVersion: "external-secrets.io/v1alpha1", Kind: kind, Name: "parent", UID: "0", Controller: new(true)}
	}
	want := pushSecrets().wanted(pushParent())
	tests := []struct{ reason, got, want string }{
		{
			"somebody else's", fault.Message(want.occupied(child(nil))),
			`push secret already exists in namespace: "child" was not made by this ClusterPushSecret: delete it, or choose another spec.pushSecretName`,
		},
		{
			"that of a former one of the name", fault.Message(want.occupied(child(by("ClusterPushSecret")))),
			`push secret "child" is that of a former ClusterPushSecret of this name: a new one is made when the garbage collector has deleted it`,
		},
		{
			"that of the other kind of the same name", fault.Message(want.occupied(child(by("ClusterExternalSecret")))),
			`push secret already exists in namespace: "child" was not made by this ClusterPushSecret, ` +
				`it is controlled by ClusterExternalSecret "parent": delete it, or choose another spec.pushSecretName`,
		},
		{"all is well", want.success(outcome{provisioned: []string{"a"}}), `push secret "child" is in every selected namespace`},
		{"an object", want.kinds.object("child", "a").String(), `push secret "child" in namespace "a"`},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.reason, tt.got, tt.want)
		}
	}
}

func TestFormerFinalizers(t *testing.T) {
	namespace := namespaceOf("a", "red")
	namespace.Finalizers = []string{"externalsecrets.external-secrets.io/ces-one", "example.com/keep", "externalsecrets.external-secrets.io/ces-two"}
	if diff := cmp.Diff([]string{"one", "two"}, externalSecrets().former.parents(&namespace)); diff != "" {
		t.Errorf("those of ClusterExternalSecrets (-want +got):\n%s", diff)
	}
	if got := pushSecrets().former.parents(&namespace); len(got) > 0 {
		t.Errorf("got %v, but no finalizer is a ClusterPushSecret's", got)
	}
}
