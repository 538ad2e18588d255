package apply_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// decisions is everything that Diff decides. The target is in one of these states: missing; there, made by nobody known
// (foreign); as it was delivered (settled); changed since (edited); controlled by another ExternalSecret (theirs) or by
// a Deployment (deployed); immutable with another value (frozen); of another type than the template says (typed).
// "retain" and "absent" are keep, and said.
//
//nolint:dupword // a table says the same word often
const decisions = `
creation      deletion sources  missing foreign settled edited theirs   deployed frozen  typed
Owner         Retain   there    create  write   keep    write  Conflict Conflict Invalid Invalid
Owner         Retain   gone     retain  retain  retain  retain retain   retain   retain  retain
Owner         Delete   there    create  write   keep    write  Conflict Conflict Invalid Invalid
Owner         Delete   gone     absent  Conflict delete delete Conflict Conflict Conflict Conflict
Owner         Merge    there    create  write   keep    write  Conflict Conflict Invalid Invalid
Owner         Merge    gone     create  write   write   write  Conflict Conflict Invalid Invalid
Orphan        Retain   there    create  write   keep    write  Conflict Conflict Invalid Invalid
Orphan        Retain   gone     retain  retain  retain  retain retain   retain   retain  retain
Orphan        Delete   there    create  write   keep    write  Conflict Conflict Invalid Invalid
Orphan        Delete   gone     Invalid Invalid Invalid Invalid Invalid Invalid  Invalid Invalid
Orphan        Merge    there    create  write   keep    write  Conflict Conflict Invalid Invalid
Orphan        Merge    gone     create  write   write   write  Conflict Conflict Invalid Invalid
Merge         Retain   there    wait    write   keep    write  Conflict write    Invalid Invalid
Merge         Retain   gone     retain  retain  retain  retain retain   retain   retain  retain
Merge         Delete   there    wait    write   keep    write  Conflict write    Invalid Invalid
Merge         Delete   gone     Invalid Invalid Invalid Invalid Invalid Invalid  Invalid Invalid
Merge         Merge    there    wait    write   keep    write  Conflict write    Invalid Invalid
Merge         Merge    gone     wait    write   write   write  Conflict write    write   Invalid
CreateOrMerge Retain   there    create  write   keep    write  Conflict write    Invalid Invalid
CreateOrMerge Retain   gone     retain  retain  retain  retain retain   retain   retain  retain
CreateOrMerge Delete   there    create  write   keep    write  Conflict write    Invalid Invalid
CreateOrMerge Delete   gone     Invalid Invalid Invalid Invalid Invalid Invalid  Invalid Invalid
CreateOrMerge Merge    there    create  write   keep    write  Conflict write    Invalid Invalid
CreateOrMerge Merge    gone     create  write   write   write  Conflict write    write   Invalid
None          Retain   there    keep    keep    keep    keep   keep     keep     keep    keep
None          Retain   gone     keep    keep    keep    keep   keep     keep     keep    keep
None          Delete   there    keep    keep    keep    keep   keep     keep     keep    keep
None          Delete   gone     keep    keep    keep    keep   keep     keep     keep    keep
None          Merge    there    keep    keep    keep    keep   keep     keep     keep    keep
None          Merge    gone     keep    keep    keep    keep   keep     keep     keep    keep
`

func TestDiffDecides(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(decisions), "\n")
	states := strings.Fields(lines[0])[3:]
	for _, line := range lines[1:] {
		row := strings.Fields(line)
		creation, deletion := esv1.ExternalSecretCreationPolicy(row[0]), esv1.ExternalSecretDeletionPolicy(row[1])
		for i, state := range states {
			t.Run(strings.Join(row[:3], "/")+"/"+state, func(t *testing.T) {
				owner := asking(creation, deletion)
				w := wish(owner, map[string]string{"password": "new"})
				if row[2] == "gone" {
					w = wish(owner, nil)
					w.Empty = true
				}
				target := targetIn(t, state, owner)
				if state == "typed" {
					w.Desired.Type = corev1.SecretTypeTLS
				}
				change, err := apply.Diff(w, apply.OfSecret(target))
				if got := word(change, err); got != row[3+i] {
					t.Errorf("decided %s, want %s (error: %v)", got, row[3+i], err)
				}
			})
		}
	}
}

// targetIn returns the target in the state that a column of the table names.
func targetIn(t *testing.T, state string, owner *esv1.ExternalSecret) *corev1.Secret {
	t.Helper()
	foreign := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}, Type: corev1.SecretTypeOpaque,
		Data: values(map[string]string{"password": "old", "extra": "x"}),
	}
	switch state {
	case "missing":
		return nil
	case "settled", "edited":
		if owner.Spec.Target.CreationPolicy == esv1.CreateNone {
			return foreign
		}
		target := delivered(t, owner, map[string]string{"password": "new"})
		if state == "edited" {
			target.Data["password"] = []byte("edited")
		}
		return target
	case "theirs":
		foreign.OwnerReferences = []metav1.OwnerReference{controller(esv1.KindExternalSecret, "other", "uid-of-other")}
	case "deployed":
		foreign.OwnerReferences = []metav1.OwnerReference{controller("Deployment", "web", "uid-of-web")}
	case "frozen":
		foreign.Immutable = new(true)
	default:
	}
	return foreign
}

func word(c apply.Change, err error) string {
	switch {
	case err != nil:
		return fault.KindOf(err).String()
	case c.Retained && c.Action == apply.Keep:
		return "retain"
	case c.Absent && c.Action == apply.Keep:
		return "absent"
	case c.Create && c.Action == apply.Write:
		return "create"
	default:
		return [...]string{apply.Keep: "keep", apply.Write: "write", apply.Delete: "delete", apply.Wait: "wait"}[c.Action]
	}
}

func TestDiffMarksTheTarget(t *testing.T) {
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		labels map[string]string
		hashIn string
	}{
		{
			"an owner says who it is", esv1.CreateOwner,
			map[string]string{"team": "a", esv1.LabelManaged: "true", esv1.LabelCreatedBy: apply.CreatedBy("shop", "app")},
			esv1.AnnotationDataHash,
		},
		{
			"an orphan is nobody's", esv1.CreateOrphan,
			map[string]string{"team": "a", esv1.LabelManaged: "true"},
			esv1.AnnotationDataHash,
		},
		{
			"who shares a target has a fingerprint of its own", esv1.CreateOrMerge,
			map[string]string{"team": "a", esv1.LabelManaged: "true"},
			"data-hash.sluice.dev/app",
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			w := wish(asking(tc.policy, esv1.DeleteRetain), map[string]string{"password": "s3cret"})
			change, err := apply.Diff(w, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.labels, change.Desired.Labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			hash := change.Desired.Annotations[tc.hashIn]
			if len(change.Desired.Annotations) != 2 || !strings.HasSuffix(hash, ".inputs") {
				t.Errorf("annotations = %v, want the note and the fingerprints", change.Desired.Annotations)
			}
			if change.Desired.Type != corev1.SecretTypeOpaque {
				t.Errorf("type = %s, want Opaque", change.Desired.Type)
			}
			if len(w.Desired.Labels) != 1 || len(w.Desired.Annotations) != 1 {
				t.Error("the wish itself was changed")
			}
		})
	}
}

func TestDiffRemovesForeignKeys(t *testing.T) {
	cases := []struct {
		reason       string
		policy       esv1.ExternalSecretCreationPolicy
		managed      bool
		remove, lost []string
	}{
		{"taking over a Secret says what it loses", esv1.CreateOwner, false, []string{"a", "extra"}, []string{"a", "extra"}},
		{"a key that somebody adds later goes without a word", esv1.CreateOwner, true, []string{"a", "extra"}, nil},
		{"an orphan has only its own keys too", esv1.CreateOrphan, false, []string{"a", "extra"}, []string{"a", "extra"}},
		{"who merges leaves the keys of others", esv1.CreateMerge, false, nil, nil},
		{"the same for one who may create", esv1.CreateOrMerge, true, nil, nil},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			target := &corev1.Secret{Data: values(map[string]string{"extra": "x", "a": "x", "password": "old"}), Type: "custom/type"}
			if tc.managed {
				target.Labels = map[string]string{esv1.LabelManaged: "true"}
			}
			change, err := apply.Diff(wish(asking(tc.policy, ""), map[string]string{"password": "new"}), apply.OfSecret(target))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(change.Remove, tc.remove) || !slices.Equal(change.Lost, tc.lost) {
				t.Errorf("remove %v, lost %v; want %v and %v", change.Remove, change.Lost, tc.remove, tc.lost)
			}
			if change.Desired.Type != "custom/type" {
				t.Errorf("type = %s: the type of an existing Secret stays", change.Desired.Type)
			}
		})
	}
}

// TestDiffNoticesEveryDifference starts each time from a target that is right, so that Keep turns into Write.
func TestDiffNoticesEveryDifference(t *testing.T) {
	cases := []struct {
		reason string
		damage func(*corev1.Secret)
		want   apply.Action
	}{
		{"nothing differs", func(*corev1.Secret) {}, apply.Keep},
		{"labels and annotations of others may stand beside", func(s *corev1.Secret) {
			s.Labels["x"], s.Annotations["x"] = "x", "x"
			s.Finalizers = append(s.Finalizers, "x/y")
		}, apply.Keep},
		{"another value", func(s *corev1.Secret) { s.Data["password"] = []byte("x") }, apply.Write},
		{"a key more", func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }, apply.Write},
		{"a key less", func(s *corev1.Secret) { delete(s.Data, "password") }, apply.Write},
		{"another label", func(s *corev1.Secret) { s.Labels["team"] = "b" }, apply.Write},
		{"an annotation less", func(s *corev1.Secret) { delete(s.Annotations, "note") }, apply.Write},
		{"a finalizer less", func(s *corev1.Secret) { s.Finalizers = nil }, apply.Write},
		{"no owner any more", func(s *corev1.Secret) { s.OwnerReferences = nil }, apply.Write},
		{"nothing is managed any more", func(s *corev1.Secret) { s.ManagedFields = nil }, apply.Write},
		{"managed by another", func(s *corev1.Secret) { s.ManagedFields[0].Manager = "kubectl" }, apply.Write},
		{"immutable though nobody asked, which cannot be taken back", func(s *corev1.Secret) { s.Immutable = new(true) }, apply.Keep},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(esv1.CreateOwner, "")
			w := wish(owner, map[string]string{"password": "new"})
			w.Desired.Finalizers = []string{"team/keep"}
			target := applied(t, owner, w, nil)
			tc.damage(target)
			change, err := apply.Diff(w, apply.OfSecret(target))
			if err != nil || change.Action != tc.want {
				t.Errorf("action = %d, err = %v; want %d", change.Action, err, tc.want)
			}
		})
	}
}

// TestDiffTakesEveryFieldAsItsOwn covers values that are right but that somebody else has written.
func TestDiffTakesEveryFieldAsItsOwn(t *testing.T) {
	cases := []struct {
		reason string
		lose   func(*render.Desired)
	}{
		{"a value", func(d *render.Desired) { d.Data = nil }},
		{"a label", func(d *render.Desired) { delete(d.Labels, "team") }},
		{"an annotation", func(d *render.Desired) { delete(d.Annotations, "note") }},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(esv1.CreateOwner, "")
			w := wish(owner, map[string]string{"password": "new"})
			target := applied(t, owner, w, nil)
			left := render.Desired{Data: target.Data, Labels: maps.Clone(target.Labels), Annotations: maps.Clone(target.Annotations)}
			tc.lose(&left)
			target.ManagedFields = []metav1.ManagedFieldsEntry{managed(t, owner, left)}
			if change, err := apply.Diff(w, apply.OfSecret(target)); err != nil || change.Action != apply.Write {
				t.Errorf("action = %d, err = %v; want a write", change.Action, err)
			}
		})
	}
}

func TestDiffTakesBackWhatIsNotWantedAnyMore(t *testing.T) {
	owner := asking(esv1.CreateMerge, "")
	target := delivered(t, owner, map[string]string{"password": "new", "user": "u"})
	change, err := apply.Diff(wish(owner, map[string]string{"password": "new"}), apply.OfSecret(target))
	if err != nil || change.Action != apply.Write {
		t.Errorf("action = %d, err = %v; want a write that gives up the key", change.Action, err)
	}
}

func TestDiffDeletesWhatLostItsOwnerReference(t *testing.T) {
	owner := asking(esv1.CreateOwner, esv1.DeleteDelete)
	w := wish(owner, nil)
	w.Empty = true
	target := delivered(t, owner, map[string]string{"password": "new"})
	target.OwnerReferences = nil
	if change, err := apply.Diff(w, apply.OfSecret(target)); err != nil || change.Action != apply.Delete {
		t.Errorf("action = %d, err = %v; want a deletion: the label still says who made it", change.Action, err)
	}
	target.OwnerReferences = []metav1.OwnerReference{controller("Deployment", "web", "u")}
	if _, err := apply.Diff(w, apply.OfSecret(target)); !fault.Is(err, fault.Conflict) {
		t.Errorf("err = %v; want a Conflict: it is the Deployment's now", err)
	}
}

func TestDiffRefusals(t *testing.T) {
	cases := []struct {
		reason string
		change func(*apply.Wish, *corev1.Secret)
		kind   fault.Kind
		says   string
	}{
		{
			"the owner is named", func(_ *apply.Wish, s *corev1.Secret) {
				s.OwnerReferences = []metav1.OwnerReference{controller(esv1.KindExternalSecret, "other", "u")}
			}, fault.Conflict, `target is owned by another ExternalSecret: secret "app" is owned by another ExternalSecret: other`,
		},
		{
			"the controller is named", func(_ *apply.Wish, s *corev1.Secret) {
				s.OwnerReferences = []metav1.OwnerReference{controller("Deployment", "web", "u")}
			}, fault.Conflict, `Deployment "web"`,
		},
		{
			"an object of the same name that was there before is another one", func(_ *apply.Wish, s *corev1.Secret) {
				s.OwnerReferences = []metav1.OwnerReference{controller(esv1.KindExternalSecret, "app", "uid-before")}
			}, fault.Conflict, "app",
		},
		{
			"both types are named", func(w *apply.Wish, _ *corev1.Secret) { w.Desired.Type = corev1.SecretTypeTLS },
			fault.Invalid, "has type Opaque, which cannot be changed to kubernetes.io/tls",
		},
		{
			"tokens of ServiceAccounts are left alone", func(_ *apply.Wish, s *corev1.Secret) { s.Type = corev1.SecretTypeServiceAccountToken },
			fault.Invalid, "kubernetes.io/service-account-token",
		},
		{
			"bootstrap tokens are left alone", func(_ *apply.Wish, s *corev1.Secret) { s.Type = corev1.SecretTypeBootstrapToken },
			fault.Invalid, "bootstrap.kubernetes.io/token",
		},
		{
			"what was there before is not deleted with its sources", func(w *apply.Wish, _ *corev1.Secret) {
				w.Owner.Spec.Target.DeletionPolicy, w.Empty = esv1.DeleteDelete, true
			}, fault.Conflict, `secret "app" is not deleted although all its sources are gone: ExternalSecret "app" has not made it`,
		},
		{
			"what is immutable says so", func(_ *apply.Wish, s *corev1.Secret) { s.Immutable = new(true) },
			fault.Invalid, "could not update secret, target is immutable",
		},
		{
			"managed fields that nobody can read", func(_ *apply.Wish, s *corev1.Secret) {
				s.ManagedFields = []metav1.ManagedFieldsEntry{{
					Manager: apply.FieldManager("app"), Operation: metav1.ManagedFieldsOperationApply,
					FieldsV1: metav1.NewFieldsV1(`{"f:data":`),
				}}
			}, fault.Unknown, "managed fields",
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			w := wish(asking(esv1.CreateOwner, ""), map[string]string{"password": "s3cret-new"})
			target := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "app"}, Type: corev1.SecretTypeOpaque, Data: values(map[string]string{"password": "s3cret-old"}),
			}
			tc.change(&w, target)
			_, err := apply.Diff(w, apply.OfSecret(target))
			if !fault.Is(err, tc.kind) || !strings.Contains(fault.Message(err), tc.says) {
				t.Errorf("err = %v (%s), want %s with %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}
