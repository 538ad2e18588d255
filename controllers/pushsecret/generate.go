package pushsecret

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// generated returns the values of a generator and where they go. Values that a store holds are taken from there; the
// generator runs for a rotation, and for what no store holds. A store that cannot be read may hold the value: nothing
// is generated then.
func (c *Controller) generated(ctx context.Context, p *pass, d plan.Decision) (load, error) {
	ps := p.ps
	g, err := c.Generators.Bind(ctx, ps.Namespace, *ps.Spec.Selector.GeneratorRef)
	if err != nil {
		return load{}, err
	}
	keys, err := sourceKeys(ps, g)
	if err != nil {
		return load{}, err
	}
	targets, err := c.targets(ctx, p, keys)
	if err != nil {
		return load{}, err
	}
	survey(ctx, targets)
	l := load{targets: targets}
	if l.round, l.refused, err = c.chosen(ctx, p, d, g, keys, targets); err != nil {
		return load{}, err
	}
	if l.round != nil {
		l.source, err = c.rotation(ctx, p, l.round, g, keys, targets)
	} else {
		settled(targets)
		l.source, err = c.recovered(ctx, p, g, keys, targets, c.belief(ps, nil))
	}
	if err != nil {
		return load{}, err
	}
	l.hashes = c.hashes(ps, keys, l)
	if l.round != nil {
		l.round.Generated = l.hashes
	}
	return l, nil
}

// chosen returns the round that is to be delivered, nil for none, and why a rotation that was asked for is none.
func (c *Controller) chosen(
	ctx context.Context, p *pass, d plan.Decision, g generators.Bound, keys []string, targets []*target,
) (round *esv1alpha1.PushSecretRotation, refused, err error) {
	rotate := d.Rotate
	if !rotate && g.Revocable() {
		rotate, err = c.lapsed(ctx, p, keys, targets)
	}
	if err != nil || !rotate {
		return nil, nil, err
	}
	if round, refused = currentRound(p, d, g); refused != nil && g.Revocable() {
		// Each delivery of such values is a round.
		return nil, nil, refused
	}
	return round, refused, nil
}

// nameable returns an error where all keys of a generator are to be pushed and only a run can tell them: what the stores hold of
// them could not be found again.
func nameable(ps *esv1alpha1.PushSecret, g generators.Bound) error {
	all := len(ps.Spec.DataTo) > 0 || slices.ContainsFunc(ps.Spec.Data, func(entry esv1alpha1.PushSecretData) bool {
		return entry.Match.SecretKey == ""
	})
	if g.Keys() != nil || !all {
		return nil
	}
	return fault.New(fault.Invalid, "which keys generator %s %q makes only a run can tell: name each that is to be pushed in "+
		"spec.data[].match.secretKey, in place of an empty one or dataTo", g.Kind(), g.Object().GetName())
}

// settled forgets what the places hold for the writes that follow: what is put right is no value that was in use before.
func settled(targets []*target) {
	for _, t := range targets {
		for i := range t.places {
			t.places[i].kept = nil
		}
	}
}

// recovered returns the values that the stores are believed to hold, and new ones for what none holds.
func (c *Controller) recovered(
	ctx context.Context, p *pass, g generators.Bound, keys []string, targets []*target, b belief,
) (render.Source, error) {
	ps := p.ps
	known, wanted := held(targets, keys, b)
	raw := untouched(ps, g, known)
	missing := slices.DeleteFunc(wanted, func(key string) bool { _, ok := known[key]; return ok })
	switch {
	case edited(ps) && len(raw) == len(g.Keys()) && len(raw) > 0:
		return c.shaped(ctx, ps, render.Source{Data: raw})
	case len(missing) == 0:
		return c.adopted(ctx, ps, known)
	}
	if !b.fresh || slices.ContainsFunc(missing, func(key string) bool { return !b.renewed(key) }) {
		if err := unread(targets); err != nil {
			return render.Source{}, err
		}
	}
	return c.minted(ctx, p, g, known, raw, missing)
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
		if value, ok := known[key]; ok && !made(ps, key) {
			raw[key] = value
		}
	}
	return raw
}

// made says whether the template makes a key.
func made(ps *esv1alpha1.PushSecret, key string) bool {
	if ps.Spec.Template == nil {
		return false
	}
	_, ok := ps.Spec.Template.Data[key]
	return ok
}

// makes says whether there is a template that makes keys.
func makes(ps *esv1alpha1.PushSecret) bool {
	return ps.Spec.Template != nil && len(ps.Spec.Template.Data)+len(ps.Spec.Template.TemplateFrom) > 0
}

// sourceKeys are the keys that the source will have, as far as they are known before the generator has run. Where all are to be
// pushed they must be.
func sourceKeys(ps *esv1alpha1.PushSecret, g generators.Bound) ([]string, error) {
	if err := nameable(ps, g); err != nil {
		return nil, err
	}
	keys := slices.Clone(g.Keys())
	if ps.Spec.Template != nil {
		keys = slices.AppendSeq(keys, maps.Keys(ps.Spec.Template.Data))
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// held returns the values that the stores hold and that are believed, by source key, and the keys that the entries need; all
// are the keys of the source. Among values that may be right, that of the first store in order is taken.
func held(targets []*target, all []string, b belief) (known map[string][]byte, wanted []string) {
	known = map[string][]byte{}
	certain := map[string]bool{}
	for _, t := range targets {
		for i := range t.places {
			for key, value := range t.places[i].parts(all) {
				wanted = append(wanted, key)
				if value == nil || certain[key] {
					continue
				}
				_, found := known[key]
				certain[key] = b.recognises(key, value)
				// An empty value keeps a place: it is no value that anybody uses.
				if certain[key] || (!found && !b.renewed(key) && len(value) > 0) {
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
	// What is pushed are texts. What else somebody has put beside them does not make them lost.
	var members map[string]any
	if err := json.Unmarshal(p.value, &members); err != nil {
		members = nil // nothing that was pushed from here
	}
	for _, key := range all {
		parts[key] = nil
		if value, ok := members[render.Converted(p.Data.ConversionStrategy, key)].(string); ok {
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
// that no template has touched. Where a template makes the missing key out of a value that is held only in another shape, a
// new value would not belong to it, and the error says so.
func (c *Controller) minted(
	ctx context.Context,
	p *pass,
	g generators.Bound,
	known, raw map[string][]byte,
	missing []string,
) (render.Source, error) {
	ps := p.ps
	incomplete := len(g.Keys()) == 0 || len(raw) < len(g.Keys())
	if incomplete && makes(ps) && len(known) > len(raw) {
		return render.Source{}, fault.New(
			fault.Invalid,
			"the stores hold values that a template has made, and not the generated value itself, so %s cannot be made to match them: "+
				"annotate the PushSecret with force-sync to rotate them all",
			strings.Join(missing, ", "),
		)
	}
	if incomplete && len(known) > 0 && g.Together() {
		if !g.Revocable() {
			return render.Source{}, fault.New(
				fault.Invalid,
				"the stores hold a part of what one run of generator %s %q has made, and a new %s would not belong to it: "+
					"annotate the PushSecret with force-sync to rotate all",
				g.Kind(), g.Object().GetName(), strings.Join(missing, ", "),
			)
		}
		known, raw = nil, nil
	}
	if incomplete {
		values, err := p.tx.Run(ctx, slot, g)
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
