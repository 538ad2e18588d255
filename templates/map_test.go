package templates_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

func TestMap(t *testing.T) {
	odd := "\x01\x7f \u0085\u009f \u2028\ufeff\ufffe\uffff <&>"
	data := map[string][]byte{
		"user": []byte("admin"), "pass": []byte("p: #"), "blob": []byte("a\xff\x00"), "list": []byte("u1,u2"), "odd": []byte(odd),
	}
	cases := []struct {
		reason string
		scope  templates.Scope
		tpl    map[string]string
		want   map[string]string
	}{
		{"nothing to render", templates.Values, nil, map[string]string{}},
		{
			"values keep their keys",
			templates.Values,
			map[string]string{"a": "{{ .user }}", "b": "x"},
			map[string]string{"a": "admin", "b": "x"},
		},
		{"binary values stay binary", templates.Values, map[string]string{"a": "{{ .blob }}"}, map[string]string{"a": "a\xff\x00"}},
		{"an empty template is an empty value", templates.Values, map[string]string{"a": ""}, map[string]string{"a": ""}},
		{
			"keys and values", templates.KeysAndValues,
			map[string]string{"t": "{{ .user }}: v\nb: {{ .pass | toJson }}"},
			map[string]string{"admin": "v", "b": "p: #"},
		},
		{
			"a value with characters that YAML does not take", templates.KeysAndValues,
			map[string]string{"t": "a: {{ .odd | toJson }}\nb: {{ .odd | mustToRawJson }}"},
			map[string]string{"a": odd, "b": odd},
		},
		{"an empty text has no keys", templates.KeysAndValues, map[string]string{"t": ""}, map[string]string{}},
		{
			"a text of comments and null has no keys",
			templates.KeysAndValues,
			map[string]string{"t": "# none\n---\n~\n"},
			map[string]string{},
		},
		{
			"numbers and truth values keep their spelling", templates.KeysAndValues,
			map[string]string{"t": "a: 007\nb: 1.10\nc: yes\nd: true\ne: 1e3\nf: 2024-01-31"},
			map[string]string{"a": "007", "b": "1.10", "c": "yes", "d": "true", "e": "1e3", "f": "2024-01-31"},
		},
		{"null is empty", templates.KeysAndValues, map[string]string{"t": "a:\nb: ~"}, map[string]string{"a": "", "b": ""}},
		{
			"binary is decoded", templates.KeysAndValues,
			map[string]string{"t": "a: !!binary {{ .blob | b64enc }}"},
			map[string]string{"a": "a\xff\x00"},
		},
		{"numbers as keys", templates.KeysAndValues, map[string]string{"t": "1: a\ntrue: b"}, map[string]string{"1": "a", "true": "b"}},
		{"blocks of text", templates.KeysAndValues, map[string]string{"t": "a: |\n  x\n  y\n"}, map[string]string{"a": "x\ny\n"}},
		{
			"a loop that makes keys", templates.KeysAndValues,
			map[string]string{"t": "{{ range splitList \",\" .list }}{{ . }}: x\n{{ end }}"},
			map[string]string{"u1": "x", "u2": "x"},
		},
		{
			"a key that stands twice has its last value", templates.KeysAndValues,
			map[string]string{"t": "a: 1\na: 2"},
			map[string]string{"a": "2"},
		},
		{
			"anchors and merged maps", templates.KeysAndValues,
			map[string]string{"t": "a: &x v\nb: *x\n<<: {a: other, c: w}"},
			map[string]string{"a": "v", "b": "v", "c": "w"},
		},
		{
			"several texts are merged, later names win", templates.KeysAndValues,
			map[string]string{"2": "a: second", "1": "a: first\nb: first"},
			map[string]string{"a": "second", "b": "first"},
		},
	}
	engine := templates.New()
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			rendered, err := engine.Map(tc.scope, tc.tpl, data)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for key, value := range rendered {
				got[key] = string(value)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMapErrorsHoldNoValue(t *testing.T) {
	const hint = "; a value with special characters or line breaks needs quoting, as in: key: {{ .value | toJson }}"
	cases := []struct {
		reason string
		scope  templates.Scope
		text   string
		want   string
	}{
		{"a template's error", templates.Values, "{{ .x }}", `template "t", line 1: no value for key "x" (known keys: secret)`},
		{
			"a value that breaks the YAML", templates.KeysAndValues, "a: b\nc: '{{ .secret }}",
			`template "t": the rendered text is not a YAML map of keys and values, line 2` + hint,
		},
		{
			"a text that is no map", templates.KeysAndValues, "{{ .secret }}",
			`template "t": the rendered text is not a YAML map of keys and values` + hint,
		},
		{
			"a list",
			templates.KeysAndValues,
			"- {{ .secret }}",
			`template "t": the rendered text is not a YAML map of keys and values` + hint,
		},
		{
			"a map as a value", templates.KeysAndValues, "a: 1\n{{ .secret }}: {b: c}",
			`template "t": rendered text, line 2: the value is a list or a map where a text is expected`,
		},
		{"a map as a key", templates.KeysAndValues, "{a: b}: {{ .secret }}", `template "t": rendered text, line 1: a key is not a text`},
		{
			"binary that is not base64", templates.KeysAndValues, "a: !!binary '%{{ .secret }}'",
			`template "t": rendered text, line 1: the value is marked as binary but is not base64`,
		},
		{
			"a text that is merged in",
			templates.KeysAndValues,
			"<<: {{ .secret }}",
			`template "t": rendered text, line 1: only a map can be merged in`,
		},
		{
			"a long value that is named many times", templates.KeysAndValues,
			`a: &x {{ repeat 1000 "x" }}` + "\n{{ range until 2000 }}k{{ . }}: *x\n{{ end }}",
			`template "t": rendered text, line 1045: the keys and values are too large altogether`,
		},
	}
	engine := templates.New()
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := engine.Map(tc.scope, map[string]string{"t": tc.text}, map[string][]byte{"secret": []byte(secret)})
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("got %v, want a fault of kind Invalid", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the error holds a value")
			}
		})
	}
}
