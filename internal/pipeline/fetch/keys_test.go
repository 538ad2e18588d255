package fetch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// named returns data in which each value is its key, so that a test sees where a value came from.
func named(keys ...string) map[string][]byte {
	data := map[string][]byte{}
	for _, key := range keys {
		data[key] = []byte(key)
	}
	return data
}

func texts(data map[string][]byte) map[string]string {
	out := make(map[string]string, len(data))
	for key, value := range data {
		out[key] = string(value)
	}
	return out
}

func TestValidateKeys(t *testing.T) {
	long := strings.Repeat("x", maxKeyLength)
	data := named("", "ok", long)
	if err := validateKeys(data); err != nil {
		t.Errorf("validateKeys() = %v, want valid keys accepted", err)
	}
	if diff := cmp.Diff(map[string]string{"ok": "ok", long: long}, texts(data)); diff != "" {
		t.Errorf("an empty key is dropped, and nothing else (-want +got):\n%s", diff)
	}
	err := validateKeys(named("ok", "b c", "a/b", long+"x"))
	want := "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): a/b, b c, " + long + "x"
	if !fault.Is(err, fault.Invalid) || fault.Message(err) != want {
		t.Errorf("validateKeys() = %v, want all wrong keys named in order", err)
	}
}

func TestValidateKeysAsTheAPIServerDoes(t *testing.T) {
	for _, key := range []string{".", "..", "..a", ".a", "a..b", "...", "a", strings.Repeat("x", maxKeyLength+1)} {
		want := len(validation.IsConfigMapKey(key)) == 0
		if err := validateKeys(named(key)); (err == nil) != want {
			t.Errorf("key %q: %v, want it accepted: %v", key, err, want)
		}
	}
}

func FuzzConvertKeys(f *testing.F) {
	f.Add("a/b", "grün", true)
	f.Add("", "\xff\x00", false)
	f.Add(".", "../a", true)
	f.Add(strings.Repeat("ä", 200), "a_b", true)
	f.Fuzz(func(t *testing.T, one, two string, unicode bool) {
		strategy := esv1.ConversionDefault
		if unicode {
			strategy = esv1.ConversionUnicode
		}
		converted, err := providers.ConvertKeys(strategy, named(one, two))
		if err == nil {
			err = validateKeys(converted)
		}
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q, %q: %v, want fault.Invalid", one, two, err)
			}
			return
		}
		for key := range converted {
			if len(validation.IsConfigMapKey(key)) > 0 {
				t.Errorf("%q, %q became %q, which a Secret cannot hold", one, two, key)
			}
		}
	})
}
