package templates_test

import (
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/templates"
)

func TestHelmHint(t *testing.T) {
	cases := []struct{ reason, text, want string }{
		{"an empty template", "", "Helm has already rendered"},
		{"a template of white space", " \n", "Helm has already rendered"},
		{"a value that Helm did not have", "user: <no value>", "has already rendered it"},
		{"escaped with quotes", `{{"{{ .password }}"}}`, "escaped for Helm"},
		{"escaped with backquotes, trimmed", "x: {{- ` {{ .password }}` }}", "escaped for Helm"},
		{"a template", "{{ .password }}", ""},
		{"a template with a literal", `{{ "x" }}{{ .a }}`, ""},
		{"plain text", "text", ""},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got := templates.HelmHint(tc.text)
			if !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") {
				t.Errorf("got %q, want it to contain %q", got, tc.want)
			}
		})
	}
}
