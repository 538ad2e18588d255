package externalsecret

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// templatePath is where an ExternalSecret has its template.
const templatePath = "spec.target.template"

// outcome is what one sync did.
type outcome struct {
	// facts and decision are what it rested on.
	facts    plan.Facts
	decision plan.Decision
	// changes is how many changes in stores were known of before they were read.
	changes int
	// change is what was done to the target.
	change apply.Change
	// adopted says that the target was left with the values that it had.
	adopted bool
	// read says that what stores hold has a part in what came of it.
	read bool
	// held says that nothing was done, because it would have taken a new generated value that nobody asked for.
	held bool
	// undecided is how long until something may be given back that an earlier sync has left.
	undecided time.Duration
	// endless says that nothing is known of the end of something that was generated.
	endless bool
	// unfinished is why the leases of this sync could not be brought in line with what was delivered; the next look does it.
	unfinished error
	// gone names sources that are absent, orphans what was deleted because the target has another name or kind now.
	gone, orphans []string
}

// looked says that sources which might have changed turned out to be as they were.
func (o outcome) looked() bool {
	return o.decision.Reason == plan.ReasonSourceChanged && o.change.Action == apply.Keep && !o.held
}

// next is how long until the next look.
func (o outcome) next() time.Duration {
	next := o.decision.Next
	switch {
	case o.looked():
		// It was no refresh: the next one is due when it was.
		facts := o.facts
		facts.SourceChanged = false
		next = plan.Sooner(plan.After(facts), plan.Refresh(facts).Next)
	case o.decision.Due:
		next = plan.After(o.facts)
	}
	return plan.Sooner(next, o.undecided)
}

func (c *Controller) sync(ctx context.Context, es *esv1.ExternalSecret) (outcome, error) {
	if err := plan.Validate(&es.Spec); err != nil {
		return outcome{}, err
	}
	if err := c.permit(es); err != nil {
		return outcome{}, err
	}
	if err := c.watch(ctx, es); err != nil {
		return outcome{}, fault.Wrap(fault.Unknown, err, "%s: changes of the target cannot be watched", manifestPath)
	}
	c.followers.Follow(ctx, es, storeRefs(&es.Spec), c.openOptions()...)
	changes := c.followers.Changes(client.ObjectKeyFromObject(es))
	w, err := c.observe(ctx, es)
	if err != nil {
		return outcome{}, err
	}
	w.facts.SourceChanged = changes > 0
	decision, err := c.decide(ctx, es, &w)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{changes: changes, facts: w.facts, decision: decision, undecided: lease.Undecided(w.leases, w.facts.Now), endless: w.endless()}
	logf.FromContext(ctx).V(1).Info("planned", out.decision.Fields()...)
	if !out.decision.Due {
		return out, nil
	}
	c.followers.Begin(client.ObjectKeyFromObject(es))
	err = c.refresh(ctx, es, &w, &out)
	if errors.Is(err, errHeld) {
		out.unfinished = w.tx.Close(ctx)
		err = c.mend(ctx, es, &w, &out)
		out.held = err == nil && (w.facts.LeaseGone || !w.complete(es, out.decision))
	}
	return out, err
}

// decide plans. No generator runs because of what a cache has not seen yet, nor because of what was done and not recorded.
func (c *Controller) decide(ctx context.Context, es *esv1.ExternalSecret, w *observed) (plan.Decision, error) {
	decision := plan.Refresh(w.facts)
	if !decision.Due || (!decision.Rotate && !plan.Renews(w.facts)) {
		return decision, nil
	}
	if len(generatorRefs(&es.Spec)) > 0 {
		if err := c.recallRotation(ctx, es, w); err != nil {
			return decision, err
		}
	}
	if len(w.leases) > 0 {
		if err := c.account(ctx, es, w, true); err != nil {
			return decision, err
		}
	}
	decision = plan.Refresh(w.facts)
	if decision.Reason == plan.ReasonRotate {
		var err error
		w.keys, err = c.rotationKeys(ctx, es)
		return decision, err
	}
	return decision, nil
}

// refresh reads the sources and brings the target into the state that they ask for.
func (c *Controller) refresh(ctx context.Context, es *esv1.ExternalSecret, w *observed, out *outcome) error {
	wish := apply.Wish{Owner: es, Hasher: c.Hasher}
	adopted, err := c.adopt(ctx, es, w)
	if err != nil {
		return err
	}
	if out.adopted = adopted != nil; out.adopted {
		wish.Desired = *adopted
	} else if nowhere, err := c.nowhere(ctx, es, w); err != nil || nowhere {
		out.change.Action = apply.Wait
		return err
	} else if done, err := c.wish(ctx, es, w, out, &wish); err != nil || done {
		return err
	}
	if out.change, err = c.deliver(ctx, wish, w); err != nil {
		return err
	}
	if !out.adopted {
		out.unfinished = c.conclude(ctx, es, w, out)
	}
	out.orphans, err = c.retire(ctx, es)
	return err
}

// wish fills the wish. What was obtained for an earlier try, and is too old to be delivered by now, is replaced only when the API
// server would take the target: a write that fails for hours costs nothing.
func (c *Controller) wish(ctx context.Context, es *esv1.ExternalSecret, w *observed, out *outcome, wish *apply.Wish) (bool, error) {
	done, err := c.read(ctx, es, w, out, wish)
	if err != nil || !w.tx.Aged() {
		return done, err
	}
	change, err := c.foresee(ctx, *wish, w)
	if err != nil {
		return false, err
	}
	if err := apply.Rehearse(ctx, c.Client, es, w.target, change); err != nil {
		return false, err
	}
	if err := w.tx.Renew(ctx); err != nil {
		return false, err
	}
	w.generated, w.entries = nil, nil
	*wish = apply.Wish{Owner: es, Hasher: c.Hasher}
	return c.read(ctx, es, w, out, wish)
}

// read fills the wish from the sources, and reports whether the target is known to be right as it is.
func (c *Controller) read(ctx context.Context, es *esv1.ExternalSecret, w *observed, out *outcome, wish *apply.Wish) (bool, error) {
	out.read = len(storeRefs(&es.Spec)) > 0
	values, err := c.collect(ctx, es, w, out.decision)
	if err != nil {
		return false, err
	}
	out.gone, wish.Empty = values.Gone, len(values.Data) == 0
	if wish.Empty && es.Spec.Target.DeletionPolicyOrDefault() != esv1.DeleteMerge {
		// The target goes, or stays as it is; its templates may need what is gone.
		return false, nil
	}
	return c.render(ctx, es, w, values, wish)
}

// deliver brings the target into the state that is wished for, and returns what that took.
func (c *Controller) deliver(ctx context.Context, wish apply.Wish, w *observed) (apply.Change, error) {
	change, err := c.foresee(ctx, wish, w)
	if err != nil {
		return apply.Change{}, err
	}
	return change, apply.Do(ctx, c.Client, wish.Owner, w.target, change)
}

// foresee returns what it takes to bring the target into the state that is wished for.
func (c *Controller) foresee(ctx context.Context, wish apply.Wish, w *observed) (apply.Change, error) {
	change, err := apply.Diff(wish, w.target)
	if err == nil && change.Action == apply.Write {
		err = apply.Claim(ctx, c.Live, c.Client, wish.Owner, w.target)
	}
	if err == nil {
		change, err = apply.Foresee(ctx, c.Client, wish, w.target, change)
	}
	return change, err
}

// adopt returns the target as it is, with the metadata that the object asks for, when an object that is delivered only
// once finds a target that holds everything already: what was made once is not made again because the object is new, has
// lost its status, or was delivered under another key of fingerprints. It returns nil otherwise.
func (c *Controller) adopt(ctx context.Context, es *esv1.ExternalSecret, w *observed) (*render.Desired, error) {
	unknown := plan.Frozen(w.facts) && w.State == plan.TargetUnknown && len(w.Data) > 0
	if !adoptable(&es.Spec.Target) || (!w.fillsOnly() && !unknown) {
		return nil, nil //nolint:nilnil // nothing to adopt is a value
	}
	data := w.Data
	if !unknown && w.State != plan.TargetIntact {
		var err error
		if data, err = c.wantedData(ctx, es, w); err != nil || data == nil {
			return nil, err
		}
	}
	desired, err := c.bare(es, w, data)
	if err != nil {
		// The metadata is made from values that only the sources have: they are read after all, and what the target
		// has is kept then.
		return nil, nil //nolint:nilerr,nilnil // see above
	}
	return &desired, nil
}

// adoptable says whether a target can be taken as it is: fields that a template sets by their paths are always rendered.
func adoptable(target *esv1.ExternalSecretTarget) bool {
	return target.CreationPolicyOrDefault() != esv1.CreateNone && !render.HasPaths(target.Template)
}

// bare returns a target of the given data with the metadata that es asks for, and what the target remembers of generated
// values; no template touches the data.
func (c *Controller) bare(es *esv1.ExternalSecret, w *observed, data map[string][]byte) (render.Desired, error) {
	in := render.Input{Path: templatePath, Values: data, Labels: es.Labels, Annotations: es.Annotations}
	if t := es.Spec.Target.Template; t != nil {
		in.Template = t.DeepCopy()
		in.Template.Data, in.Template.TemplateFrom = nil, nil
	}
	desired, err := c.shape(es, in)
	for _, annotation := range []string{apply.GeneratedAnnotation(es), apply.LeaseAnnotation(es), apply.RotationAnnotation(es)} {
		if text, ok := w.target.GetAnnotations()[annotation]; ok && err == nil {
			desired.Annotations[annotation] = text
		}
	}
	return desired, err
}

// shape renders the target, of whatever kind it is.
func (c *Controller) shape(es *esv1.ExternalSecret, in render.Input) (render.Desired, error) {
	if es.Spec.Target.Manifest.IsSecret() {
		return c.Renderer.Secret(in)
	}
	return c.Renderer.Manifest(in, &es.Spec.Target)
}

// wantedData returns the wanted keys as the target has them; nil unless it is known that these are all.
func (c *Controller) wantedData(ctx context.Context, es *esv1.ExternalSecret, w *observed) (map[string][]byte, error) {
	keys, err := c.wantedKeys(ctx, es)
	if err != nil || len(keys) == 0 || !hasAll(w.target.Data, keys) {
		return nil, err
	}
	data := make(map[string][]byte, len(keys))
	for _, key := range keys {
		data[key] = w.target.Data[key]
	}
	return data, nil
}

// wantedKeys returns the keys that the target is to have; none when only the sources can tell.
func (c *Controller) wantedKeys(ctx context.Context, es *esv1.ExternalSecret) ([]string, error) {
	generated := map[int][]string{}
	for i := range es.Spec.DataFrom {
		if source := es.Spec.DataFrom[i].SourceRef; source != nil && source.GeneratorRef != nil {
			bound, err := c.Generators.Bind(ctx, es.Namespace, *source.GeneratorRef)
			if err != nil {
				return nil, fault.In(err, "spec.dataFrom[%d]", i)
			}
			names, known, err := c.Collector.Renamed(es.Spec.DataFrom[i].Rewrite, bound.Keys())
			if err != nil {
				return nil, fault.In(err, "spec.dataFrom[%d]", i)
			}
			if known && len(names) > 0 {
				generated[i] = slices.Collect(maps.Values(names))
			}
		}
	}
	keys, known := plan.WantedKeys(&es.Spec, generated)
	if !known {
		return nil, nil
	}
	return keys, nil
}

// render fills the wish, and reports whether the target is known to be right as it is.
func (c *Controller) render(
	ctx context.Context,
	es *esv1.ExternalSecret,
	w *observed,
	values fetch.Values,
	wish *apply.Wish,
) (bool, error) {
	reader := c.Live
	if plan.Follows(w.facts) {
		reader = c.recent
	}
	texts, err := fetch.TemplateTexts(ctx, reader, es.Namespace, templatePath, es.Spec.Target.Template)
	if err != nil {
		return false, err
	}
	in := render.Input{
		Path: templatePath, Values: values.Data, Template: es.Spec.Target.Template, Texts: texts,
		Labels: es.Labels, Annotations: es.Annotations, Existing: w.shared(es),
	}
	if wish.InputHash, err = c.inputHash(es, in); err != nil {
		return false, err
	}
	if !wish.Empty && len(w.tx.Booked()) == 0 && !w.facts.LeaseGone && w.holds(es, wish.InputHash) {
		return true, nil
	}
	if wish.Desired, err = c.shape(es, in); err != nil {
		return false, err
	}
	c.annotate(es, w, wish.Desired.Annotations)
	if w.fillsOnly() {
		for key := range wish.Desired.Data {
			if value, ok := w.target.Data[key]; ok {
				wish.Desired.Data[key] = value
			}
		}
	}
	return false, nil
}

// annotate adds to the annotations of a target what it is to remember of generated values.
func (c *Controller) annotate(es *esv1.ExternalSecret, w *observed, annotations map[string]string) {
	if len(w.generated) > 0 {
		annotations[apply.GeneratedAnnotation(es)] = remember(&es.Spec, w.generated).String()
	}
	if names := w.leaseNames(); names != "" {
		annotations[apply.LeaseAnnotation(es)] = names
	}
	if mark := c.rotationMark(es, w); mark != "" {
		annotations[apply.RotationAnnotation(es)] = mark
	}
}

// inputHash is the fingerprint of everything that the target is rendered from. Without a template the object's own
// labels and annotations are part of it.
func (c *Controller) inputHash(es *esv1.ExternalSecret, in render.Input) (string, error) {
	described := []any{es.Spec.Target, in.Texts}
	if in.Template == nil {
		described = append(described, c.Renderer.Copied(in.Labels), c.Renderer.Copied(in.Annotations))
	}
	text, err := json.Marshal(described)
	if err != nil {
		return "", fault.Wrap(fault.Unknown, err, "the template cannot be written as JSON")
	}
	return c.Hasher.Of([]map[string][]byte{in.Values}, es.Namespace, es.TargetName(), string(text)), nil
}
