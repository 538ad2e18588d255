package fanout

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// parent asks for ExternalSecrets in red namespaces, and in one that it names.
func parent() *esv1.ClusterExternalSecret {
	return &esv1.ClusterExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Name: "parent", UID: "1"},
		Spec: esv1.ClusterExternalSecretSpec{
			ExternalSecretName: "child",
			ExternalSecretSpec: esv1.ExternalSecretSpec{SecretStoreRef: esv1.SecretStoreRef{Name: "store"}},
			ExternalSecretMetadata: esv1.ChildMetadata{
				Labels: map[string]string{"team": "red"}, Annotations: map[string]string{"note": "made"},
			},
			NamespaceSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"colour": "red"}}},
			Namespaces:         []string{"named"},
		},
	}
}

func namespaceOf(name, colour string) corev1.Namespace {
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"colour": colour}}}
}

// child is what parent asks for in a namespace, as it is once it has been applied, with changes.
func child(namespace string, changes ...func(*esv1.ExternalSecret)) *esv1.ExternalSecret {
	p := parent()
	es := &esv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "child",
			Labels: map[string]string{"team": "red"}, Annotations: map[string]string{"note": "made"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(p, esv1.GroupVersion().WithKind(esv1.KindClusterExternalSecret))},
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: esv1.FieldManagerClusterExternalSecret, Operation: metav1.ManagedFieldsOperationApply,
				FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:team":{}},"f:annotations":{"f:note":{}}},"f:spec":{}}`),
			}},
		},
		Spec: p.Spec.ExternalSecretSpec,
	}
	for _, change := range changes {
		change(es)
	}
	return es
}

func named(name string) func(*esv1.ExternalSecret) {
	return func(es *esv1.ExternalSecret) { es.Name = name }
}

func controlledBy(kind, name string, uid types.UID) func(*esv1.ExternalSecret) {
	return func(es *esv1.ExternalSecret) {
		es.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: esv1.GroupVersion().String(), Kind: kind, Name: name, UID: uid, Controller: new(true),
		}}
	}
}

func orphaned(es *esv1.ExternalSecret) { es.OwnerReferences = nil }

func edited(es *esv1.ExternalSecret) { es.Spec.SecretStoreRef.Name = "another" }

// held says that something is to be done before it goes.
func held(es *esv1.ExternalSecret) { es.Finalizers = []string{"example.com/first"} }

func dying[O client.Object](o O) O {
	o.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	return o
}

// verdict is a decision in words.
type verdict struct {
	Create, Update, Keep, Remove, Missing []string
	Failed                                map[string]string
}

func inWords(d decision) verdict {
	v := verdict{Keep: d.keep, Missing: d.missing, Failed: map[string]string{}}
	for _, p := range d.write {
		if p.existing == nil {
			v.Create = append(v.Create, p.namespace)
		} else {
			v.Update = append(v.Update, p.namespace)
		}
	}
	for _, child := range d.remove {
		v.Remove = append(v.Remove, child.GetNamespace()+"/"+child.GetName())
	}
	for namespace, err := range d.failed {
		v.Failed[namespace] = fault.Message(err)
	}
	return v
}

func TestDecide(t *testing.T) {
	deleted := namespaceOf("a", "red")
	dying(&deleted)
	tests := []struct {
		reason     string
		namespaces []corev1.Namespace
		found      []client.Object
		want       verdict
	}{
		{reason: "without namespaces there is nothing to do, and a name that leads nowhere is said", want: verdict{Missing: []string{"named"}}},
		{
			reason:     "what is selected or named gets one, the others do not",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("b", "blue"), namespaceOf("named", "blue")},
			want:       verdict{Create: []string{"a", "named"}},
		},
		{
			reason:     "what is as it should be is kept",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "blue")},
			found:      []client.Object{child("a"), child("named")},
			want:       verdict{Keep: []string{"a", "named"}},
		},
		{
			reason:     "what is not is written",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "")},
			found:      []client.Object{child("a", edited), child("named")},
			want:       verdict{Update: []string{"a"}, Keep: []string{"named"}},
		},
		{
			reason:     "a namespace that is not selected any more loses it",
			namespaces: []corev1.Namespace{namespaceOf("a", "blue"), namespaceOf("named", "")},
			found:      []client.Object{child("a"), child("named")},
			want:       verdict{Remove: []string{"a/child"}, Keep: []string{"named"}},
		},
		{
			reason:     "one under a former name is replaced",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "")},
			found:      []client.Object{child("a", named("former")), child("named", named("former"))},
			want:       verdict{Create: []string{"a", "named"}, Remove: []string{"a/former", "named/former"}},
		},
		{
			reason:     "one under a former name that has something to do before it goes is waited for, in its own namespace",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "")},
			found:      []client.Object{child("a", named("former"), held), child("named", named("former"))},
			want: verdict{
				Create: []string{"named"}, Remove: []string{"a/former", "named/former"},
				Failed: map[string]string{"a": `external secret "former" is being deleted: "child" is made when it is gone`},
			},
		},
		{
			reason:     "and so while it is at it; of several one is named, always the same",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "")},
			found: []client.Object{
				dying(child("a", named("former-2"), held)), dying(child("a", named("former-1"), held)), dying(child("a", named("former-3"), held)),
				child("named"),
			},
			want: verdict{
				Keep: []string{"named"}, Failed: map[string]string{"a": `external secret "former-1" is being deleted: "child" is made when it is gone`},
			},
		},
		{
			reason:     "where it is under the new name already, nothing waits",
			namespaces: []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("named", "")},
			found:      []client.Object{child("a", named("former"), held), child("a", edited), child("named")},
			want:       verdict{Update: []string{"a"}, Keep: []string{"named"}, Remove: []string{"a/former"}},
		},
		{
			reason:     "nor where it is not wanted any more",
			namespaces: []corev1.Namespace{namespaceOf("a", "blue"), namespaceOf("named", "")},
			found:      []client.Object{child("a", held), child("named")},
			want:       verdict{Remove: []string{"a/child"}, Keep: []string{"named"}},
		},
		{
			reason:     "a namespace that is being deleted is left alone, with what is in it",
			namespaces: []corev1.Namespace{deleted, namespaceOf("named", "")},
			found:      []client.Object{child("a"), child("a", named("former")), child("named")},
			want:       verdict{Keep: []string{"named"}},
		},
		{
			reason:     "what is in a namespace that is not known is not removed",
			namespaces: []corev1.Namespace{namespaceOf("named", "")},
			found:      []client.Object{child("unknown"), child("named")},
			want:       verdict{Keep: []string{"named"}},
		},
		{
			reason:     "what is being deleted is not deleted again",
			namespaces: []corev1.Namespace{namespaceOf("a", "blue"), namespaceOf("named", "")},
			found:      []client.Object{dying(child("a")), child("named")},
			want:       verdict{Keep: []string{"named"}},
		},
		{
			reason:     "a former owner's is left to the garbage collector where it is not wanted",
			namespaces: []corev1.Namespace{namespaceOf("a", "blue"), namespaceOf("named", "")},
			found:      []client.Object{child("a", controlledBy("ClusterExternalSecret", "parent", "0")), child("named")},
			want:       verdict{Keep: []string{"named"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, inWords(decideOn(t, tt.namespaces, tt.found)), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func decideOn(t *testing.T, namespaces []corev1.Namespace, found []client.Object) decision {
	t.Helper()
	w := world{namespaces: namespaces, found: map[types.NamespacedName]client.Object{}}
	for _, child := range found {
		w.found[client.ObjectKeyFromObject(child)] = child
	}
	want := externalSecrets().wanted(parent())
	chosen, err := want.selection()
	if err != nil {
		t.Fatal(err)
	}
	return decide(&want, chosen, w)
}

func TestDecideLeavesWhatIsNotItsOwn(t *testing.T) {
	tests := []struct {
		reason string
		found  *esv1.ExternalSecret
		says   []string
	}{
		{
			"nobody's, that somebody has written", child("a", orphaned),
			[]string{"external secret already exists in namespace", `"child"`, "delete it, or choose another spec.externalSecretName"},
		},
		{
			"another ClusterExternalSecret's", child("a", controlledBy("ClusterExternalSecret", "other", "2")),
			[]string{"external secret already exists in namespace", `controlled by ClusterExternalSecret "other"`},
		},
		{
			"something else's that has the same name", child("a", controlledBy("Application", "parent", "3")),
			[]string{"external secret already exists in namespace", `controlled by Application "parent"`},
		},
		{
			"that of a former ClusterExternalSecret of the name", child("a", controlledBy("ClusterExternalSecret", "parent", "0")),
			[]string{"former ClusterExternalSecret", "garbage collector"},
		},
		{"one that is being deleted", dying(child("a")), []string{`"child" is being deleted`, "a new one is made"}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			d := decideOn(t, []corev1.Namespace{namespaceOf("a", "red"), namespaceOf("b", "red")}, []client.Object{tt.found})
			if got := inWords(d); len(got.Update)+len(got.Remove)+len(got.Keep) > 0 || !cmp.Equal(got.Create, []string{"b"}) {
				t.Errorf("%+v, want nothing to be done but in the other namespace", got)
			}
			if !fault.Is(d.failed["a"], fault.Conflict) {
				t.Fatalf("got %v, want a Conflict", d.failed["a"])
			}
			for _, text := range tt.says {
				if message := fault.Message(d.failed["a"]); !strings.Contains(message, text) {
					t.Errorf("%q does not say %q", message, text)
				}
			}
		})
	}
}

func TestOwners(t *testing.T) {
	tests := []struct {
		reason string
		es     *esv1.ExternalSecret
		want   []string
	}{
		{"its ClusterExternalSecret", child("a"), []string{"parent"}},
		{"nobody", child("a", orphaned), nil},
		{"another kind", child("a", controlledBy("Application", "parent", "3")), nil},
		{"a kind of the name in another group", child("a", func(es *esv1.ExternalSecret) { es.OwnerReferences[0].APIVersion = "example.com/v1" }), nil},
		{"an owner that does not control it", child("a", func(es *esv1.ExternalSecret) { es.OwnerReferences[0].Controller = nil }), nil},
		{"of the former version", child("a", func(es *esv1.ExternalSecret) {
			es.OwnerReferences[0].APIVersion = "external-secrets.io/v1beta1"
		}), []string{"parent"}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, externalSecrets().owners(tt.es)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
