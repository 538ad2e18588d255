package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

func literal(target, text string) fetch.TemplateText {
	return fetch.TemplateText{Where: path + ".templateFrom[0].literal", Text: text, Scope: esv1.TemplateScopeKeysAndValues, Target: target}
}

func item(target, key, text string) fetch.TemplateText {
	return fetch.TemplateText{Where: path + ".templateFrom[0]", Key: key, Text: text, Scope: esv1.TemplateScopeValues, Target: target}
}

func resource(kind string, template *esv1.ExternalSecretTemplate) *esv1.ExternalSecretTarget {
	apiVersion := "config.example.com/v1"
	if kind == "ConfigMap" {
		apiVersion = "v1"
	}
	return &esv1.ExternalSecretTarget{Manifest: &esv1.ManifestReference{APIVersion: apiVersion, Kind: kind}, Template: template}
}

// manifest renders texts for a custom resource.
func manifest(existing map[string]any, texts ...fetch.TemplateText) (render.Desired, error) {
	template := &esv1.ExternalSecretTemplate{TemplateFrom: make([]esv1.TemplateFrom, len(texts))}
	in := render.Input{Path: path, Values: fetched(), Template: template, Texts: texts, Existing: existing}
	return renderer().Manifest(in, resource("AppConfig", template))
}

type object = map[string]any

func TestManifestContent(t *testing.T) {
	tests := []struct {
		reason   string
		existing object
		texts    []fetch.TemplateText
		want     object
	}{
		{reason: "no template makes no field"},
		{
			reason: "a map at a path, with the types of YAML",
			texts:  []fetch.TemplateText{literal("spec.database", "host: {{ .user }}\nport: 5432\ntls: true\nextra: [1, a]")},
			want:   object{"spec": object{"database": object{"host": "admin", "port": int64(5432), "tls": true, "extra": []any{int64(1), "a"}}}},
		},
		{
			reason: "a value at a path, the letter case of which counts",
			texts:  []fetch.TemplateText{literal("spec.maxConnections", "7")},
			want:   object{"spec": object{"maxConnections": int64(7)}},
		},
		{
			reason: "the spec as a whole, in any letter case",
			texts:  []fetch.TemplateText{literal("Spec", "a: {{ .user }}")},
			want:   object{"spec": object{"a": "admin"}},
		},
		{
			reason: "maps at one path are joined, the later one wins",
			texts:  []fetch.TemplateText{literal("spec.a", "p: 1\nq: 1"), literal("spec.a", "q: 2"), literal("spec", "b: 3")},
			want:   object{"spec": object{"a": object{"p": int64(1), "q": int64(2)}, "b": int64(3)}},
		},
		{
			reason: "a field beside the spec",
			texts:  []fetch.TemplateText{literal("rules", "[{name: {{ .user }}}]")},
			want:   object{"rules": []any{object{"name": "admin"}}},
		},
		{
			reason: "items of a list, one after the other",
			texts:  []fetch.TemplateText{literal("spec.list[0].name", "a"), literal("spec.list[1]", "name: b"), literal("spec.list[0].port", "1")},
			want:   object{"spec": object{"list": []any{object{"name": "a", "port": int64(1)}, object{"name": "b"}}}},
		},
		{
			reason: "lists in lists",
			texts:  []fetch.TemplateText{literal("m[0][0]", "1"), literal("m[0][1]", "2")},
			want:   object{"m": []any{[]any{int64(1), int64(2)}}},
		},
		{
			reason:   "what else is in a list of the existing object stays",
			existing: object{"spec": object{"list": []any{"x", "y"}, "other": "z"}},
			texts:    []fetch.TemplateText{literal("spec.list[1]", "b"), literal("spec.list[2]", "c")},
			want:     object{"spec": object{"list": []any{"x", "b", "c"}}},
		},
		{
			reason: "the item of a ConfigMap stands at the path itself",
			texts:  []fetch.TemplateText{item("spec.logging", "ignored.yaml", "level: {{ .user }}")},
			want:   object{"spec": object{"logging": object{"level": "admin"}}},
		},
		{
			reason: "in the spec it is a text under its key",
			texts:  []fetch.TemplateText{item("spec", "port", "80")},
			want:   object{"spec": object{"port": "80"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := manifest(tt.existing, tt.texts...)
			if diff := cmp.Diff(tt.want, got.Content); err != nil || diff != "" {
				t.Errorf("content, error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestManifestRefusals(t *testing.T) {
	tests := []struct {
		reason string
		text   fetch.TemplateText
		says   string
	}{
		{"the name of the object", literal("metadata.name", "x"), `target "metadata.name": a template cannot set it`},
		{"its kind", literal("kind", "x"), `target "kind"`},
		{"its status", literal("status.ready", "true"), `target "status.ready"`},
		{"no path", literal("spec.a b", "x"), "it is no path"},
		{"an empty name", literal("spec.", "x"), "it is no path"},
		{"an index that is no number", literal("spec.a[x]", "x"), "it is no path"},
		{"an index past the end", literal("spec.a[1]", "x"), "index 1 is past the end of the list"},
		{"text that is not YAML", literal("spec.a", "x: {{ .password }}: }"), "the rendered text is not YAML"},
		{"a key twice", literal("spec.a", "{{ .password }}: 1\n{{ .password }}: 2"), "the rendered text is not YAML"},
		{"a template that fails", literal("spec.a", "{{ .nobody }}"), `"nobody"`},
		{
			"decoding, which is for values",
			fetch.TemplateText{Where: "here", Target: "spec.a", Decoding: esv1.DecodingBase64},
			"here: valuesDecodingStrategy",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := manifest(nil, tt.text)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want Invalid with %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}

func TestManifestPathsThatCollide(t *testing.T) {
	for reason, texts := range map[string][]fetch.TemplateText{
		"a name in a value": {literal("spec.a", "1"), literal("spec.a.b", "2")},
		"an index in a map": {literal("spec.a", "b: 1"), literal("spec.a[0]", "2")},
		"a name in a list":  {literal("spec.a", "[1]"), literal("spec.a.b", "2")},
	} {
		if _, err := manifest(nil, texts...); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want Invalid", reason, err)
		}
	}
}

func TestManifestTakesOnlyText(t *testing.T) {
	binary := map[string][]byte{"key": {0xff}}
	_, err := renderer().Manifest(render.Input{Path: path, Values: binary}, resource("AppConfig", nil))
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `key "key"`) {
		t.Errorf("a custom resource: got %v, want Invalid that names the key", err)
	}
	got, err := renderer().Manifest(render.Input{Path: path, Values: binary}, resource("ConfigMap", nil))
	if diff := cmp.Diff(binary, got.Data); err != nil || diff != "" {
		t.Errorf("a ConfigMap, error %v (-want +got):\n%s", err, diff)
	}
}

func TestContainer(t *testing.T) {
	data := &esv1.ExternalSecretTemplate{Data: map[string]string{"k": "v"}}
	labels := &esv1.ExternalSecretTemplate{Metadata: esv1.ExternalSecretTemplateMetadata{Labels: map[string]string{"k": "v"}}}
	tests := []struct {
		reason string
		target *esv1.ExternalSecretTarget
		want   string
	}{
		{"a Secret", &esv1.ExternalSecretTarget{}, "data"},
		{"a ConfigMap", resource("ConfigMap", nil), "data"},
		{"a custom resource that takes what was fetched", resource("AppConfig", nil), "spec.data"},
		{"the same with a template for metadata alone", resource("AppConfig", labels), "spec.data"},
		{"one that is made by a template", resource("AppConfig", data), "data"},
	}
	for _, tt := range tests {
		if got := strings.Join(render.Container(tt.target), "."); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.reason, got, tt.want)
		}
	}
}

func TestFields(t *testing.T) {
	got := render.Fields(object{"spec": object{
		"a": "x", "b": object{"c": int64(1), "d": nil}, "empty": object{}, "list": []any{object{"n": "<&>"}},
	}})
	want := values(map[string]string{
		"spec.a": `"x"`, "spec.b.c": "1", "spec.b.d": "null", "spec.empty": "{}", "spec.list": `[{"n":"\u003c\u0026\u003e"}]`,
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
