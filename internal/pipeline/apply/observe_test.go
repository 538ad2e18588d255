package apply_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

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
			got, err := apply.Observe(owner, target, hasher)
			if err != nil || got != tc.want {
				t.Errorf("Observe = %+v, %v; want %+v", got, err, tc.want)
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
			if got, err := apply.Observe(asking(policy, ""), nil, hasher); err != nil || got != want {
				t.Errorf("Observe = %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestObserveKnowsItsKey(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	target := delivered(t, owner, map[string]string{"password": "s3cret"})
	got, err := apply.Observe(owner, target, fingerprint.New([]byte("another key")))
	if err != nil || got.State != plan.TargetDrifted {
		t.Errorf("Observe = %+v, %v: a fingerprint of another key proves nothing", got, err)
	}
}

// TestObserveAfterACopiedFingerprint covers an object that carries the annotation itself, as a copy of a Secret's metadata does.
func TestObserveAfterACopiedFingerprint(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	w := wish(owner, map[string]string{"password": "s3cret"})
	w.Desired.Annotations[esv1.AnnotationDataHash] = "copied"
	got, err := apply.Observe(owner, applied(t, owner, w, nil), hasher)
	if err != nil || got.State != plan.TargetIntact {
		t.Errorf("Observe = %+v, %v; want it intact", got, err)
	}
}

func TestObserveFailsOnUnreadableManagedFields(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	target := delivered(t, owner, map[string]string{"password": "s3cret"})
	target.ManagedFields[0].FieldsV1.Raw = []byte("{")
	if _, err := apply.Observe(owner, target, hasher); !fault.Is(err, fault.Unknown) {
		t.Errorf("err = %v, want it said", err)
	}
}
