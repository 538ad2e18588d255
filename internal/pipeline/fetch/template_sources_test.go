package fetch

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// cluster has a ConfigMap and a Secret called tpl in namespace ns, and a Secret called token. What is called denied or broken cannot be read.
type cluster struct{ client.Reader }

func (cluster) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if name.Namespace != "ns" {
		return errors.New("read outside of the namespace")
	}
	switch name.Name {
	case "denied":
		return apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, name.Name, errors.New("s3cr3t"))
	case "broken":
		return errors.New("s3cr3t")
	case "absent":
		return apierrors.NewNotFound(schema.GroupResource{Resource: "things"}, name.Name)
	}
	switch object := into.(type) {
	case *corev1.ConfigMap:
		object.Data = map[string]string{"a": "from config map", "b": "{{ .x }}: 1"}
	case *corev1.Secret:
		if name.Name == "token" {
			object.Type = corev1.SecretTypeServiceAccountToken
		}
		object.Data = map[string][]byte{"a": []byte("from secret")}
	}
	return nil
}

func ref(name string, items ...esv1.TemplateRefItem) *esv1.TemplateRef {
	return &esv1.TemplateRef{Name: name, Items: items}
}

func TestTemplateTexts(t *testing.T) {
	literal, a := "l: 1", esv1.TemplateRefItem{Key: "a"}
	template := &esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{
		{ConfigMap: ref("tpl", a, esv1.TemplateRefItem{Key: "b", TemplateAs: esv1.TemplateScopeKeysAndValues})},
		{Secret: ref("tpl", a), Target: "Labels", ValuesDecodingStrategy: esv1.DecodingBase64},
		{Literal: &literal},
	}}
	want := []TemplateText{
		{Where: `spec.target.template.templateFrom[0] configMap "tpl" key "a"`, Key: "a", Text: "from config map", Scope: esv1.TemplateScopeValues},
		{Where: `spec.target.template.templateFrom[0] configMap "tpl" key "b"`, Key: "b", Text: "{{ .x }}: 1", Scope: esv1.TemplateScopeKeysAndValues},
		{
			Where: `spec.target.template.templateFrom[1] secret "tpl" key "a"`, Key: "a", Text: "from secret", Scope: esv1.TemplateScopeValues,
			Target: "Labels", Decoding: esv1.DecodingBase64,
		},
		{Where: "spec.target.template.templateFrom[2].literal", Key: "literal", Text: literal, Scope: esv1.TemplateScopeKeysAndValues},
	}
	got, err := TemplateTexts(t.Context(), cluster{}, "ns", "spec.target.template", template)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("TemplateTexts() (-want +got), error %v:\n%s", err, diff)
	}
	if got, err := TemplateTexts(t.Context(), cluster{}, "ns", "spec.template", nil); len(got) > 0 || err != nil {
		t.Errorf("without a template there are %d texts, error %v", len(got), err)
	}
}

func TestTemplateTextsFails(t *testing.T) {
	a, z := esv1.TemplateRefItem{Key: "a"}, esv1.TemplateRefItem{Key: "z"}
	cases := map[string]struct {
		reason string
		from   esv1.TemplateFrom
		kind   fault.Kind
		want   string
	}{
		"absent": {
			"a template that is gone says nothing about the secrets, so this is never NotFound",
			esv1.TemplateFrom{ConfigMap: ref("absent", a)},
			fault.Invalid, `configMap "absent" does not exist in namespace "ns"`,
		},
		"absent secret": {
			"the same for a Secret",
			esv1.TemplateFrom{Secret: ref("absent", a)},
			fault.Invalid,
			`secret "absent" does not exist in namespace "ns"`,
		},
		"no key": {
			"the key is named", esv1.TemplateFrom{ConfigMap: ref("tpl", a, z)}, fault.Invalid, `configMap "tpl" has no key "z"`,
		},
		"no secret key": {"the key is named", esv1.TemplateFrom{Secret: ref("tpl", z)}, fault.Invalid, `secret "tpl" has no key "z"`},
		"token": {
			"a credential of the cluster itself is not passed on, whoever may read the target",
			esv1.TemplateFrom{Secret: ref("token", a)},
			fault.Invalid,
			`secret "token" has type kubernetes.io/service-account-token, which is not read: it gives access to the cluster itself`,
		},
		"denied": {
			"the missing right is named",
			esv1.TemplateFrom{ConfigMap: ref("denied", a)},
			fault.Denied,
			`the operator may not get configMap "denied" in namespace "ns": grant it the verb "get" on configmaps there`,
		},
		"broken": {
			"what went wrong is for the log",
			esv1.TemplateFrom{Secret: ref("broken", a)},
			fault.Unavailable,
			`secret "broken" in namespace "ns" could not be read`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			template := &esv1.ExternalSecretTemplate{TemplateFrom: []esv1.TemplateFrom{{}, c.from}}
			_, err := TemplateTexts(t.Context(), cluster{}, "ns", "spec.template", template)
			if want := "spec.template.templateFrom[1]: " + c.want; !fault.Is(err, c.kind) || fault.Message(err) != want {
				t.Errorf("TemplateTexts() = %v, want %v %q: %s", err, c.kind, want, c.reason)
			}
		})
	}
}
