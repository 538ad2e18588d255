package apply_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/fingerprint"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func TestObserve(t *testing.T) {
	intact := apply.Observed{State: plan.TargetIntact, Delivered: true, InputHash: "inputs"}
	drifted := apply.Observed{State: plan.TargetDrifted, Delivered: true}
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		change func(*corev1.Secret)
		want   apply.Observed
	}{
		{"an owner's target as it was delivered", esv1.CreateOwner, func(*corev1.Secret) {}, intact},
		{"a value was edited", esv1.CreateOwner, func(s *corev1.Secret) { s.Data["password"] = []byte("x") }, drifted},
		{"a key was added", esv1.CreateOwner, func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }, drifted},
		{"a key was removed", esv1.CreateOwner, func(s *corev1.Secret) { delete(s.Data, "password") }, drifted},
		{"a label was edited", esv1.CreateOwner, func(s *corev1.Secret) { s.Labels["team"] = "b" }, drifted},
		{"an annotation was removed", esv1.CreateOwner, func(s *corev1.Secret) { delete(s.Annotations, "note") }, drifted},
		{"the mark was removed", esv1.CreateOwner, func(s *corev1.Secret) { delete(s.Labels, esv1.LabelManaged) }, drifted},
		{"a label of somebody else", esv1.CreateOwner, func(s *corev1.Secret) { s.Labels["x"] = "y" }, intact},
		{"an annotation of somebody else", esv1.CreateOwner, func(s *corev1.Secret) { s.Annotations["x"] = "y" }, intact},
		{
			"a Secret that was never delivered to", esv1.CreateOwner,
			func(s *corev1.Secret) { s.Labels, s.Annotations, s.ManagedFields = nil, nil, nil },
			apply.Observed{State: plan.TargetDrifted},
		},
		{"who merges answers for its own keys alone", esv1.CreateMerge, func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }, intact},
		{"and does answer for those", esv1.CreateMerge, func(s *corev1.Secret) { s.Data["password"] = []byte("x") }, drifted},
		{"the same for one who may create", esv1.CreateOrMerge, func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }, intact},
		{
			"an orphan may be edited; what it was rendered from is not known then", esv1.CreateOrphan,
			func(s *corev1.Secret) { s.Data["password"] = []byte("x") },
			apply.Observed{State: plan.TargetIntact, Delivered: true},
		},
		{
			"an orphan that was never delivered is not intact", esv1.CreateOrphan,
			func(s *corev1.Secret) { s.Annotations = nil },
			apply.Observed{State: plan.TargetDrifted},
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(tc.policy, "")
			target := delivered(t, owner, map[string]string{"password": "s3cret"})
			tc.change(target)
			got, err := apply.Observe(owner, apply.OfSecret(target), hasher)
			got.Data = nil // TestObserveNamesItsData
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Observe, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestObserveWithoutTarget(t *testing.T) {
	cases := map[esv1.ExternalSecretCreationPolicy]apply.Observed{
		esv1.CreateOwner:   {State: plan.TargetMissing},
		esv1.CreateOrphan:  {State: plan.TargetMissing},
		esv1.CreateMerge:   {State: plan.TargetMissing},
		esv1.CreateOrMerge: {State: plan.TargetMissing},
		esv1.CreateNone:    {State: plan.TargetIntact, Delivered: true},
	}
	for policy, want := range cases {
		t.Run(string(policy), func(t *testing.T) {
			got, err := apply.Observe(asking(policy, ""), nil, hasher)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Observe, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestObserveNamesItsData(t *testing.T) {
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		want   map[string]string
	}{
		{"an owner is answerable for all", esv1.CreateOwner, map[string]string{"password": "s3cret", "extra": "x"}},
		{"who merges for what it applied", esv1.CreateMerge, map[string]string{"password": "s3cret"}},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(tc.policy, "")
			target := delivered(t, owner, map[string]string{"password": "s3cret"})
			target.Data["extra"] = []byte("x")
			got, err := apply.Observe(owner, apply.OfSecret(target), hasher)
			if diff := cmp.Diff(values(tc.want), got.Data); err != nil || diff != "" {
				t.Errorf("data, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestObserveUnderAnotherKey(t *testing.T) {
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		hash   string
		want   apply.Observed
	}{
		{
			"a fingerprint of another key proves nothing, neither that the target is right nor that it is wrong", esv1.CreateOwner, "",
			apply.Observed{State: plan.TargetUnknown, Delivered: true},
		},
		{
			"so does what the reference implementation writes", esv1.CreateOwner, strings.Repeat("0f", 28),
			apply.Observed{State: plan.TargetUnknown, Delivered: true},
		},
		{"an orphan is not looked at", esv1.CreateOrphan, "", apply.Observed{State: plan.TargetIntact, Delivered: true}},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(tc.policy, "")
			target := delivered(t, owner, map[string]string{"password": "s3cret"})
			if tc.hash != "" {
				target.Annotations[esv1.AnnotationDataHash] = tc.hash
			}
			got, err := apply.Observe(owner, apply.OfSecret(target), fingerprint.New([]byte("another key")))
			got.Data = nil
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Observe, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestFingerprintsAreBoundToTheirTarget keeps anyone from seeing that two Secrets hold the same values.
func TestFingerprintsAreBoundToTheirTarget(t *testing.T) {
	one, other := asking(esv1.CreateOwner, ""), asking(esv1.CreateOwner, "")
	other.Namespace = "else"
	data := map[string]string{"password": "s3cret"}
	a, b := delivered(t, one, data), delivered(t, other, data)
	b.Labels[esv1.LabelCreatedBy] = a.Labels[esv1.LabelCreatedBy]
	first := strings.Split(a.Annotations[esv1.AnnotationDataHash], ".")
	second := strings.Split(b.Annotations[esv1.AnnotationDataHash], ".")
	if len(first) != 3 || len(second) != 3 || first[1] == second[1] {
		t.Errorf("fingerprints %v and %v; want them to differ in the second part", first, second)
	}
}

// TestObserveAfterACopiedFingerprint covers an object that carries the annotation itself, as a copy of a Secret's metadata does.
func TestObserveAfterACopiedFingerprint(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	w := wish(owner, map[string]string{"password": "s3cret"})
	w.Desired.Annotations[esv1.AnnotationDataHash] = "copied"
	got, err := apply.Observe(owner, apply.OfSecret(applied(t, owner, w, nil)), hasher)
	if err != nil || got.State != plan.TargetIntact {
		t.Errorf("Observe = %+v, %v; want it intact", got, err)
	}
}

func TestObserveFailsOnUnreadableManagedFields(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	target := delivered(t, owner, map[string]string{"password": "s3cret"})
	target.ManagedFields[0].FieldsV1 = metav1.NewFieldsV1("{")
	if _, err := apply.Observe(owner, apply.OfSecret(target), hasher); !fault.Is(err, fault.Unknown) {
		t.Errorf("err = %v, want it said", err)
	}
}

func TestRestore(t *testing.T) {
	cases := []struct {
		reason string
		change func(*corev1.Secret)
		want   bool
	}{
		{"nothing is lost", func(*corev1.Secret) {}, true},
		{"a label was edited", func(s *corev1.Secret) { s.Labels["team"] = "b" }, true},
		{"the mark was removed", func(s *corev1.Secret) { delete(s.Labels, esv1.LabelManaged) }, true},
		{"a key was added", func(s *corev1.Secret) { s.Data["extra"] = []byte("x") }, true},
		{"a value was edited", func(s *corev1.Secret) { s.Data["password"] = []byte("x") }, false},
		{"the data is somebody else's", func(s *corev1.Secret) { s.ManagedFields[0].Manager = "kubectl" }, false},
		{"a key was removed", func(s *corev1.Secret) { delete(s.Data, "password") }, false},
		{"the fingerprint was removed", func(s *corev1.Secret) { delete(s.Annotations, esv1.AnnotationDataHash) }, false},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(esv1.CreateOwner, "")
			target := delivered(t, owner, map[string]string{"password": "s3cret"})
			tc.change(target)
			w, whole, err := apply.Restore(apply.Wish{Owner: owner, Hasher: hasher, Desired: wish(owner, nil).Desired}, apply.OfSecret(target))
			if err != nil || whole != tc.want {
				t.Fatalf("whole = %t, err = %v; want %t", whole, err, tc.want)
			}
			if whole && (w.InputHash != "inputs" || string(w.Desired.Data["password"]) != "s3cret" || len(w.Desired.Data) != 1) {
				t.Errorf("the wish is %+v, want what was delivered", w)
			}
		})
	}
}
