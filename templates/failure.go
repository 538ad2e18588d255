package templates

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates/funcs"
)

// maxNamedKeys bounds the keys that an error lists.
const maxNamedKeys = 20

// What text/template says. Its texts quote values, so nothing of them is shown but names, types and counts.
var (
	lineNumber   = regexp.MustCompile(`^template: ` + regexp.QuoteMeta(mainTemplate) + `:(\d+)`)
	badCall      = regexp.MustCompile(`: error calling (\w+): `)
	missingKey   = regexp.MustCompile(`no entry for key ("(?:[^"\\]|\\.)*")$`)
	wrongCount   = regexp.MustCompile(`: wrong number of args for (\w+): (want (?:at least )?\d+ got \d+)$`)
	wrongType    = regexp.MustCompile(`: wrong type for value; expected (.+); got (.+)$`)
	wrongLiteral = regexp.MustCompile(`: expected (bool|string|integer|unsigned integer|float|complex); found `)
	absentValue  = regexp.MustCompile(`: invalid value; expected (.+)$`)
	noField      = regexp.MustCompile(`: can't evaluate field (\w+) in type `)
	noTemplate   = regexp.MustCompile(`: template ("(?:[^"\\]|\\.)*") not defined$`)
	notIterable  = regexp.MustCompile(`: range can't iterate over `)
	noFunction   = regexp.MustCompile(`: function "(\w+)" not defined$`)
	noVariable   = regexp.MustCompile(`: undefined variable "(\$\w*)"$`)
	dashInKey    = regexp.MustCompile(`: bad character U\+002D`)
	notClosed    = regexp.MustCompile(`: unexpected EOF$`)
	notOpened    = regexp.MustCompile(`: unexpected \{\{(end|else)\}\}`)
	plainSyntax  = regexp.MustCompile(
		`: (unclosed (?:action|comment|left paren)|unexpected right paren|unterminated (?:raw )?quoted string)`,
	)
	outsideOfRange = regexp.MustCompile(`: \{\{(break|continue)\}\} outside \{\{range\}\}`)
)

// failure is the context in which an error of text/template is explained.
type failure struct {
	name, text string
	data       map[string]any
}

// explain returns the error that users see for one that executing the template gave.
func (f failure) explain(err error) error {
	return located(f.name, err, f.reason(err))
}

// parseFailure returns the error that users see for one that parsing the template gave.
func parseFailure(name string, err error) error {
	return located(name, err, parseReason(err))
}

func located(name string, err error, reason string) error {
	if m := lineNumber.FindStringSubmatch(err.Error()); m != nil {
		return fault.New(fault.Invalid, "template %q, line %s: %s", name, m[1], reason)
	}
	return fault.New(fault.Invalid, "template %q: %s", name, reason)
}

func (f failure) reason(err error) string {
	if failed, ok := errors.AsType[*funcs.FailError](err); ok {
		return f.failReason(failed.Message)
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known.Message
	}
	text := err.Error()
	if m := badCall.FindStringSubmatch(text); m != nil {
		return fault.Message(unsuitable(m[1]))
	}
	if m := missingKey.FindStringSubmatch(text); m != nil {
		return "no value for key " + m[1] + f.knownKeys(m[1])
	}
	return operandReason(text)
}

// failReason shows the message of fail only where it stands in the template word for word: else it may hold a value.
func (f failure) failReason(message string) string {
	if strings.Contains(f.text, "fail "+strconv.Quote(message)) || strings.Contains(f.text, "fail `"+message+"`") {
		return "the template failed on purpose: " + message
	}
	return "the template failed on purpose (its message is not shown, since it may hold a value)"
}

// knownKeys lists the variables of the template. Where the missing key is one of them, it was looked up in something else.
func (f failure) knownKeys(quoted string) string {
	if key, err := strconv.Unquote(quoted); err == nil {
		if _, ok := f.data[key]; ok {
			return " in the value that it is taken from"
		}
	}
	if len(f.data) == 0 {
		return " (there are no keys at all)"
	}
	keys := slices.Sorted(maps.Keys(f.data))
	more := ""
	if len(keys) > maxNamedKeys {
		more = fmt.Sprintf(" and %d more", len(keys)-maxNamedKeys)
		keys = keys[:maxNamedKeys]
	}
	return " (known keys: " + strings.Join(keys, ", ") + more + ")"
}

func operandReason(text string) string {
	if m := wrongCount.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("wrong number of arguments for %s: %s", m[1], m[2])
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("an argument has the wrong type: expected %s, got %s", m[1], m[2])
	}
	if m := wrongLiteral.FindStringSubmatch(text); m != nil {
		return "an argument has the wrong type: expected " + m[1]
	}
	if m := absentValue.FindStringSubmatch(text); m != nil {
		return "an argument has no value where " + m[1] + " is expected: a key that index looks up is missing, or the value is null"
	}
	if m := noField.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("the value has no field %q", m[1])
	}
	if m := noTemplate.FindStringSubmatch(text); m != nil {
		return "no template " + m[1] + " is defined"
	}
	if notIterable.MatchString(text) {
		return "range needs a list, a map or a number"
	}
	return "the expression cannot be evaluated"
}

func parseReason(err error) string {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known.Message
	}
	text := err.Error()
	if m := noFunction.FindStringSubmatch(text); m != nil {
		if why, ok := funcs.Refused()[m[1]]; ok {
			return fmt.Sprintf("function %q is not available: %s", m[1], why)
		}
		return fmt.Sprintf("there is no function %q", m[1])
	}
	if m := noVariable.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("variable %q is not defined", m[1])
	}
	if m := plainSyntax.FindStringSubmatch(text); m != nil {
		return "syntax error: " + m[1]
	}
	if m := notOpened.FindStringSubmatch(text); m != nil {
		return "syntax error: {{" + m[1] + "}} without a block that it belongs to"
	}
	if m := outsideOfRange.FindStringSubmatch(text); m != nil {
		return "syntax error: {{" + m[1] + "}} outside of {{range}}"
	}
	if dashInKey.MatchString(text) {
		return `syntax error at a dash; a key with a dash is written {{ index . "my-key" }}`
	}
	if notClosed.MatchString(text) {
		return "syntax error: a block is not closed with {{end}}"
	}
	return "syntax error"
}

// callError puts the function's name in front of an error that is fit for users and replaces any other. It keeps nil, and the error of fail.
func callError(name string, err error) error {
	var failed *funcs.FailError
	var known *fault.Error
	switch {
	case err == nil || errors.As(err, &failed):
		return err
	case errors.As(err, &known):
		return fault.In(err, "function %q", name)
	}
	return unsuitable(name)
}

func unsuitable(function string) error {
	return fault.New(fault.Invalid, "function %q cannot work with what it was given", function)
}
