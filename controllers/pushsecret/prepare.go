package pushsecret

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
)

// templatePath is where a PushSecret has its template.
const templatePath = "spec.template"

// target is one store with the places in it that are to be written.
type target struct {
	selected

	session *stores.Session
	err     error // why the store cannot be used; session is nil then
	places  []place
	writes  []providers.Write
	left    bool // some value was there already and was left
	failed  bool // something could not be written
}

// place is one entry and what the store has there.
type place struct {
	render.Entry

	at       string // the remote secret, as the store names it
	id       string // the entry, as the status names it
	exists   bool
	surveyed bool
	value    []byte
	kept     []byte   // what is kept of value when a write replaces it
	fields   []string // what the last write to the remote secret held
	done     bool     // the store holds the entry now, by this PushSecret
	// lingering is where a previous value stands that could not be taken away; empty for nowhere.
	lingering string
}

// pushed returns the entries that the store holds now, as the status lists them.
func (t *target) pushed() map[string]esv1alpha1.PushSecretData {
	entries := map[string]esv1alpha1.PushSecretData{}
	for i := range t.places {
		p := &t.places[i]
		if !p.done {
			continue
		}
		data := p.Data
		data.PreviousProperty = cmp.Or(p.lingering, data.PreviousProperty)
		entries[p.id] = data
	}
	return entries
}

// note records the outcome of a write at the places that it was for.
func (t *target) note(write providers.Write, done bool) {
	for i := range t.places {
		p := &t.places[i]
		if p.belongs(write) {
			p.done, p.fields = done, slices.Sorted(maps.Keys(write.Fields))
		}
	}
}

// plan turns the places into writes. What a place holds stays there with updatePolicy IfNotExists.
func (t *target) plan(ps *esv1alpha1.PushSecret, source render.Source) {
	if t.err != nil {
		return
	}
	before := ps.Status.SyncedPushSecrets[t.id()]
	var entries []render.Entry
	for i := range t.places {
		p := &t.places[i]
		if p.exists && ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateIfNotExists {
			t.left = true
			_, p.done = before[p.id]
			continue
		}
		entry := p.Entry
		entry.Held = p.kept
		entries = append(entries, entry)
	}
	writes, err := render.Writes(entries, source, owner(ps), ps.Spec.UpdatePolicy == esv1alpha1.UpdateReplace)
	t.writes, t.err = writes, fault.In(err, "set secret failed")
	for i := range t.writes {
		for j := range t.places {
			if p := &t.places[j]; p.surveyed && p.belongs(t.writes[i]) {
				p.hold(&t.writes[i])
			}
		}
	}
}

// hold makes a write depend on what the survey has seen at its place: a value that somebody else has written since is found by
// the next look, and not written over.
func (p *place) hold(write *providers.Write) {
	ref := p.Data.Match.RemoteRef
	if ref.Property == "" && p.Data.Match.SecretKey == "" {
		return // it is several values, and a whole source is no matter of one of them
	}
	if write.Seen == nil {
		write.Seen = map[string][]byte{}
	}
	write.Seen[ref.Property] = p.value
	if p.exists && p.value == nil {
		write.Seen[ref.Property] = []byte{}
	}
}

// replaced returns the entries of which a write keeps the value that it replaces.
func (t *target) replaced() []string {
	var ids []string
	for _, write := range t.writes {
		for i := range t.places {
			p := &t.places[i]
			if _, kept := write.Fields[p.Data.PreviousProperty]; kept && p.belongs(write) && p.Data.PreviousProperty != "" {
				ids = append(ids, p.ID())
			}
		}
	}
	return ids
}

// belongs says whether a write is to the remote secret of a place.
func (p *place) belongs(write providers.Write) bool {
	return p.Data.Match.RemoteRef.RemoteKey == write.Key && string(p.Options()) == string(write.Options)
}

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

// targets opens every store and lists what goes where. keys are those of the source.
func (c *Controller) targets(ctx context.Context, p *pass, keys []string) ([]*target, error) {
	ps := p.ps
	all := make([]*target, 0, len(p.stores))
	used := make([]bool, len(ps.Spec.DataTo))
	for _, store := range p.stores {
		t := &target{selected: store}
		var to []esv1alpha1.PushSecretDataTo
		for i := range ps.Spec.DataTo {
			chosen, err := chooses(&ps.Spec.DataTo[i].StoreRef, store)
			if err != nil {
				return nil, fault.In(err, "spec.dataTo[%d].storeRef", i)
			}
			if chosen {
				used[i] = true
				to = append(to, ps.Spec.DataTo[i])
			}
		}
		entries, err := render.Entries(&ps.Spec, to, keys, c.Renderer.Engine)
		if err != nil {
			return nil, err
		}
		if t.session, t.err = c.Stores.Open(ctx, ps.Namespace, store.SecretStoreRef); errors.Is(t.err, stores.ErrOtherClass) {
			return nil, t.err
		}
		if err := t.locate(ctx, entries); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "no store matches spec.secretStoreRefs")
	}
	for i, found := range used {
		if ref := ps.Spec.DataTo[i].StoreRef; !found && ref.Name != "" {
			return nil, fault.New(fault.Invalid, "spec.dataTo[%d].storeRef names %s %q, which is not among spec.secretStoreRefs",
				i, ref.KindOrDefault(), ref.Name)
		}
	}
	return all, nil
}

// locate makes a place of each entry. Entries for one remote secret must agree in their metadata.
func (t *target) locate(ctx context.Context, entries []render.Entry) error {
	first := map[string]int{}
	for i, e := range entries {
		// Of a store that cannot be asked nothing is known but that it is one place for each setting.
		p := place{Entry: e, at: e.Data.Match.RemoteRef.RemoteKey + string(e.Options()), id: e.ID()}
		if t.err == nil {
			t.err = fault.In(p.find(ctx, t.session), "remote ref %s", e.ID())
		}
		t.places = append(t.places, p)
		other, known := first[p.at]
		if !known {
			first[p.at] = i
		} else if string(t.places[other].Options()) != string(e.Options()) {
			return fault.New(fault.Invalid, "the entries for remote key %q differ in their metadata: one remote secret has one",
				e.Data.Match.RemoteRef.RemoteKey)
		}
	}
	return nil
}

// find asks the store where the remote secret of a place is. One that is elsewhere than usual is named with that in the status, so
// that a remote key may be pushed to several places.
func (p *place) find(ctx context.Context, session *stores.Session) error {
	key := p.Data.Match.RemoteRef.RemoteKey
	at, err := session.Locate(ctx, key, p.Options())
	if err != nil {
		return err
	}
	p.at = at
	if p.Options() == nil {
		return nil
	}
	usual, err := session.Locate(ctx, key, nil)
	if err == nil && usual != at {
		p.id += "@" + at
	}
	return err
}

func chooses(ref *esv1alpha1.PushSecretStoreRef, store selected) (bool, error) {
	if ref.KindOrDefault() != store.KindOrDefault() {
		return false, nil
	}
	if ref.LabelSelector == nil {
		return ref.Name == store.Name, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(ref.LabelSelector)
	if err != nil {
		return false, fault.Wrap(fault.Invalid, err, "labelSelector is not valid")
	}
	return selector.Matches(store.labels), nil
}

// survey looks at every place. A store in which one cannot be read is not used in this round.
func survey(ctx context.Context, targets []*target) {
	for _, t := range targets {
		secrets := map[string]lookup{} // each remote secret is read once, so that what comes from it is of one version
		for i := range t.places {
			p := &t.places[i]
			if t.err != nil {
				break
			}
			found, known := secrets[p.at]
			if !known {
				found.secret, found.err = t.session.Read(ctx, p.Data.Match.RemoteRef.RemoteKey, p.Options())
				secrets[p.at] = found
			}
			t.err = fault.In(p.see(t.session, found), "could not read remote ref %s", p.ID())
		}
	}
}

// lookup is what came of reading a remote secret.
type lookup struct {
	secret providers.Secret
	err    error
}

// see notes what a place holds. What is certainly not there is no error.
func (p *place) see(session *stores.Session, found lookup) error {
	ref := p.Data.Match.RemoteRef
	value, err := found.secret.Value, found.err
	if err == nil {
		value, err = session.Exact(found.secret, ref.RemoteKey, ref.Property)
	}
	if p.surveyed = err == nil || fault.Is(err, fault.NotFound); !p.surveyed {
		return err
	}
	if p.exists = err == nil; p.exists {
		p.value, p.kept = value, value
	}
	return nil
}
