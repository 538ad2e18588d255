package fake

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
)

func TestContract(t *testing.T) {
	spec := genv1alpha1.FakeSpec{Data: map[string]string{"user": "admin", "password": "correct horse", "empty": ""}}
	keys := []string{"user", "password", "empty"}
	generatortest.Run(t, generatortest.Harness{
		Generator: New(),
		Object:    &genv1alpha1.Fake{Spec: spec},
		Cluster:   genv1alpha1.GeneratorSpec{FakeSpec: &spec},
		Keys:      keys,
		Fixed:     keys,
	})
}

func TestGenerate(t *testing.T) {
	for _, tc := range []struct {
		reason string
		data   map[string]string
		want   map[string][]byte
	}{
		{"values are kept as they are", map[string]string{"a": " é\n", "b": ""}, map[string][]byte{"a": []byte(" é\n"), "b": {}}},
		{"no data is no key", nil, map[string][]byte{}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := New().Bind(&genv1alpha1.Fake{Spec: genv1alpha1.FakeSpec{Data: tc.data}}).Generate(t.Context(), generators.Env{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(generators.Result{Data: tc.want}, got); diff != "" {
				t.Errorf("the result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysAreKnownWithoutData(t *testing.T) {
	if got := New().Bind(&genv1alpha1.Fake{}).Keys(); got == nil || len(got) > 0 {
		t.Errorf("the keys are %#v, want an empty list that is not nil", got)
	}
}

func TestControllerClass(t *testing.T) {
	for _, class := range []string{"", "blue"} {
		got := New().Bind(&genv1alpha1.Fake{Spec: genv1alpha1.FakeSpec{Controller: class}}).ControllerClass()
		if got != class {
			t.Errorf("the controller class is %q, want %q", got, class)
		}
	}
}
