package password

import (
	"slices"
	"strings"

	gopassword "github.com/sethvargo/go-password/password"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	defaultLength = 24
	defaultKey    = "password"
	// maxLength bounds the work of one password, which grows with the square of its length.
	maxLength = 65536
	// maxData is the most that the values of a Secret may take, in bytes; the API server refuses more.
	maxData = 1 << 20
)

// recipe is a spec with its defaults, checked: a password can be made from it.
type recipe struct {
	length, digits, symbols int
	symbolCharacters        string // each character once
	noUpper, allowRepeat    bool
	keys                    []string
	encoder                 encoder
	// note explains numbers in an error that the user did not write.
	note string
}

// newRecipe applies the defaults and checks the result. Errors are fault.Invalid.
func newRecipe(spec *genv1alpha1.PasswordSpec) (*recipe, error) {
	r := &recipe{
		length:           valueOr(spec.Length, defaultLength),
		symbolCharacters: valueOr(spec.SymbolCharacters, gopassword.Symbols),
		noUpper:          spec.NoUpper,
		allowRepeat:      spec.AllowRepeat,
		keys:             keysOf(spec),
	}
	r.digits, r.symbols = valueOr(spec.Digits, r.length/4), valueOr(spec.Symbols, r.length/4)
	if spec.Digits == nil || spec.Symbols == nil {
		r.note = " (spec.digits and spec.symbols are a quarter of the length where they are not written)"
	}
	var err error
	if r.encoder, err = encoderFor(valueOr(spec.Encoding, genv1alpha1.PasswordRaw)); err != nil {
		return nil, err
	}
	for _, check := range []func(*recipe) error{
		(*recipe).checkCounts, (*recipe).checkKeys, (*recipe).checkSize, (*recipe).checkSymbols, (*recipe).checkRepeats,
	} {
		if err := check(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// keysOf returns the keys that a password is made for.
func keysOf(spec *genv1alpha1.PasswordSpec) []string {
	if len(spec.SecretKeys) == 0 {
		return []string{defaultKey}
	}
	return spec.SecretKeys
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func (r *recipe) checkCounts() error {
	switch {
	case r.length < 1 || r.length > maxLength:
		return fault.New(fault.Invalid, "spec.length %d must be between 1 and %d", r.length, maxLength)
	case r.digits < 0:
		return fault.New(fault.Invalid, "spec.digits %d must not be negative", r.digits)
	case r.symbols < 0:
		return fault.New(fault.Invalid, "spec.symbols %d must not be negative", r.symbols)
	// Written without a sum, which could overflow.
	case r.digits > r.length || r.symbols > r.length-r.digits:
		return fault.New(fault.Invalid, "spec.digits %d + spec.symbols %d exceed spec.length %d%s", r.digits, r.symbols, r.length, r.note)
	}
	return nil
}

func (r *recipe) checkKeys() error {
	sorted := slices.Sorted(slices.Values(r.keys))
	if sorted[0] == "" || len(slices.Compact(sorted)) < len(r.keys) {
		return fault.New(fault.Invalid, "spec.secretKeys must be non-empty and unique")
	}
	return nil
}

func (r *recipe) checkSize() error {
	size := r.encoder.EncodedLen(r.length)
	if len(r.keys) > maxData/size {
		return fault.New(
			fault.Invalid,
			"the values of %d spec.secretKeys with %d bytes each are more than the %d bytes that a Secret may hold: "+
				"lower spec.length",
			len(r.keys),
			size,
			maxData,
		)
	}
	return nil
}

// checkSymbols also reduces the symbols to a set, so that all are equally likely. Symbols that are never drawn are not judged.
func (r *recipe) checkSymbols() error {
	if r.symbols == 0 {
		return nil
	}
	if r.symbolCharacters == "" {
		return fault.New(fault.Invalid, "spec.symbolCharacters is empty, but spec.symbols is %d%s: set spec.symbols to 0 or give characters",
			r.symbols, r.note)
	}
	var set strings.Builder
	for i, c := range []rune(r.symbolCharacters) {
		if c < ' ' || c > '~' {
			return fault.New(fault.Invalid, "spec.symbolCharacters: character %d is not printable ASCII "+
				"(a YAML block text ends with a line break unless it starts with |-)", i+1)
		}
		if !strings.ContainsRune(set.String(), c) {
			set.WriteRune(c)
		}
	}
	r.symbolCharacters = set.String()
	return nil
}

// checkRepeats refuses what cannot be drawn for certain when no character may stand in the password twice.
func (r *recipe) checkRepeats() error {
	if r.allowRepeat {
		return nil
	}
	const refusal = "spec.allowRepeat is false, and %d %s exceed the %d different characters there are for them%s: " +
		"set spec.allowRepeat to true, or lower %s"
	letters, alphabet := r.length-r.digits-r.symbols, r.alphabet()
	free := len(r.symbolCharacters) -
		min(letters, overlap(r.symbolCharacters, alphabet)) - min(r.digits, overlap(r.symbolCharacters, gopassword.Digits))
	switch {
	case letters > len(alphabet):
		return fault.New(fault.Invalid, refusal, letters, "letters", len(alphabet), r.note, "spec.length")
	case r.digits > len(gopassword.Digits):
		return fault.New(fault.Invalid, refusal, r.digits, "spec.digits", len(gopassword.Digits), r.note, "spec.digits")
	case r.symbols > free:
		return fault.New(fault.Invalid, refusal, r.symbols, "spec.symbols", free, r.note, "spec.symbols or add to spec.symbolCharacters")
	}
	return nil
}

func (r *recipe) alphabet() string {
	if r.noUpper {
		return gopassword.LowerLetters
	}
	return gopassword.LowerLetters + gopassword.UpperLetters
}

// overlap counts the characters of set that are in other too: a password's letters and digits may use them up before
// its symbols are drawn.
func overlap(set, other string) int {
	n := 0
	for _, c := range set {
		if strings.ContainsRune(other, c) {
			n++
		}
	}
	return n
}
