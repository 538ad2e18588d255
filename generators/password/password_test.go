package password

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	gopassword "github.com/sethvargo/go-password/password"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
)

type spec = genv1alpha1.PasswordSpec

func object(s spec) *genv1alpha1.Password { return &genv1alpha1.Password{Spec: s} }

func TestContract(t *testing.T) {
	s := spec{SecretKeys: []string{"admin", "app"}, Encoding: new(genv1alpha1.PasswordBase64)}
	generatortest.Run(t, generatortest.Harness{
		Generator: New(),
		Object:    object(s),
		Cluster:   genv1alpha1.GeneratorSpec{PasswordSpec: &s},
		Keys:      []string{"admin", "app"},
		Fresh:     []string{"admin", "app"},
		Refused:   refusals(),
	})
}

func refusals() []generatortest.Refusal {
	const limit = 1 << 20
	manyKeys := make([]string, 17)
	for i := range manyKeys {
		manyKeys[i] = string(rune('a' + i))
	}
	quarter := " (spec.digits and spec.symbols are a quarter of the length where they are not written)"
	return []generatortest.Refusal{
		{
			Name: "more digits than characters", Object: object(spec{Digits: new(30), Symbols: new(0)}),
			Says: "spec.digits 30 + spec.symbols 0 exceed spec.length 24",
		},
		{
			Name: "digits that leave no room for default symbols", Object: object(spec{Digits: new(20)}),
			Says: "spec.digits 20 + spec.symbols 6 exceed spec.length 24" + quarter,
		},
		{
			Name: "more symbols than characters", Object: object(spec{Digits: new(0), Symbols: new(25)}),
			Says: "spec.digits 0 + spec.symbols 25 exceed spec.length 24",
		},
		{Name: "a sum that overflows", Object: object(spec{Digits: new(24), Symbols: new(math.MaxInt)}), Says: "exceed spec.length 24"},
		{Name: "no length", Object: object(spec{Length: new(0)}), Says: "spec.length 0 must be between 1 and 65536"},
		{Name: "a length beyond the bound", Object: object(spec{Length: new(65537)}), Says: "spec.length 65537"},
		{Name: "negative digits", Object: object(spec{Digits: new(-1)}), Says: "spec.digits -1 must not be negative"},
		{Name: "negative symbols", Object: object(spec{Symbols: new(-1)}), Says: "spec.symbols -1 must not be negative"},
		{Name: "an empty key", Object: object(spec{SecretKeys: []string{"a", ""}}), Says: "spec.secretKeys must be non-empty and unique"},
		{
			Name:   "a key twice",
			Object: object(spec{SecretKeys: []string{"a", "b", "a"}}),
			Says:   "spec.secretKeys must be non-empty and unique",
		},
		{
			Name: "an unknown encoding", Object: object(spec{Encoding: new(genv1alpha1.PasswordEncoding("rot13"))}),
			Says: `spec.encoding "rot13"`,
		},
		{
			Name: "more than a Secret holds", Object: object(spec{Length: new(limit / 16), AllowRepeat: true, SecretKeys: manyKeys}),
			Says: "17 spec.secretKeys with 65536 bytes each are more than the 1048576 bytes",
		},
		{
			Name: "more than a Secret holds once encoded", Object: object(spec{
				Length: new(limit / 16), AllowRepeat: true, SecretKeys: manyKeys[:9], Encoding: new(genv1alpha1.PasswordHex),
			}),
			Says: "9 spec.secretKeys with 131072 bytes each",
		},
		{
			Name: "no symbols to choose from", Object: object(spec{SymbolCharacters: new("")}),
			Says: "spec.symbolCharacters is empty, but spec.symbols is 6" + quarter,
		},
		{Name: "symbols outside ASCII", Object: object(spec{SymbolCharacters: new("-§")}), Says: "spec.symbolCharacters: character 2"},
		{
			Name: "a line break among the symbols", Object: object(spec{SymbolCharacters: new("-_\n")}),
			Says: "spec.symbolCharacters: character 3",
		},
		{
			Name: "more letters than there are", Object: object(spec{Length: new(53), Digits: new(0), Symbols: new(0)}),
			Says: "spec.allowRepeat is false, and 53 letters exceed the 52 different characters",
		},
		{
			Name: "more letters than there are in lower case", Object: object(spec{
				Length: new(27), Digits: new(0), Symbols: new(0), NoUpper: true,
			}),
			Says: "27 letters exceed the 26 different characters",
		},
		{
			Name: "more digits than there are", Object: object(spec{Length: new(44)}),
			Says: "spec.allowRepeat is false, and 11 spec.digits exceed the 10 different characters there are for them" + quarter,
		},
		{
			Name: "more symbols than there are", Object: object(spec{Symbols: new(5), SymbolCharacters: new("-_$@")}),
			Says: "5 spec.symbols exceed the 4 different characters",
		},
		{
			Name: "symbols that are the same one", Object: object(spec{Symbols: new(2), SymbolCharacters: new("--")}),
			Says: "2 spec.symbols exceed the 1 different characters",
		},
		{
			Name: "symbols that the digits use up", Object: object(spec{
				Length: new(12), Digits: new(10), Symbols: new(2), SymbolCharacters: new("-09"),
			}),
			Says: "2 spec.symbols exceed the 1 different characters",
		},
		{
			Name: "symbols that the letters use up", Object: object(spec{
				Length: new(27), Digits: new(0), Symbols: new(1), SymbolCharacters: new("xyz"), NoUpper: true,
			}),
			Says: "1 spec.symbols exceed the 0 different characters",
		},
	}
}

func TestGenerateMeetsTheSpec(t *testing.T) {
	for _, tc := range []struct {
		reason                  string
		spec                    spec
		length, digits, symbols int
		symbolCharacters        string
	}{
		{"the defaults", spec{}, 24, 6, 6, gopassword.Symbols},
		{"the quarter is rounded down", spec{Length: new(15)}, 15, 3, 3, gopassword.Symbols},
		{"a single character is a letter", spec{Length: new(1)}, 1, 0, 0, ""},
		{"with repeats and symbols of one's own", spec{
			Length: new(42), Digits: new(5), Symbols: new(5),
			SymbolCharacters: new("-_$@"), AllowRepeat: true,
		}, 42, 5, 5, "-_$@"},
		{"symbols use up their set", spec{Symbols: new(4), SymbolCharacters: new("-_$@-_")}, 24, 6, 4, "-_$@"},
		{"every character there is", spec{
			Length: new(94), Digits: new(10), Symbols: new(32),
			SymbolCharacters: new(gopassword.Symbols + "';"),
		}, 94, 10, 32, gopassword.Symbols + "';"},
		{"lower case alone", spec{NoUpper: true}, 24, 6, 6, gopassword.Symbols},
		{"lower case used up", spec{Length: new(26), Digits: new(0), Symbols: new(0), NoUpper: true}, 26, 0, 0, ""},
		{"digits alone", spec{Length: new(8), Digits: new(8), Symbols: new(0)}, 8, 8, 0, ""},
		{"symbols alone", spec{Length: new(8), Digits: new(0), Symbols: new(8)}, 8, 0, 8, gopassword.Symbols},
		{"symbols that are not drawn are not judged", spec{Symbols: new(0), SymbolCharacters: new("§")}, 24, 6, 0, ""},
		{"a long one", spec{Length: new(4000), AllowRepeat: true}, 4000, 1000, 1000, gopassword.Symbols},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			for range 50 {
				text := string(generate(t, New(), tc.spec)["password"])
				if len(text) != tc.length {
					t.Fatalf("%d characters, want %d", len(text), tc.length)
				}
				if n := overlap(text, gopassword.Digits); n != tc.digits {
					t.Errorf("%d digits, want %d", n, tc.digits)
				}
				if n := overlap(text, tc.symbolCharacters); n != tc.symbols {
					t.Errorf("%d symbols, want %d", n, tc.symbols)
				}
				if n := overlap(text, letters(tc.spec)); n != tc.length-tc.digits-tc.symbols {
					t.Errorf("%d letters, want %d", n, tc.length-tc.digits-tc.symbols)
				}
				if !tc.spec.AllowRepeat && repeats(text) {
					t.Error("a character stands there twice")
				}
			}
		})
	}
}

func letters(s spec) string { return (&recipe{noUpper: s.NoUpper}).alphabet() }

func repeats(text string) bool {
	for i, c := range text {
		if strings.ContainsRune(text[:i], c) {
			return true
		}
	}
	return false
}

func generate(t *testing.T, g generators.Generator, s spec) map[string][]byte {
	t.Helper()
	result, err := g.Bind(object(s)).Generate(t.Context(), generators.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return result.Data
}

func TestGenerateEncodes(t *testing.T) {
	for _, tc := range []struct {
		encoding genv1alpha1.PasswordEncoding
		decode   func(string) ([]byte, error)
	}{
		{"", func(s string) ([]byte, error) { return []byte(s), nil }},
		{genv1alpha1.PasswordRaw, func(s string) ([]byte, error) { return []byte(s), nil }},
		{genv1alpha1.PasswordBase64, base64.StdEncoding.DecodeString},
		{genv1alpha1.PasswordBase64URL, base64.URLEncoding.DecodeString},
		{genv1alpha1.PasswordBase32, base32.StdEncoding.DecodeString},
		{genv1alpha1.PasswordHex, hex.DecodeString},
	} {
		t.Run(string(tc.encoding), func(t *testing.T) {
			s := spec{Length: new(40), Digits: new(10), Symbols: new(10)}
			// The same source of randomness makes the same password, so that only the encoding differs.
			plain := generate(t, newFrom(rand.NewChaCha8([32]byte{})), s)["password"]
			s.Encoding = &tc.encoding
			encoded := generate(t, newFrom(rand.NewChaCha8([32]byte{})), s)["password"]
			if got, err := tc.decode(string(encoded)); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("decoded: %q, %v; want %q", got, err, plain)
			}
			e, err := encoderFor(tc.encoding)
			if err != nil || e.EncodedLen(40) != len(encoded) {
				t.Errorf("the encoder announces another length than %d (%v)", len(encoded), err)
			}
		})
	}
}

func TestGenerateEndsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	random := readerFunc(func(p []byte) (int, error) {
		if reads++; reads == 10 {
			cancel()
		}
		return len(p), nil
	})
	_, err := newFrom(random).Bind(object(spec{Length: new(maxLength), AllowRepeat: true})).Generate(ctx, generators.Env{})
	if !fault.Is(err, fault.Unavailable) || reads != 10 {
		t.Errorf("the error is %v after %d reads, want one of kind Unavailable after 10", err, reads)
	}
}
