package pushsecret

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// generated returns the values of a generator and where they go. Values that a store holds are taken from there; the
// generator runs for a rotation, and for what no store holds. A store that cannot be read may hold the value: nothing
// is generated then.
func (c *Controller) generated(ctx context.Context, ps *esv1alpha1.PushSecret, w observed, rotate bool) (render.Source, []*target, error) {
	g, err := c.Generators.Bind(ctx, ps.Namespace, *ps.Spec.Selector.GeneratorRef)
	if err != nil {
		return render.Source{}, nil, err
	}
	keys := sourceKeys(ps, g)
	targets, err := c.targets(ctx, ps, w, keys)
	if err != nil {
		return render.Source{}, nil, err
	}
	keeps := ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateIfNotExists
	if rotate && !keeps {
		source, err := c.rotation(ctx, ps, w, g)
		return source, targets, err
	}
	survey(ctx, targets)
	known, wanted := held(targets, keys)
	raw := untouched(ps, g, known)
	missing := slices.DeleteFunc(wanted, func(key string) bool { _, ok := known[key]; return ok })
	var source render.Source
	switch {
	case edited(ps) && len(raw) == len(g.Keys()) && len(raw) > 0:
		source, err = c.shaped(ctx, ps, render.Source{Data: raw})
	case len(missing) == 0:
		source, err = c.adopted(ctx, ps, known)
	default:
		if err := unread(targets); err != nil {
			return render.Source{}, nil, err
		}
		source, err = c.minted(ctx, ps, g, known, raw, missing)
	}
	return source, targets, err
}

// edited says whether a template may have changed since the last push, so that what it made is to be made again.
func edited(ps *esv1alpha1.PushSecret) bool {
	synced := plan.SyncedGeneration(ps.Status.SyncedResourceVersion)
	return ps.Spec.Template != nil && synced != 0 && synced != ps.Generation
}

// untouched returns those of the known values that come straight from the generator, and not out of the template.
func untouched(ps *esv1alpha1.PushSecret, g generators.Bound, known map[string][]byte) map[string][]byte {
	raw := map[string][]byte{}
	for _, key := range g.Keys() {
		made := false
		if ps.Spec.Template != nil {
			_, made = ps.Spec.Template.Data[key]
		}
		if value, ok := known[key]; ok && !made {
			raw[key] = value
		}
	}
	return raw
}

// sourceKeys are the keys that the source will have, as far as they are known before the generator has run.
func sourceKeys(ps *esv1alpha1.PushSecret, g generators.Bound) []string {
	keys := slices.Clone(g.Keys())
	if ps.Spec.Template != nil {
		keys = slices.AppendSeq(keys, maps.Keys(ps.Spec.Template.Data))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// held returns the values that the stores hold, by source key, and the keys that the entries need; all are the keys of the
// source. The first store in order that has a value is believed.
func held(targets []*target, all []string) (known map[string][]byte, wanted []string) {
	known = map[string][]byte{}
	for _, t := range targets {
		for i := range t.places {
			p := &t.places[i]
			for key, value := range p.parts(all) {
				wanted = append(wanted, key)
				if _, ok := known[key]; !ok && value != nil {
					known[key] = value
				}
			}
		}
	}
	slices.Sort(wanted)
	return known, slices.Compact(wanted)
}

// parts returns the source keys that go to a place, with the values that are there; nil for one that is not. all are
// the keys of the source.
func (p *place) parts(all []string) map[string][]byte {
	if key := p.Data.Match.SecretKey; key != "" {
		return map[string][]byte{key: p.value}
	}
	if p.Bundle != nil {
		all = p.Bundle
	}
	parts := make(map[string][]byte, len(all))
	var members map[string]string
	if err := json.Unmarshal(p.value, &members); err != nil {
		members = nil // nothing that was pushed from here
	}
	for _, key := range all {
		parts[key] = nil
		if value, ok := members[render.Converted(p.Data.ConversionStrategy, key)]; ok {
			parts[key] = []byte(value)
		}
	}
	return parts
}

func unread(targets []*target) error {
	var failures []error
	for _, t := range targets {
		failures = append(failures, t.err)
	}
	return fault.In(combined(failures), "nothing is generated while a store that may hold the value cannot be read")
}

// rotation returns the values of a round: new ones, or those of a round that has not reached every store yet. A round is
// known by what asked for it, and by the generator as it is.
func (c *Controller) rotation(ctx context.Context, ps *esv1alpha1.PushSecret, w observed, g generators.Bound) (render.Source, error) {
	name := types.NamespacedName{Namespace: ps.Namespace, Name: ps.Name}
	id := strings.Join([]string{
		string(ps.UID), w.facts.ForceSync, w.facts.RefreshTime.String(), string(g.Object().GetUID()), plan.Generation(g.Object()),
	}, "|")
	values, begun := c.rounds.get(name, id)
	if !begun {
		var err error
		if values, err = c.Generators.Run(ctx, ps.Namespace, g); err != nil {
			return render.Source{}, err
		}
		c.rounds.begin(name, id, values)
	}
	return c.shaped(ctx, ps, render.Source{Data: maps.Clone(values)})
}

// adopted returns a source of values that the stores hold. The template has made them already; only its type, labels
// and annotations are of use.
func (c *Controller) adopted(ctx context.Context, ps *esv1alpha1.PushSecret, known map[string][]byte) (render.Source, error) {
	if ps.Spec.Template == nil {
		return render.Source{Data: known}, nil
	}
	bare := ps.DeepCopy()
	bare.Spec.Template.Data, bare.Spec.Template.TemplateFrom = nil, nil
	return c.shaped(ctx, bare, render.Source{Data: known})
}

// minted runs the generator for the keys that no store holds, and keeps the values that one holds; raw are those of them
// that no template has touched. Where a template
// makes the missing key out of a value that is held only in another shape, a new value would not belong to it, and the
// error says so.
func (c *Controller) minted(
	ctx context.Context,
	ps *esv1alpha1.PushSecret,
	g generators.Bound,
	known, raw map[string][]byte,
	missing []string,
) (render.Source, error) {
	if ps.Spec.Template != nil && len(known) > 0 && len(raw) < len(g.Keys()) {
		return render.Source{}, fault.New(
			fault.Invalid,
			"the stores hold values that a template has made, and not the generated value itself, so %s cannot be made to match them: "+
				"annotate the PushSecret with force-sync to rotate them all",
			strings.Join(missing, ", "),
		)
	}
	if len(g.Keys()) == 0 || len(raw) < len(g.Keys()) {
		values, err := c.Generators.Run(ctx, ps.Namespace, g)
		if err != nil {
			return render.Source{}, err
		}
		maps.Copy(values, raw)
		raw = values
	}
	source, err := c.shaped(ctx, ps, render.Source{Data: raw})
	if err != nil {
		return render.Source{}, err
	}
	maps.Copy(source.Data, known)
	return source, nil
}
