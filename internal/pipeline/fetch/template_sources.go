package fetch

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// TemplateText is one template that was taken from somewhere.
type TemplateText struct {
	// Where names the place, for errors: spec.target.template.templateFrom[0] configMap "x" key "y".
	Where string
	// Key is the key of the result under scope Values, and what errors call the template.
	Key string
	// Text is the template.
	Text string
	// Scope says what the text yields.
	Scope esv1.TemplateScope
	// Target is what the result becomes, as the user wrote it.
	Target string
	// Decoding decodes the rendered values.
	Decoding esv1.ExternalSecretDecodingStrategy
}

// TemplateTexts reads the templates that templateFrom names, in order, from the given namespace. path is where the
// template stands in its object. What is missing is fault.Invalid and named: a template that is gone says nothing about
// the secrets.
func TemplateTexts(
	ctx context.Context,
	reader client.Reader,
	namespace, path string,
	template *esv1.ExternalSecretTemplate,
) ([]TemplateText, error) {
	if template == nil {
		return nil, nil
	}
	var all []TemplateText
	for i := range template.TemplateFrom {
		from := &template.TemplateFrom[i]
		texts, err := templateFrom(ctx, reader, namespace, from)
		if err != nil {
			return nil, fault.In(err, "%s.templateFrom[%d]", path, i)
		}
		for _, text := range texts {
			text.Where = fmt.Sprintf("%s.templateFrom[%d]%s", path, i, text.Where)
			text.Target, text.Decoding = from.Target, from.ValuesDecodingStrategy
			all = append(all, text)
		}
	}
	return all, nil
}

func templateFrom(ctx context.Context, reader client.Reader, namespace string, from *esv1.TemplateFrom) ([]TemplateText, error) {
	var texts []TemplateText
	if from.ConfigMap != nil {
		var configMap corev1.ConfigMap
		if err := getSource(ctx, reader, "configMap", namespace, from.ConfigMap.Name, &configMap); err != nil {
			return nil, err
		}
		lookup := func(key string) (string, bool) { v, ok := configMap.Data[key]; return v, ok }
		items, err := templateItems("configMap", from.ConfigMap, lookup)
		if err != nil {
			return nil, err
		}
		texts = append(texts, items...)
	}
	if from.Secret != nil {
		var secret corev1.Secret
		if err := getSource(ctx, reader, "secret", namespace, from.Secret.Name, &secret); err != nil {
			return nil, err
		}
		if secret.Type == corev1.SecretTypeServiceAccountToken || secret.Type == corev1.SecretTypeBootstrapToken {
			return nil, fault.New(fault.Invalid, "secret %q has type %s, which is not read: it gives access to the cluster itself",
				from.Secret.Name, secret.Type)
		}
		lookup := func(key string) (string, bool) { v, ok := secret.Data[key]; return string(v), ok }
		items, err := templateItems("secret", from.Secret, lookup)
		if err != nil {
			return nil, err
		}
		texts = append(texts, items...)
	}
	if from.Literal != nil {
		texts = append(texts, TemplateText{Where: ".literal", Key: "literal", Text: *from.Literal, Scope: esv1.TemplateScopeKeysAndValues})
	}
	return texts, nil
}

func getSource(ctx context.Context, reader client.Reader, kind, namespace, name string, into client.Object) error {
	err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, into)
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fault.New(fault.Invalid, "%s %q does not exist in namespace %q", kind, name, namespace)
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Denied, err, "the operator may not get %s %q in namespace %q: grant it the verb \"get\" on %ss there",
			kind, name, namespace, strings.ToLower(kind))
	default:
		return fault.Wrap(fault.Unavailable, err, "%s %q in namespace %q could not be read", kind, name, namespace)
	}
}

func templateItems(kind string, ref *esv1.TemplateRef, lookup func(string) (string, bool)) ([]TemplateText, error) {
	texts := make([]TemplateText, 0, len(ref.Items))
	for _, item := range ref.Items {
		text, ok := lookup(item.Key)
		if !ok {
			return nil, fault.New(fault.Invalid, "%s %q has no key %q", kind, ref.Name, item.Key)
		}
		texts = append(texts, TemplateText{
			Where: fmt.Sprintf(" %s %q key %q", kind, ref.Name, item.Key),
			Key:   item.Key,
			Text:  text,
			Scope: cmp.Or(item.TemplateAs, esv1.TemplateScopeValues),
		})
	}
	return texts, nil
}
