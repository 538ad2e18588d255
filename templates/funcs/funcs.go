package funcs

import (
	"maps"

	"github.com/sluice-operator/sluice/internal/fault"
)

// All returns every function of the engine by name, without the operators of text/template that it leaves as they are (and, or, not,
// eq, len, index and the like). The map is the caller's own.
//
// The functions are safe for concurrent use. An error of type *fault.Error has a message that is fit for users; the text of any
// other error, and of a panic, may quote values and must not be shown.
func All() map[string]any {
	all := sprigFunctions()
	for _, family := range []map[string]any{
		textFunctions(), listFunctions(), regexFunctions(), randomFunctions(), passwordFunctions(), jsonFunctions(),
		certificateFunctions(), pemFunctions(), pkcs12Functions(), jwkFunctions(), rsaFunctions(), yamlFunctions(),
	} {
		maps.Copy(all, family)
	}
	return all
}

// FailError is the error of the function fail: the template's author gave up on purpose. Message may hold a value.
type FailError struct{ Message string }

// Error returns a text without the message, which may hold a value.
func (*FailError) Error() string { return "the template called fail" }

// invalid returns an error whose message is shown to users: no argument may be a value of the template's data.
func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...)
}
