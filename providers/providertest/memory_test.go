package providertest_test

import (
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
)

func TestMemoryConforms(t *testing.T) {
	for name, single := range map[string]bool{"fields": false, "single value": true} {
		t.Run(name, func(t *testing.T) {
			memory := providertest.NewMemory()
			providertest.Run(t, providertest.Harness{
				Open:        func(*testing.T) providers.Client { return memory },
				Seed:        func(_ *testing.T, key string, s providers.Secret) { memory.Seed(key, s) },
				Writes:      memory.Writes,
				SingleValue: single,
			})
		})
	}
}

func TestMemoryFailsOnDemand(t *testing.T) {
	memory := providertest.NewMemory()
	memory.Fail(providertest.CallPut, fault.New(fault.Denied, "no"))
	write := providers.Write{Key: "k", Owner: "o", Fields: map[string][]byte{"f": []byte("v")}}
	if err := memory.Put(t.Context(), write); !fault.Is(err, fault.Denied) {
		t.Errorf("Put gives %v, want the error asked for", err)
	}
	if _, exists := memory.Peek("k"); exists || memory.Calls(providertest.CallPut) != 1 || memory.Writes() != 0 {
		t.Error("a failed Put wrote something or was not counted")
	}
	memory.Fail(providertest.CallPut, nil)
	if err := memory.Put(t.Context(), write); err != nil {
		t.Errorf("Put after the failure: %v", err)
	}
	if owners := memory.Owners("k", "f"); len(owners) != 1 || owners[0] != "o" {
		t.Errorf("Owners gives %v, want o", owners)
	}
}

func TestMemoryNoticesChanges(t *testing.T) {
	memory, recorder := providertest.NewMemory(), providertest.NewRecorder()
	go func() { _ = memory.Watch(t.Context(), "", recorder) }()
	if line := <-recorder.Told; line != "all" {
		t.Errorf("Watch began with %q, want word that there is nothing", line)
	}
	memory.Seed("k", providers.Secret{Value: []byte("v")})
	if line := <-recorder.Told; line != "set k" {
		t.Errorf("Watch told %q, want k", line)
	}
}
