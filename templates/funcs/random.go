package funcs

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
)

// maxRandom is the length of the longest random text.
const maxRandom = 64 << 10

func randomFunctions() map[string]any {
	functions := map[string]any{"randBytes": randBytes, "randInt": randInt, "shuffle": shuffle}
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric"} {
		functions[name] = bounded(original[func(int) string](name))
	}
	return functions
}

func bounded(random func(int) string) func(int) (string, error) {
	return func(count int) (string, error) {
		if err := randomFits(count); err != nil {
			return "", err
		}
		return random(count), nil
	}
}

func randBytes(count int) (string, error) {
	if err := randomFits(count); err != nil {
		return "", err
	}
	return original[func(int) (string, error)]("randBytes")(count)
}

// randomFits refuses negative counts too, for which sprig returns an empty text: an empty password is worse than an error.
func randomFits(count int) error {
	if count < 0 || count > maxRandom {
		return invalid("the length must be between 0 and %d", maxRandom)
	}
	return nil
}

// randInt returns a number of at least low and less than high.
func randInt(low, high int) (int, error) {
	if high <= low || high-low < 0 {
		return 0, invalid("the upper bound must be greater than the lower bound")
	}
	return low + secure().IntN(high-low), nil
}

func shuffle(s string) string {
	runes := []rune(s)
	secure().Shuffle(len(runes), func(i, j int) { runes[i], runes[j] = runes[j], runes[i] })
	return string(runes)
}

// secure returns a generator on top of the system's randomness: sprig's own randInt and shuffle are predictable.
func secure() *mathrand.Rand { return mathrand.New(systemSource{}) } //nolint:gosec // its source is crypto/rand

type systemSource struct{}

// Uint64 returns random bits. crypto/rand.Read never fails.
func (systemSource) Uint64() uint64 {
	var bits [8]byte
	_, _ = rand.Read(bits[:])
	return binary.NativeEndian.Uint64(bits[:])
}
