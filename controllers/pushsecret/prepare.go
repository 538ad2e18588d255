package pushsecret

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// templatePath is where a PushSecret has its template.
const templatePath = "spec.template"

// load is what is to be pushed, and where.
type load struct {
	source  render.Source
	targets []*target
	// round is the rotation that the values belong to; nil when it is none.
	round *esv1alpha1.PushSecretRotation
	// refused is why a rotation that was asked for is not carried out; the values stay then, and are kept in their places.
	refused error
	// hashes are the keyed hashes of generated values, and of those that an entry keeps when they are replaced, by key; nil for none.
	hashes map[string]string
}

// prepare returns the values to push and where they go. A rotation takes new values from a generator; otherwise what
// the stores hold is taken over.
func (c *Controller) prepare(ctx context.Context, p *pass, d plan.Decision) (load, error) {
	ps := p.ps
	if ps.Spec.Selector.GeneratorRef != nil {
		return c.generated(ctx, p, d)
	}
	raw, err := c.secret(ctx, ps)
	if err != nil {
		return load{}, err
	}
	source, err := c.shaped(ctx, ps, raw)
	if err != nil {
		return load{}, err
	}
	targets, err := c.targets(ctx, p, slices.Collect(maps.Keys(source.Data)))
	if err != nil {
		return load{}, err
	}
	if ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateIfNotExists || keepsPrevious(ps) {
		survey(ctx, targets)
	}
	l := load{source: source, targets: targets}
	if keepsPrevious(ps) {
		c.genuine(ps, targets)
		l.hashes = c.hashes(ps, slices.Collect(maps.Keys(source.Data)), l)
	}
	return l, nil
}

// shaped applies the template. Its output joins the source's own keys.
func (c *Controller) shaped(ctx context.Context, ps *esv1alpha1.PushSecret, raw render.Source) (render.Source, error) {
	if ps.Spec.Template == nil {
		return raw, nil
	}
	texts, err := fetch.TemplateTexts(ctx, c.Live, ps.Namespace, templatePath, ps.Spec.Template)
	if err != nil {
		return render.Source{}, err
	}
	d, err := c.Renderer.Secret(
		render.Input{Path: templatePath, Values: raw.Data, Template: ps.Spec.Template, Texts: texts, KeepValues: true},
	)
	if err != nil {
		return render.Source{}, err
	}
	source := render.Source{
		Data:        d.Data,
		Type:        raw.Type,
		Labels:      labels.Merge(raw.Labels, d.Labels),
		Annotations: labels.Merge(raw.Annotations, d.Annotations),
	}
	if d.Type != "" {
		source.Type = d.Type
	}
	return source, nil
}
