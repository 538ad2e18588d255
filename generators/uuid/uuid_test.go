package uuid

import (
	"regexp"
	"testing"

	"github.com/google/uuid"

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

// TestBits looks at every bit of many UUIDs: those of the version and the variant are fixed, and all others vary.
func TestBits(t *testing.T) {
	const runs = 256
	var ones [128]int
	for range runs {
		got, err := New().Bind(&genv1alpha1.UUID{}).Generate(t.Context(), generators.Env{})
		if err != nil {
			t.Fatal(err)
		}
		id, err := uuid.ParseBytes(got.Data["uuid"])
		if err != nil {
			t.Fatal(err)
		}
		for i := range ones {
			ones[i] += int(id[i/8] >> (7 - i%8) & 1)
		}
	}
	// Version 4 is 0100, the variant of RFC 9562 is 10.
	fixed := map[int]int{48: 0, 49: 1, 50: 0, 51: 0, 64: 1, 65: 0}
	for i, n := range ones {
		bit, isFixed := fixed[i]
		switch {
		case isFixed && n != bit*runs:
			t.Errorf("bit %d is 1 in %d of %d UUIDs, want it always to be %d", i, n, runs, bit)
		// A fair coin falls on one side 256 times once in 2^255, and fewer than 64 times on one once in 10^15.
		case !isFixed && (n < runs/4 || n > runs*3/4):
			t.Errorf("bit %d is 1 in %d of %d UUIDs", i, n, runs)
		}
	}
}
