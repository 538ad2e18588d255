// Package password generates passwords of a given length and mix of characters.
//
// Every character and every position is drawn from crypto/rand by go-password, which draws each number with rand.Int.
// That rejects what does not fit instead of folding it with a modulus, so all characters of a class are equally likely,
// and so are all orders of the characters. A password holds exactly as many digits and symbols as its spec says (more
// digits only if spec.symbolCharacters holds digits too); the rest are letters, lower and upper case mixed as they
// fall.
//
// Without spec.allowRepeat no character stands in a password twice, upper and lower case being different characters.
// go-password alone would search without end where the symbols repeat each other, the letters or the digits and nothing
// is left to draw; such a spec is refused here before the first draw. It also works on bytes, so only printable ASCII
// is accepted in spec.symbolCharacters.
package password
