package apply_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
)

// maxFieldManager is the longest field manager that the API server takes.
const maxFieldManager = 128

func TestFieldManager(t *testing.T) {
	room := 63 - len(esv1.FieldManagerPrefix)
	cases := []struct {
		reason, name string
		readable     bool
	}{
		{"a short name is written out", "app", true},
		{"a name that just fits", strings.Repeat("a", room), true},
		{"one character too many", strings.Repeat("a", room+1), false},
		{"the longest name of an object", strings.Repeat("a", 253), false},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got := apply.FieldManager(tc.name)
			if readable := got == esv1.FieldManagerPrefix+tc.name; readable != tc.readable {
				t.Errorf("FieldManager = %q, want the name in it: %v", got, tc.readable)
			}
			if !tc.readable && !strings.HasPrefix(got, esv1.FieldManagerPrefix+"sha3/") {
				t.Errorf("FieldManager = %q, want a hash", got)
			}
			if len(got) > maxFieldManager {
				t.Errorf("%d characters are more than the API server takes", len(got))
			}
		})
	}
	if apply.FieldManager(strings.Repeat("a", 100)) == apply.FieldManager(strings.Repeat("a", 101)) {
		t.Error("two long names share a field manager")
	}
}

func TestHashAnnotation(t *testing.T) {
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		name   string
		want   string
	}{
		{"who owns the target uses the known annotation", esv1.CreateOwner, "app", esv1.AnnotationDataHash},
		{"so does who makes an orphan", esv1.CreateOrphan, "app", esv1.AnnotationDataHash},
		{"who merges has one of its own", esv1.CreateMerge, "app", "data-hash.sluice.dev/app"},
		{"a name that just fits", esv1.CreateOrMerge, strings.Repeat("a", 63), "data-hash.sluice.dev/" + strings.Repeat("a", 63)},
		{"a name that does not", esv1.CreateMerge, strings.Repeat("a", 64), ""},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			owner := asking(tc.policy, "")
			owner.Name = tc.name
			got := apply.HashAnnotation(owner)
			if wrong := validation.IsQualifiedName(got); len(wrong) > 0 {
				t.Errorf("HashAnnotation = %q, which is no name of an annotation: %v", got, wrong)
			}
			if tc.want != "" && got != tc.want {
				t.Errorf("HashAnnotation = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCreatedByIsALabelValue(t *testing.T) {
	got := apply.CreatedBy(strings.Repeat("n", 63), strings.Repeat("a", 253))
	if wrong := validation.IsValidLabelValue(got); len(wrong) > 0 {
		t.Errorf("CreatedBy = %q: %v", got, wrong)
	}
	if apply.CreatedBy("a", "b") == apply.CreatedBy("b", "a") {
		t.Error("two objects share a creator")
	}
}
