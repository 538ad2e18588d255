package password

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	gopassword "github.com/sethvargo/go-password/password"
)

// chiSquare measures how far counts are from being equal.
func chiSquare(counts []int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(len(counts))
	sum := 0.0
	for _, n := range counts {
		sum += (float64(n) - want) * (float64(n) - want) / want
	}
	return sum
}

// bound is what chi-square stays under for equal chances but for one case in a billion: six standard deviations above its mean, and
// more where there are few categories.
func bound(categories int) float64 {
	free := float64(categories - 1)
	return free + 6*math.Sqrt(2*free) + 24
}

const (
	passwords = 20000
	length    = 24
)

// TestGenerateIsUniform uses a seeded source of randomness: what it finds once it finds always.
func TestGenerateIsUniform(t *testing.T) {
	symbols := "-_$@!%"
	s := spec{SymbolCharacters: new(symbols + "--"), AllowRepeat: true}
	generator := newFrom(rand.NewChaCha8([32]byte{'s', 'l', 'u', 'i', 'c', 'e'}))
	classes := map[string]string{"digits": gopassword.Digits, "symbols": symbols, "letters": letters(s)}
	drawn, placed := map[string][]int{}, map[string][]int{}
	for name, characters := range classes {
		drawn[name], placed[name] = make([]int, len(characters)), make([]int, length)
	}
	for range passwords {
		for i, c := range generate(t, generator, s)["password"] {
			for name, characters := range classes {
				if n := strings.IndexByte(characters, c); n >= 0 {
					drawn[name][n]++
					placed[name][i]++
				}
			}
		}
	}
	for name := range classes {
		if got, limit := chiSquare(drawn[name]), bound(len(drawn[name])); got > limit {
			t.Errorf("%s are not equally likely: chi-square %.0f, want at most %.0f", name, got, limit)
		}
		if got, limit := chiSquare(placed[name]), bound(length); got > limit {
			t.Errorf("%s are not equally likely at all positions: chi-square %.0f, want at most %.0f", name, got, limit)
		}
	}
}

// TestUniformityTestFindsModulus shows that the test above is sharp enough to see the bias of a byte modulo the number of letters.
func TestUniformityTestFindsModulus(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	counts := make([]int, 52)
	for range passwords * length / 2 {
		counts[int(byte(random.Uint64()))%len(counts)]++
	}
	if got, limit := chiSquare(counts), bound(len(counts)); got <= limit {
		t.Errorf("chi-square %.0f passes for uniform, the limit is %.0f", got, limit)
	}
}
