package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/templates"
)

const path = "spec.target.template"

func renderer(ignored ...string) render.Renderer {
	return render.Renderer{Engine: templates.New(), Ignored: ignored}
}

func values(texts map[string]string) map[string][]byte {
	data := make(map[string][]byte, len(texts))
	for key, text := range texts {
		data[key] = []byte(text)
	}
	return data
}

// fetched are the values of all tests here.
func fetched() map[string][]byte {
	return values(map[string]string{"user": "admin", "password": "s3cret"})
}

func TestSecretWithoutTemplate(t *testing.T) {
	labels := map[string]string{
		"team": "a", "argocd.argoproj.io/instance": "x", "helm.toolkit.fluxcd.io/name": "x",
		"kustomize.toolkit.fluxcd.io/name": "x", "tracking.example.com/id": "x", "reconcile.external-secrets.io/managed": "true",
	}
	annotations := map[string]string{
		"note": "n", "argocd.argoproj.io/tracking-id": "x", "meta.helm.sh/release-name": "x",
		corev1.LastAppliedConfigAnnotation: "{}", "tracking.example.com": "kept, it is another name",
		"data-hash.sluice.dev/app": "x", "generated.sluice.dev/app": "password=", "rotation.sluice.dev/app": "x",
		"lease.sluice.dev/app": "x",
	}
	got, err := renderer("tracking.example.com/").Secret(render.Input{
		Path: path, Values: fetched(), Labels: labels, Annotations: annotations,
	})
	want := render.Desired{
		Data: fetched(), Labels: map[string]string{"team": "a"},
		Annotations: map[string]string{"note": "n", "tracking.example.com": "kept, it is another name"},
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what belongs to one object alone, or to the tools that apply it, is not copied (-want +got):\n%s", diff)
	}
	if len(labels) != 6 || len(annotations) != 9 {
		t.Error("the object's own labels and annotations were changed")
	}
}

func TestSecretData(t *testing.T) {
	greeting := fetch.TemplateText{Where: "from", Key: "greeting", Text: "hello {{ .user }}", Scope: esv1.TemplateScopeValues}
	several := fetch.TemplateText{Where: "from", Text: "a: {{ .user }}\nb: 1\n", Scope: esv1.TemplateScopeKeysAndValues}
	cases := []struct {
		reason   string
		template esv1.ExternalSecretTemplate
		texts    []fetch.TemplateText
		keep     bool
		want     map[string]string
	}{
		{
			reason:   "a template of metadata alone leaves the values as they are",
			template: esv1.ExternalSecretTemplate{Metadata: esv1.ExternalSecretTemplateMetadata{Labels: map[string]string{"a": "b"}}},
			want:     map[string]string{"user": "admin", "password": "s3cret"},
		},
		{
			reason:   "data replaces the values",
			template: esv1.ExternalSecretTemplate{Data: map[string]string{"url": "https://{{ .user }}:{{ .password }}@db"}},
			want:     map[string]string{"url": "https://admin:s3cret@db"},
		},
		{
			reason:   "with mergePolicy Merge data stands beside the values, and wins",
			template: esv1.ExternalSecretTemplate{MergePolicy: esv1.MergePolicyMerge, Data: map[string]string{"user": "{{ .user | upper }}"}},
			want:     map[string]string{"user": "ADMIN", "password": "s3cret"},
		},
		{
			reason:   "the values of a push stay whatever the policy",
			template: esv1.ExternalSecretTemplate{Data: map[string]string{"url": "x"}},
			keep:     true,
			want:     map[string]string{"url": "x", "user": "admin", "password": "s3cret"},
		},
		{
			reason:   "templateFrom replaces the values too",
			template: esv1.ExternalSecretTemplate{TemplateFrom: make([]esv1.TemplateFrom, 1)},
			texts:    []fetch.TemplateText{greeting},
			want:     map[string]string{"greeting": "hello admin"},
		},
		{
			reason:   "a text of keys and values",
			template: esv1.ExternalSecretTemplate{TemplateFrom: make([]esv1.TemplateFrom, 1)},
			texts:    []fetch.TemplateText{several},
			want:     map[string]string{"a": "admin", "b": "1"},
		},
		{
			reason:   "the later text wins over the earlier, and data over both",
			template: esv1.ExternalSecretTemplate{TemplateFrom: make([]esv1.TemplateFrom, 3), Data: map[string]string{"b": "data"}},
			texts: []fetch.TemplateText{
				several, greeting, {Key: "greeting", Text: "later", Scope: esv1.TemplateScopeValues},
			},
			want: map[string]string{"a": "admin", "b": "data", "greeting": "later"},
		},
		{
			reason:   "rendered values are decoded where that is asked for",
			template: esv1.ExternalSecretTemplate{TemplateFrom: make([]esv1.TemplateFrom, 1)},
			texts:    []fetch.TemplateText{{Text: "a: {{ .user | b64enc }}", Scope: esv1.TemplateScopeKeysAndValues, Decoding: esv1.DecodingBase64}},
			want:     map[string]string{"a": "admin"},
		},
		{
			reason: "other delimiters leave {{ }} to other tools",
			template: esv1.ExternalSecretTemplate{
				Delimiters: &esv1.TemplateDelimiters{Left: "[[", Right: "]]"}, Data: map[string]string{"a": "[[ .user ]] {{ .x }}"},
			},
			want: map[string]string{"a": "admin {{ .x }}"},
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			in := fetched()
			got, err := renderer().Secret(render.Input{Path: path, Values: in, Template: &tc.template, Texts: tc.texts, KeepValues: tc.keep})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(values(tc.want), got.Data); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(fetched(), in); diff != "" {
				t.Errorf("the values themselves were changed:\n%s", diff)
			}
		})
	}
}

func TestSecretMetadata(t *testing.T) {
	text := func(target, text string) fetch.TemplateText {
		return fetch.TemplateText{Text: text, Scope: esv1.TemplateScopeKeysAndValues, Target: target}
	}
	got, err := renderer().Secret(render.Input{
		Path: path, Values: fetched(), Labels: map[string]string{"of": "the object"}, Annotations: map[string]string{"of": "the object"},
		Texts: []fetch.TemplateText{
			text("labels", "a: {{ .user }}\nb: from a text"), text("Annotations", "n: {{ .user }}"), text("DATA", "d: {{ .user }}"),
		},
		Template: &esv1.ExternalSecretTemplate{
			Type: corev1.SecretTypeBasicAuth,
			Metadata: esv1.ExternalSecretTemplateMetadata{
				Labels: map[string]string{"b": "label {{ .user }}"}, Annotations: map[string]string{"m": "{{ .user }}"}, Finalizers: []string{"a/b"},
			},
			TemplateFrom: make([]esv1.TemplateFrom, 3),
		},
	})
	want := render.Desired{
		Type: corev1.SecretTypeBasicAuth, Finalizers: []string{"a/b"},
		Labels:      map[string]string{"a": "admin", "b": "label admin"},
		Annotations: map[string]string{"n": "admin", "m": "admin"},
		Data:        values(map[string]string{"d": "admin"}),
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("with a template only the template's metadata counts (-want +got):\n%s", diff)
	}
}

func TestSecretRefusals(t *testing.T) {
	const annotation, annotations = "kubernetes.io/service-account.name", "an annotation kubernetes.io/service-account.* is refused"
	cases := []struct {
		reason string
		in     render.Input
		says   []string
	}{
		{
			"a template that asks for an unknown key names its place and the key",
			render.Input{Template: &esv1.ExternalSecretTemplate{Data: map[string]string{"url": "{{ .nope }}"}}},
			[]string{path + ".data", `"url"`, `"nope"`},
		},
		{
			"so does a label",
			render.Input{Template: &esv1.ExternalSecretTemplate{
				Metadata: esv1.ExternalSecretTemplateMetadata{Labels: map[string]string{"team": "{{ .nope }}"}},
			}},
			[]string{path + ".metadata.labels", `"team"`},
		},
		{
			"and an annotation",
			render.Input{Template: &esv1.ExternalSecretTemplate{
				Metadata: esv1.ExternalSecretTemplateMetadata{Annotations: map[string]string{"note": "{{ .nope }}"}},
			}},
			[]string{path + ".metadata.annotations", `"note"`},
		},
		{
			"and a text from elsewhere",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts:    []fetch.TemplateText{{Where: `templateFrom[0] configMap "x"`, Key: "k", Text: "{{ .nope }}"}},
			},
			[]string{`templateFrom[0] configMap "x"`, `"k"`},
		},
		{
			"a text that is no map of keys and values does not quote them",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts:    []fetch.TemplateText{{Where: "here", Text: "{{ .password }}", Scope: esv1.TemplateScopeKeysAndValues}},
			},
			[]string{"here", "not a YAML map"},
		},
		{
			"a value that cannot be decoded is named by its key",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts: []fetch.TemplateText{
					{Where: "here", Text: "k: {{ .password }}!", Scope: esv1.TemplateScopeKeysAndValues, Decoding: esv1.DecodingBase64},
				},
			},
			[]string{"here", `key "k"`, "not valid Base64"},
		},
		{
			"but not by a key that is made of a value",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts: []fetch.TemplateText{
					{Where: "here", Text: "{{ .password }}: '%'", Scope: esv1.TemplateScopeKeysAndValues, Decoding: esv1.DecodingBase64},
				},
			},
			[]string{"here, a rendered key: the value is not valid Base64"},
		},
		{
			"a key that is made of a value and that nothing can hold is not shown",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts:    []fetch.TemplateText{{Where: "here", Text: "\"{{ .password }} x\": y", Scope: esv1.TemplateScopeKeysAndValues}},
			},
			[]string{"here yields a key that is no valid key"},
		},
		{
			"what may be a label may not be a key",
			render.Input{
				Template: &esv1.ExternalSecretTemplate{},
				Texts:    []fetch.TemplateText{{Where: "here", Text: "example.com/{{ .password }}: y", Scope: esv1.TemplateScopeKeysAndValues}},
			},
			[]string{"here yields a key that is no valid key"},
		},
		{
			"a target that a Secret does not have",
			render.Input{Template: &esv1.ExternalSecretTemplate{}, Texts: []fetch.TemplateText{{Key: "k", Where: "there", Target: "spec.x"}}},
			[]string{`there: templateFrom target="spec.x" is not allowed when targeting a Secret, must be one of "Data", "Annotations" or "Labels"`},
		},
		{
			"a token of a ServiceAccount",
			render.Input{Template: &esv1.ExternalSecretTemplate{Type: corev1.SecretTypeServiceAccountToken}},
			[]string{path, "kubernetes.io/service-account-token"},
		},
		{
			"a bootstrap token",
			render.Input{Template: &esv1.ExternalSecretTemplate{Type: corev1.SecretTypeBootstrapToken}},
			[]string{"bootstrap.kubernetes.io/token"},
		},
		{
			"an annotation that binds to a ServiceAccount, from the template",
			render.Input{Template: &esv1.ExternalSecretTemplate{
				Metadata: esv1.ExternalSecretTemplateMetadata{Annotations: map[string]string{annotation: "default"}},
			}},
			[]string{annotations},
		},
		{
			"the same from a text",
			render.Input{Template: &esv1.ExternalSecretTemplate{}, Texts: []fetch.TemplateText{
				{Text: annotation + ": default", Scope: esv1.TemplateScopeKeysAndValues, Target: "Annotations"},
			}},
			[]string{annotations},
		},
		{
			"the same with a name that holds a value",
			render.Input{Template: &esv1.ExternalSecretTemplate{}, Texts: []fetch.TemplateText{
				{Text: "kubernetes.io/service-account.{{ .password }}: x", Scope: esv1.TemplateScopeKeysAndValues, Target: "Annotations"},
			}},
			[]string{annotations},
		},
		{
			"the same copied from the object", render.Input{Annotations: map[string]string{annotation: "default"}}, []string{annotations},
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			in := tc.in
			in.Path, in.Values = path, fetched()
			_, err := renderer().Secret(in)
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("err = %v (%s), want Invalid", err, fault.KindOf(err))
			}
			for _, text := range tc.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("err = %v, want it to say %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}

func TestSecretHintsAtHelm(t *testing.T) {
	data := map[string]string{"a": "{{ .nope }}", "b": "", "c": "{{ `{{ .user }}` }}"}
	first := ""
	for range 20 {
		_, err := renderer().Secret(render.Input{Path: path, Values: fetched(), Template: &esv1.ExternalSecretTemplate{Data: data}})
		if err == nil || !strings.Contains(err.Error(), "Helm") {
			t.Fatalf("err = %v, want a word about Helm", err)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Fatalf("one mistake has two texts, so that the status never rests:\n%s\n%s", first, err)
		}
	}
	_, err := renderer().Secret(render.Input{
		Path: path, Values: fetched(), Template: &esv1.ExternalSecretTemplate{Data: map[string]string{"a": "{{ .nope }}"}},
	})
	if err == nil || strings.Contains(err.Error(), "Helm") {
		t.Errorf("err = %v, want an error in which Helm has no part", err)
	}
}

// FuzzSecret puts a text wherever a template may stand: what comes out can be held by a Secret, and no error holds a value.
func FuzzSecret(f *testing.F) {
	const marked = "marked-s3cret-value"
	f.Add("{{ .password }}: x", "Data", "{{ .password }}", false)
	f.Add("a: '%'", "Labels", "{{ .nope }}", true)
	f.Add("kubernetes.io/service-account.{{ .password }}: x", "annotations", "", false)
	f.Add("{{ .password }} {{ .password }}: x", "spec.x", "{{ fail .password }}", false)
	f.Add("{{ range $k, $v := . }}{{ $k }}: {{ $v | toJson }}\n{{ end }}", "", "<no value>", true)
	f.Add("? [{{ .password }}]\n: x", "data", "{{ toDate .password .password }}", false)
	r := renderer()
	f.Fuzz(func(t *testing.T, literal, target, data string, decode bool) {
		if strings.Contains(literal+target+data, marked) {
			t.Skip("the template itself holds the value")
		}
		text := fetch.TemplateText{Where: "here", Key: "literal", Text: literal, Scope: esv1.TemplateScopeKeysAndValues, Target: target}
		if decode {
			text.Decoding = esv1.DecodingBase64
		}
		got, err := r.Secret(render.Input{
			Path: path, Values: values(map[string]string{"password": marked}), Texts: []fetch.TemplateText{text},
			Template: &esv1.ExternalSecretTemplate{
				Data: map[string]string{"data": data}, TemplateFrom: make([]esv1.TemplateFrom, 1),
				Metadata: esv1.ExternalSecretTemplateMetadata{Labels: map[string]string{"l": data}, Annotations: map[string]string{"a": data}},
			},
		})
		if err != nil {
			if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), marked) {
				t.Errorf("%v, want Invalid without a value", err)
			}
			return
		}
		for key := range got.Data {
			if len(validation.IsConfigMapKey(key)) > 0 {
				t.Errorf("a key %q cannot be held by a Secret", key)
			}
		}
	})
}
