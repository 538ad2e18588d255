package uuid

import (
	"regexp"
	"testing"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
)

func TestContract(t *testing.T) {
	generatortest.Run(t, generatortest.Harness{
		Generator: New(),
		Object:    &genv1alpha1.UUID{},
		Cluster:   genv1alpha1.GeneratorSpec{UUIDSpec: &genv1alpha1.UUIDSpec{}},
		Keys:      []string{"uuid"},
		Fresh:     []string{"uuid"},
	})
}

func TestGenerateIsVersion4(t *testing.T) {
	version4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for range 100 {
		got, err := New().Bind(&genv1alpha1.UUID{}).Generate(t.Context(), generators.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if !version4.Match(got.Data["uuid"]) {
			t.Fatalf("%s is not a UUID of version 4", got.Data["uuid"])
		}
		if got.Lease != nil {
			t.Fatal("a UUID has a lease")
		}
	}
}
