package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/templates"
)

// Desired is a target as it is to be: a Secret, or an object of another kind.
type Desired struct {
	// Type of the Secret; empty keeps the type of an existing Secret and means Opaque for a new one. Other kinds have none.
	Type corev1.SecretType
	// Labels, Annotations and Finalizers of the Secret.
	Labels, Annotations map[string]string
	Finalizers          []string
	// Data of the Secret, or what stands in the Container of another kind.
	Data map[string][]byte
	// Content are the other fields of an object that is no Secret, as JSON has them.
	Content map[string]any
	// Immutable makes the Secret or ConfigMap immutable.
	Immutable bool
}

// Input is what a Secret is made of.
type Input struct {
	// Path is where the template stands in its object, for errors: spec.target.template.
	Path string
	// Values by key.
	Values map[string][]byte
	// Template shapes the values; nil takes them as they are.
	Template *esv1.ExternalSecretTemplate
	// Texts are the templates that Template.TemplateFrom names.
	Texts []fetch.TemplateText
	// Labels and Annotations are copied to a Secret without a template.
	Labels, Annotations map[string]string
	// KeepValues keeps the values beside the template's output, whatever its merge policy says.
	KeepValues bool
	// Existing is the object that the result will be joined with, where that is of another kind than Secret and others write
	// it too; nil otherwise.
	Existing map[string]any
}

// Renderer renders Secrets. It is safe for concurrent use.
type Renderer struct {
	// Engine renders templates.
	Engine *templates.Engine
	// Ignored are prefixes of labels and annotations that are never copied, beside those of the usual GitOps tools.
	Ignored []string
}

// Secret returns the Secret that in describes. Errors are fault.Invalid, name the template, and hold no value.
func (r Renderer) Secret(in Input) (Desired, error) { return r.shape(in, "Secret", false) }

// shape returns the object of the given kind that in describes. With paths, templates may set fields by their paths.
func (r Renderer) shape(in Input, kind string, paths bool) (Desired, error) {
	if in.Template == nil {
		d := Desired{Data: maps.Clone(in.Values), Labels: r.Copied(in.Labels), Annotations: r.Copied(in.Annotations)}
		return d, Allowed(d)
	}
	engine := r.Engine
	if d := in.Template.Delimiters; d != nil {
		engine = engine.With(templates.WithDelimiters(d.Left, d.Right))
	}
	p := page{engine: engine, kind: kind, paths: paths, existing: in.Existing, values: in.Values, out: Desired{
		Type:        in.Template.Type,
		Finalizers:  in.Template.Metadata.Finalizers,
		Data:        map[string][]byte{},
		Labels:      map[string]string{},
		Annotations: map[string]string{},
	}}
	if in.KeepValues || keepsValues(in.Template) {
		maps.Copy(p.out.Data, in.Values)
	}
	if err := p.render(in); err != nil {
		return Desired{}, err
	}
	return p.out, fault.In(Allowed(p.out), "%s", in.Path)
}

// keepsValues says whether the fetched values are part of the result: they are under mergePolicy Merge, and where no
// template makes data.
func keepsValues(t *esv1.ExternalSecretTemplate) bool {
	return t.MergePolicyOrDefault() == esv1.MergePolicyMerge || (len(t.Data) == 0 && len(t.TemplateFrom) == 0)
}

// page is one target in the making.
type page struct {
	engine   *templates.Engine
	kind     string
	paths    bool
	existing map[string]any
	values   map[string][]byte
	out      Desired
}

// What the target of a templateFrom may be beside a path, in lower case.
const (
	dataTarget        = "data"
	labelsTarget      = "labels"
	annotationsTarget = "annotations"
	specTarget        = "spec"
)

// render fills the page in the order of precedence: templateFrom, data, labels, annotations.
func (p *page) render(in Input) error {
	for _, text := range in.Texts {
		if err := p.text(text); err != nil {
			return err
		}
	}
	data, err := p.engine.Map(templates.Values, in.Template.Data, p.values)
	if err != nil {
		return withHint(fault.In(err, "%s.data", in.Path), in.Template.Data)
	}
	maps.Copy(p.out.Data, data)
	if err := p.metadata(in.Path+".metadata.labels", in.Template.Metadata.Labels, p.out.Labels); err != nil {
		return err
	}
	return p.metadata(in.Path+".metadata.annotations", in.Template.Metadata.Annotations, p.out.Annotations)
}

func (p *page) metadata(path string, tpl, into map[string]string) error {
	rendered, err := p.engine.Map(templates.Values, tpl, p.values)
	if err != nil {
		return fault.In(err, "%s", path)
	}
	copyText(into, rendered)
	return nil
}

func (p *page) text(t fetch.TemplateText) error {
	place := p.place(t.Target)
	switch {
	case place == nil && p.paths:
		return p.field(t)
	case place == nil:
		return fault.New(fault.Invalid, `%s: templateFrom target=%q is not allowed when targeting a %s, `+
			`must be one of "Data", "Annotations" or "Labels"`, t.Where, t.Target, p.kind)
	}
	scope := templates.Values
	if t.Scope == esv1.TemplateScopeKeysAndValues {
		scope = templates.KeysAndValues
	}
	rendered, err := p.engine.Map(scope, map[string]string{t.Key: t.Text}, p.values)
	if err != nil {
		return fault.In(err, "%s", t.Where)
	}
	for _, key := range slices.Sorted(maps.Keys(rendered)) {
		if rendered[key], err = fetch.Decode(t.Decoding, rendered[key]); err != nil {
			return fault.In(err, "%s%s", t.Where, named(t, key))
		}
	}
	// The API server's own refusal would quote the key.
	invalid := validation.IsConfigMapKey
	if target := strings.ToLower(t.Target); target == labelsTarget || target == annotationsTarget {
		invalid = validation.IsQualifiedName
	}
	for key := range rendered {
		if len(invalid(key)) > 0 {
			return fault.New(fault.Invalid, "%s yields a key that is no valid key of a Secret, a label or an annotation", t.Where)
		}
	}
	place(rendered)
	return nil
}

// named returns how an error names a key, where the key stands in the template: one that was rendered may have been made of a value.
func named(t fetch.TemplateText, key string) string {
	if key == t.Key || strings.Contains(t.Text, key) {
		return fmt.Sprintf(", key %q", key)
	}
	return ", a rendered key"
}

// place returns a function that puts values where target says; nil when that is no place that every kind has.
func (p *page) place(target string) func(map[string][]byte) {
	switch strings.ToLower(target) {
	case "", dataTarget:
		return func(values map[string][]byte) { maps.Copy(p.out.Data, values) }
	case labelsTarget:
		return func(values map[string][]byte) { copyText(p.out.Labels, values) }
	case annotationsTarget:
		return func(values map[string][]byte) { copyText(p.out.Annotations, values) }
	default:
		return nil
	}
}

func copyText(into map[string]string, from map[string][]byte) {
	for key, value := range from {
		into[key] = string(value)
	}
}

// withHint adds what the engine knows about templates that Helm has spoiled.
func withHint(err error, tpl map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(tpl)) {
		if hint := templates.HelmHint(tpl[key]); hint != "" {
			return fault.New(fault.KindOf(err), "%s (%s)", fault.Message(err), hint)
		}
	}
	return err
}
