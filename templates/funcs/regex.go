package funcs

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

const (
	// maxPattern bounds the length of a regular expression, and maxSteps its size as a program times the length of the text, which is
	// about how long it may run.
	maxPattern = 4096
	maxSteps   = 1 << 26
)

func regexFunctions() map[string]any {
	return map[string]any{
		"regexMatch": regexMatch, "mustRegexMatch": mustRegexMatch,
		"regexFind": regexFind, "mustRegexFind": regexFind,
		"regexFindAll": regexFindAll, "mustRegexFindAll": regexFindAll,
		"regexReplaceAll": regexReplaceAll, "mustRegexReplaceAll": regexReplaceAll,
		"regexReplaceAllLiteral": regexReplaceAllLiteral, "mustRegexReplaceAllLiteral": regexReplaceAllLiteral,
		"regexSplit": regexSplit, "mustRegexSplit": regexSplit,
	}
}

// compile returns the expression, or an error when it would run for too long on s.
func compile(pattern, s string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, invalid("the regular expression is longer than %d characters", maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, invalid("the regular expression is malformed")
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, invalid("the regular expression is malformed")
	}
	if len(program.Inst) > maxSteps/(len(s)+1) {
		return nil, invalid("the regular expression is too complex for a text of this length")
	}
	return regexp.Compile(pattern)
}

// regexMatch is false for a malformed expression, as users of sprig expect.
func regexMatch(pattern, s string) bool {
	matched, err := mustRegexMatch(pattern, s)
	return err == nil && matched
}

func mustRegexMatch(pattern, s string) (bool, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return false, err
	}
	return re.MatchString(s), nil
}

func regexFind(pattern, s string) (string, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return "", err
	}
	return re.FindString(s), nil
}

func regexFindAll(pattern, s string, n int) ([]string, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return nil, err
	}
	found := re.FindAllString(s, capped(n))
	return found, itemsFit(len(found))
}

func regexSplit(pattern, s string, n int) ([]string, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return nil, err
	}
	parts := re.Split(s, capped(n))
	return parts, itemsFit(len(parts))
}

// capped returns n, or one more than a list may have for "all of them".
func capped(n int) int {
	if n < 0 || n > maxItems {
		return maxItems + 1
	}
	return n
}

func regexReplaceAll(pattern, s, replacement string) (string, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return "", err
	}
	if err := replacementFits(re, s, replacement); err != nil {
		return "", err
	}
	return re.ReplaceAllString(s, replacement), nil
}

func regexReplaceAllLiteral(pattern, s, replacement string) (string, error) {
	re, err := compile(pattern, s)
	if err != nil {
		return "", err
	}
	if err := replacementFits(re, s, replacement); err != nil {
		return "", err
	}
	return re.ReplaceAllLiteralString(s, replacement), nil
}

// replacementFits counts the replacement once for every match, and the matched text once for every reference in the replacement.
func replacementFits(re *regexp.Regexp, s, replacement string) error {
	matches := len(re.FindAllStringIndex(s, capped(-1)))
	if err := itemsFit(matches); err != nil {
		return err
	}
	if err := fits(matches, len(replacement)); err != nil {
		return err
	}
	return fits(strings.Count(replacement, "$"), len(s))
}
