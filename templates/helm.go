package templates

import (
	"regexp"
	"strings"
)

var escapedAction = regexp.MustCompile("\\{\\{-?\\s*[\"`]\\s*\\{\\{")

// HelmHint returns a sentence for users whose template text looks as if Helm had rendered it by accident, or not at all though it was
// escaped for Helm. It returns the empty string for every other text. None of these is an error: the text renders to what it says.
func HelmHint(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "the template is empty; if it comes from a Helm chart, Helm has already rendered {{ .x }} to nothing: " +
			"write {{ `{{ .x }}` }} there, or set target.template.delimiters"
	case strings.Contains(text, "<no value>"):
		return "the template contains \"<no value>\"; Helm or another tool has already rendered it: " +
			"write {{ `{{ .x }}` }} in the chart, or set target.template.delimiters"
	case escapedAction.MatchString(text):
		return "the template is escaped for Helm and renders to the literal text {{ … }}; without Helm write {{ .x }}"
	}
	return ""
}
