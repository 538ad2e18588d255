package beyondtrust_test

import (
	"testing"
	"unicode/utf8"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/beyondtrust"
	"github.com/sluice-operator/sluice/providers/providertest"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

// TestContract runs the suite with - as the separator: every key of the suite names the folder "suite" then.
func TestContract(t *testing.T) {
	for _, version := range []string{"", "3.0", "3.1", "3.2"} {
		t.Run("version "+version, func(t *testing.T) {
			w := newWorld(t)
			w.AddFolder("suite")
			t.Cleanup(func() {
				if counts := w.Counts(); counts.Sessions != 0 || counts.SignIns != 1 || counts.SignOuts != 1 {
					t.Errorf("after all is closed, there are %+v", counts)
				}
			})
			spec := w.spec(func(spec *esv1.BeyondtrustProvider) { spec.Server.Separator, spec.Server.APIVersion = "-", version })
			providertest.Run(t, providertest.Harness{
				Open: func(t *testing.T) providers.Client {
					t.Helper()
					client, err := beyondtrust.New().Open(t.Context(), spec, w.env())
					if err != nil {
						t.Fatal(err)
					}
					return client
				},
				Seed: func(t *testing.T, key string, s providers.Secret) {
					t.Helper()
					kind := "Text"
					if !utf8.Valid(s.Value) {
						kind = "File"
					}
					w.SetSecret("suite", key[len("suite-"):], fakes.PasswordSafeSecret{Type: kind, Value: string(s.Value), FileName: "f"})
				},
				Writes:      func() int { return w.Counts().Writes },
				SingleValue: true,
			})
		})
	}
}
