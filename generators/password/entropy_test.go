package password

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	gopassword "github.com/sethvargo/go-password/password"
)

// possible counts the passwords of a spec by the formula of docs/generators/password.md.
func possible(t *testing.T, s spec) *big.Int {
	t.Helper()
	r, err := newRecipe(&s)
	if err != nil {
		t.Fatal(err)
	}
	letterCount := r.length - r.digits - r.symbols
	// In how many orders the classes can stand.
	all := new(big.Int).Mul(
		new(big.Int).Binomial(int64(r.length), int64(r.digits)),
		new(big.Int).Binomial(int64(r.length-r.digits), int64(r.symbols)))
	for _, class := range []struct{ count, characters int }{
		{r.digits, len(gopassword.Digits)}, {r.symbols, len(r.symbolCharacters)}, {letterCount, len(r.alphabet())},
	} {
		for drawn := range class.count {
			left := class.characters
			if !r.allowRepeat {
				left -= drawn
			}
			all.Mul(all, big.NewInt(int64(left)))
		}
	}
	return all
}

// bits is the logarithm to the base of 2.
func bits(n *big.Int) float64 {
	shift := max(n.BitLen()-60, 0)
	return math.Log2(float64(new(big.Int).Rsh(n, uint(shift)).Int64())) + float64(shift)
}

// TestEveryPasswordIsEquallyLikely draws from specs with so few passwords that each must come up: the formula counts them
// all, and none more often than another. The entropy is therefore the logarithm of their number. The source of
// randomness is seeded: what the test finds once it finds always.
func TestEveryPasswordIsEquallyLikely(t *testing.T) {
	for _, tc := range []struct {
		reason string
		spec   spec
	}{
		{"a digit and a symbol", spec{Length: new(2), Digits: new(1), Symbols: new(1), SymbolCharacters: new("-_.")}},
		{"with repeats", spec{Length: new(3), Digits: new(0), Symbols: new(3), SymbolCharacters: new("-_.@"), AllowRepeat: true}},
		{"without repeats", spec{Length: new(3), Digits: new(0), Symbols: new(3), SymbolCharacters: new("-_.@")}},
		{"a letter of both cases and a symbol", spec{Length: new(2), Digits: new(0), Symbols: new(1), SymbolCharacters: new("-_")}},
		{"two letters without repeats", spec{Length: new(2), Digits: new(0), Symbols: new(0), NoUpper: true}},
		{"two digits and a symbol without repeats", spec{Length: new(3), Digits: new(2), Symbols: new(1), SymbolCharacters: new("-")}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			all := int(possible(t, tc.spec).Int64())
			drawn := map[string]int{}
			generator := newFrom(rand.NewChaCha8([32]byte{'w', 'h', 'o', 'l', 'e'}))
			for range 50 * all {
				drawn[string(generate(t, generator, tc.spec)["password"])]++
			}
			if len(drawn) != all {
				t.Fatalf("%d different passwords, the formula says %d", len(drawn), all)
			}
			counts := make([]int, 0, all)
			for _, n := range drawn {
				counts = append(counts, n)
			}
			if got, limit := chiSquare(counts), bound(all); got > limit {
				t.Errorf("passwords are not equally likely: chi-square %.0f, want at most %.0f", got, limit)
			}
		})
	}
}

// TestEntropyIsToldRight compares the figures on the page with the formula.
func TestEntropyIsToldRight(t *testing.T) {
	page, err := os.ReadFile("../../docs/generators/password.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what string
		spec spec
	}{
		{"the defaults", spec{}},
		{"the defaults with `allowRepeat: true`", spec{AllowRepeat: true}},
		{"the example above", spec{Length: new(42), Digits: new(5), Symbols: new(5), SymbolCharacters: new("-_$@"), AllowRepeat: true}},
	} {
		row := fmt.Sprintf("| %s | %.0f bits |", tc.what, math.Floor(bits(possible(t, tc.spec))))
		if !strings.Contains(string(page), row) {
			t.Errorf("the page does not say %q", row)
		}
	}
}
