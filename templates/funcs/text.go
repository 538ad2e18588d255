package funcs

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/Masterminds/semver/v3"
)

// maxCutset bounds the characters to trim, and maxVersion a semantic version: both multiply with the length of the other argument.
const (
	maxCutset  = 1024
	maxVersion = 4096
)

var formatNumber = regexp.MustCompile(`\d+`)

func textFunctions() map[string]any {
	return map[string]any{
		"print": fmt.Sprint, "println": fmt.Sprintln, "printf": printf,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"repeat": repeat, "indent": indent, "nindent": nindent, "replace": replace,
		"trimAll": trimAll, "trimall": trimAll, "wrapWith": wrapWith,
		"hexdec": hexdec, "fail": fail,
		"fromJson": fromJSON, "mustFromJson": mustFromJSON,
		"semver": version, "semverCompare": versionCompare,
	}
}

// printf keeps out what multiplies an argument: widths taken from the arguments, and the same argument many times.
func printf(format string, args ...any) (string, error) {
	if strings.Contains(format, "*") {
		return "", invalid("a width or precision given by * is not supported")
	}
	widest := 0
	for _, digits := range formatNumber.FindAllString(format, -1) {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return "", invalid("a number in the format is too large")
		}
		widest = max(widest, n)
	}
	verbs, uses := strings.Count(format, "%"), 1
	if strings.Contains(format, "[") {
		uses = verbs
	}
	if err := fits(verbs, widest); err != nil {
		return "", err
	}
	if err := fits(uses, Size(args)); err != nil {
		return "", err
	}
	return fmt.Sprintf(format, args...), nil
}

func repeat(count int, s string) (string, error) {
	if count < 0 {
		return "", invalid("the count is negative")
	}
	if err := fits(count, len(s)); err != nil {
		return "", err
	}
	return strings.Repeat(s, count), nil
}

func indent(spaces int, s string) (string, error) {
	if spaces < 0 {
		return "", invalid("the number of spaces is negative")
	}
	if err := fits(strings.Count(s, "\n")+1, spaces); err != nil {
		return "", err
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

func nindent(spaces int, s string) (string, error) {
	indented, err := indent(spaces, s)
	return "\n" + indented, err
}

func replace(old, replacement, s string) (string, error) {
	if err := fits(strings.Count(s, old), len(replacement)); err != nil {
		return "", err
	}
	return strings.ReplaceAll(s, old, replacement), nil
}

func trimAll(cutset, s string) (string, error) {
	if len(cutset) > maxCutset {
		return "", invalid("more than %d characters to trim", maxCutset)
	}
	return strings.Trim(s, cutset), nil
}

func wrapWith(width int, separator, s string) (string, error) {
	// Two lines that follow each other are together longer than the width.
	if err := fits(2*len(s)/max(width, 1)+1, len(separator)); err != nil {
		return "", err
	}
	return original[func(int, string, string) string]("wrapWith")(width, separator, s), nil
}

func hexdec(s string) (string, error) {
	decoded, err := hex.DecodeString(s)
	if err != nil {
		return "", invalid("the text is not hexadecimal")
	}
	return string(decoded), nil
}

func fail(message string) (string, error) {
	return "", &FailError{Message: message}
}

// fromJSON returns nil for what is not JSON, as users of sprig expect.
func fromJSON(s string) any {
	v, err := mustFromJSON(s)
	if err != nil {
		return nil
	}
	return v
}

func mustFromJSON(s string) (any, error) {
	if len(s) > maxDocument {
		return nil, invalid("the JSON text is larger than %d MiB", maxDocument>>20)
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, invalid("the text is not valid JSON")
	}
	return v, nil
}

func version(s string) (*semver.Version, error) {
	if len(s) > maxVersion {
		return nil, invalid("the version is longer than %d characters", maxVersion)
	}
	v, err := semver.NewVersion(s)
	if err != nil {
		return nil, invalid("the text is not a semantic version")
	}
	return v, nil
}

func versionCompare(constraint, s string) (bool, error) {
	if len(constraint) > maxVersion {
		return false, invalid("the constraint is longer than %d characters", maxVersion)
	}
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		return false, invalid("the text is not a version constraint")
	}
	v, err := version(s)
	if err != nil {
		return false, err
	}
	return c.Check(v), nil
}
