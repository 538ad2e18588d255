package generatortest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
)

func TestCountingKeepsTheContract(t *testing.T) {
	for _, tc := range []struct {
		reason   string
		counting *Counting
	}{
		{"leases without an end", &Counting{}},
		{"leases with an end", &Counting{Lifetime: time.Hour}},
		{"no leases", &Counting{Leaseless: true}},
		{"values that belong together", &Counting{Leaseless: true, Together: true}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			h := harnessOf(tc.counting.Generator())
			h.Live = func() int { return len(tc.counting.Live()) }
			h.Together = !tc.counting.Leaseless || tc.counting.Together
			Run(t, h)
		})
	}
}

func TestCountingCounts(t *testing.T) {
	counting := &Counting{Lifetime: time.Hour}
	h := harnessOf(counting.Generator())
	bound := h.Generator.Bind(h.Object)
	first, err := bound.Generate(t.Context(), h.Env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bound.Generate(t.Context(), h.Env); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{"token": []byte("token-1")}, first.Data); diff != "" {
		t.Errorf("the first run's data (-want +got):\n%s", diff)
	}
	if want := h.Env.Clock.Now().Add(time.Hour); !first.Lease.ExpiresAt.Equal(want) {
		t.Errorf("the lease ends at %v, want %v", first.Lease.ExpiresAt, want)
	}
	for range 2 {
		if err := bound.Revoke(t.Context(), first.Lease.State, h.Env); err != nil {
			t.Fatal(err)
		}
	}
	if counting.Minted() != 2 || counting.Revoked() != 1 || !slices.Equal(counting.Live(), []int{2}) {
		t.Errorf("minted %d, revoked %d, live %v; want 2, 1, [2]", counting.Minted(), counting.Revoked(), counting.Live())
	}
}

func TestCountingFailsOnDemand(t *testing.T) {
	counting := &Counting{}
	h := harnessOf(counting.Generator())
	bound := h.Generator.Bind(h.Object)
	lease, err := bound.Generate(t.Context(), h.Env)
	if err != nil {
		t.Fatal(err)
	}
	counting.FailGenerate(fault.New(fault.Unavailable, "down"))
	counting.FailRevoke(fault.New(fault.Denied, "no right"))
	if _, err := bound.Generate(t.Context(), h.Env); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a run that has to fail yields %v", err)
	}
	if err := bound.Revoke(t.Context(), lease.Lease.State, h.Env); !fault.Is(err, fault.Denied) {
		t.Errorf("a revocation that has to fail yields %v", err)
	}
	if counting.Minted() != 1 || counting.Revoked() != 0 {
		t.Errorf("minted %d, revoked %d while failing; want 1, 0", counting.Minted(), counting.Revoked())
	}
	counting.FailGenerate(nil)
	counting.FailRevoke(nil)
	if _, err := bound.Generate(t.Context(), h.Env); err != nil {
		t.Errorf("a run after the failure: %v", err)
	}
	if err := bound.Revoke(t.Context(), lease.Lease.State, h.Env); err != nil {
		t.Errorf("a revocation after the failure: %v", err)
	}
}

func TestCountingRefusesForeignStates(t *testing.T) {
	h := harnessOf((&Counting{}).Generator())
	bound := h.Generator.Bind(h.Object)
	for _, state := range []string{``, `{}`, `{"lease":1}`, `nonsense`} {
		if err := bound.Revoke(t.Context(), []byte(state), h.Env); !fault.Is(err, fault.Invalid) {
			t.Errorf("state %q yields %v, want an error of kind Invalid", state, err)
		}
	}
}

func TestCountingServesItsControllerClass(t *testing.T) {
	object := &genv1alpha1.Fake{Spec: genv1alpha1.FakeSpec{Controller: "blue"}}
	if got := (&Counting{}).Generator().Bind(object).ControllerClass(); got != "blue" {
		t.Errorf("the controller class is %q, want blue", got)
	}
}
