package plan_test

import (
	"slices"
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func TestWantedKeys(t *testing.T) {
	generator := esv1.ExternalSecretDataFromRemoteRef{SourceRef: &esv1.StoreGeneratorSourceRef{GeneratorRef: &esv1.GeneratorRef{Kind: "Password"}}}
	rewritten := generator
	rewritten.Rewrite = []esv1.ExternalSecretRewrite{{Regexp: &esv1.ExternalSecretRewriteRegexp{}}}
	extract := esv1.ExternalSecretDataFromRemoteRef{Extract: &esv1.ExternalSecretDataRemoteRef{Key: "k"}}
	text := map[string]string{"url": "x"}
	cases := map[string]struct {
		reason    string
		data      []esv1.ExternalSecretData
		dataFrom  []esv1.ExternalSecretDataFromRemoteRef
		template  *esv1.ExternalSecretTemplate
		generated map[int][]string
		want      []string
		unknown   bool
	}{
		"data": {
			reason: "data names its keys",
			data:   []esv1.ExternalSecretData{entry("a"), entry("b")}, want: []string{"a", "b"},
		},
		"extract": {
			reason: "only the store knows the keys of a secret", data: []esv1.ExternalSecretData{entry("a")},
			dataFrom: []esv1.ExternalSecretDataFromRemoteRef{extract}, unknown: true,
		},
		"generator": {
			reason: "a generator may announce its keys", data: []esv1.ExternalSecretData{entry("a")},
			dataFrom: []esv1.ExternalSecretDataFromRemoteRef{generator}, generated: map[int][]string{0: {"password"}}, want: []string{"a", "password"},
		},
		"silent generator": {
			reason:   "a generator that cannot tell leaves it open",
			dataFrom: []esv1.ExternalSecretDataFromRemoteRef{generator}, generated: map[int][]string{0: nil}, unknown: true,
		},
		"rewritten generator": {
			reason:   "the keys come as rewrite has left them",
			dataFrom: []esv1.ExternalSecretDataFromRemoteRef{rewritten}, generated: map[int][]string{0: {"secret"}}, want: []string{"secret"},
		},
		"template": {
			reason:   "a template alone decides, whatever is fetched",
			dataFrom: []esv1.ExternalSecretDataFromRemoteRef{extract}, template: &esv1.ExternalSecretTemplate{Data: text}, want: []string{"url"},
		},
		"merging template": {
			reason: "fetched keys stay beside the template's", data: []esv1.ExternalSecretData{entry("a")},
			template: &esv1.ExternalSecretTemplate{Data: text, MergePolicy: esv1.MergePolicyMerge}, want: []string{"a", "url"},
		},
		"template of metadata": {
			reason: "a template without data takes the fetched keys", data: []esv1.ExternalSecretData{entry("a")},
			template: &esv1.ExternalSecretTemplate{Type: "x"}, want: []string{"a"},
		},
		"templateFrom": {
			reason:   "keys that stand in another object are not known here",
			template: &esv1.ExternalSecretTemplate{Data: text, TemplateFrom: []esv1.TemplateFrom{{}}}, unknown: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := esv1.ExternalSecretSpec{Data: c.data, DataFrom: c.dataFrom, Target: esv1.ExternalSecretTarget{Template: c.template}}
			got, known := plan.WantedKeys(&spec, c.generated)
			slices.Sort(got)
			if known == c.unknown || !slices.Equal(got, c.want) {
				t.Errorf("WantedKeys() = %q, %v; want %q, %v: %s", got, known, c.want, !c.unknown, c.reason)
			}
		})
	}
}

func TestCarrier(t *testing.T) {
	data := func(text string) *esv1.ExternalSecretTemplate {
		return &esv1.ExternalSecretTemplate{Data: map[string]string{"out": text}}
	}
	merge := func(t *esv1.ExternalSecretTemplate) *esv1.ExternalSecretTemplate {
		t.MergePolicy = esv1.MergePolicyMerge
		return t
	}
	delimited := func(text string) *esv1.ExternalSecretTemplate {
		d := data(text)
		d.Delimiters = &esv1.TemplateDelimiters{Left: "[[", Right: "]]"}
		return d
	}
	cases := map[string]struct {
		reason   string
		template *esv1.ExternalSecretTemplate
		want     string // empty: there is none
	}{
		"no template":        {"values stand under their own names", nil, "password"},
		"only metadata":      {"a template without data takes values as they are", &esv1.ExternalSecretTemplate{Type: "x"}, "password"},
		"variable":           {"the value stands unchanged under another name", data("{{ .password }}"), "out"},
		"variable, narrow":   {"spaces within the action do not matter", data("{{.password}}"), "out"},
		"trimmed":            {"dashes take the space around away", data("\n {{- .password -}} \n"), "out"},
		"newline after":      {"a block of YAML ends in a newline, which is part of the result", data("{{ .password }}\n"), ""},
		"space before":       {"space is part of the result", data(" {{ .password }}"), ""},
		"trimmed before":     {"a dash on one side does not help on the other", data("{{- .password }}\n"), ""},
		"dash without space": {"this is not a dash that trims", data("{{-.password}}"), ""},
		"within text":        {"the value cannot be told from the text around it", data("pw={{ .password }}"), ""},
		"function":           {"a function makes another value", data("{{ .password | upper }}"), ""},
		"two variables":      {"two values cannot be told apart", data("{{ .password }}{{ .user }}"), ""},
		"other variable":     {"another value is of no use", data("{{ .user }}"), ""},
		"nested":             {"a member is not the value", data("{{ .password.x }}"), ""},
		"other delimiters":   {"the template's own delimiters count", delimited("[[ .password ]]"), "out"},
		"foreign delimiters": {"with other delimiters this is plain text", delimited("{{ .password }}"), ""},
		"merge":              {"mergePolicy Merge keeps the value", merge(data("pw={{ .password }}")), "password"},
		"merge, replaced": {
			"the template writes over the value",
			merge(&esv1.ExternalSecretTemplate{Data: map[string]string{"password": "{{ .password | b64enc }}"}}), "",
		},
		"merge, templateFrom": {
			"what another object's templates write over is not known here",
			merge(&esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{{}}}), "",
		},
		"replace": {"the value is not part of the result", &esv1.ExternalSecretTemplate{Data: map[string]string{"x": "y"}}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := esv1.ExternalSecretSpec{Target: esv1.ExternalSecretTarget{Template: c.template}}
			got, ok := plan.Carrier(&spec, "password")
			if ok != (c.want != "") || (ok && got != c.want) {
				t.Errorf("Carrier() = %q, %v; want %q: %s", got, ok, c.want, c.reason)
			}
		})
	}
}
