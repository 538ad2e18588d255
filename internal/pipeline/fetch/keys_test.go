package fetch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
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

func TestConvertKeys(t *testing.T) {
	cases := map[string]struct {
		reason   string
		strategy esv1.ExternalSecretConversionStrategy
		in       []string
		want     map[string]string
		fails    string
	}{
		"valid":   {"a valid key stays", "", []string{"A-b_c.9"}, map[string]string{"A-b_c.9": "A-b_c.9"}, ""},
		"default": {"each wrong character becomes _", "", []string{"a/b c"}, map[string]string{"a_b_c": "a/b c"}, ""},
		"named":   {"Default is the default", esv1.ConversionDefault, []string{"a/b"}, map[string]string{"a_b": "a/b"}, ""},
		"letter":  {"a letter beyond ASCII is no valid character either", "", []string{"grün"}, map[string]string{"gr_n": "grün"}, ""},
		"unicode": {"the code point is kept", esv1.ConversionUnicode, []string{"a/ü"}, map[string]string{"a_U002f__U00fc_": "a/ü"}, ""},
		"emoji":   {"code points may be longer", esv1.ConversionUnicode, []string{"😀"}, map[string]string{"_U1f600_": "😀"}, ""},
		"collision": {
			"one of two values would be lost in silence", "",
			[]string{"a/b", "a b"},
			nil, "secret name collision during conversion: a_b",
		},
		"no collision": {
			"Unicode keeps them apart", esv1.ConversionUnicode,
			[]string{"a/b", "a b"},
			map[string]string{"a_U002f_b": "a/b", "a_U0020_b": "a b"},
			"",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := convertKeys(c.strategy, named(c.in...))
			if c.fails != "" {
				if !fault.Is(err, fault.Invalid) || fault.Message(err) != c.fails {
					t.Errorf("convertKeys() = %v, want %q: %s", err, c.fails, c.reason)
				}
				return
			}
			if diff := cmp.Diff(c.want, texts(got)); err != nil || diff != "" {
				t.Errorf("convertKeys() (-want +got), error %v: %s\n%s", err, c.reason, diff)
			}
		})
	}
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
		converted, err := convertKeys(strategy, named(one, two))
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
