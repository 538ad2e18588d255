package providers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// named returns data in which each value is its key, so that a test sees where a value came from.
func named(keys ...string) map[string]string {
	data := map[string]string{}
	for _, key := range keys {
		data[key] = key
	}
	return data
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
		"brackets": {
			"only what is wrong is replaced", esv1.ConversionUnicode,
			[]string{"some-array[0].entity"},
			map[string]string{"some-array_U005b_0_U005d_.entity": "some-array[0].entity"},
			"",
		},
		"ends":  {"a wrong character at an end is replaced too", "", []string{"/a/"}, map[string]string{"_a_": "/a/"}, ""},
		"empty": {"an empty key is for others to drop", "", []string{""}, map[string]string{"": ""}, ""},
		"emoji": {"code points may be longer", esv1.ConversionUnicode, []string{"😀"}, map[string]string{"_U1f600_": "😀"}, ""},
		"collision": {
			"one of two values would be lost in silence", "",
			[]string{"a/b", "a b"},
			nil, "secret name collision during conversion: a_b",
		},
		"collision with a valid key": {
			"a key that stays takes part in it", "",
			[]string{"a/b", "a_b"},
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
			got, err := providers.ConvertKeys(c.strategy, named(c.in...))
			if c.fails != "" {
				if !fault.Is(err, fault.Invalid) || fault.Message(err) != c.fails {
					t.Errorf("ConvertKeys() = %v, want %q: %s", err, c.fails, c.reason)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("ConvertKeys() (-want +got), error %v: %s\n%s", err, c.reason, diff)
			}
		})
	}
}
