package pushsecret

import (
	"context"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
)

// belief says which of the values that stores hold are those that belong there.
type belief struct {
	// renewed says whether a key gets a new value, so that what is there is the old one unless it is recognised.
	renewed func(key string) bool
	// recognises says whether a value is certainly the right one, by its keyed hash.
	recognises func(key string, value []byte) bool
	// fresh says that the new values cannot be in any store yet.
	fresh bool
}

// belief returns what to believe in a round; nil when there is none.
func (c *Controller) belief(ps *esv1alpha1.PushSecret, round *esv1alpha1.PushSecretRotation) belief {
	renewed := func(key string) bool { return round != nil && renews(ps, round, key) }
	return belief{
		renewed: renewed,
		recognises: func(key string, value []byte) bool {
			hashes := ps.Status.Generated
			if renewed(key) {
				hashes = round.Generated
			}
			hash, ok := hashes[key]
			return ok && hash == c.hash(ps, key, value)
		},
		fresh: round != nil && round.Generated == nil,
	}
}

// waits says whether a rotation that has begun waits, because nothing may be replaced for the time being.
func waits(ps *esv1alpha1.PushSecret) bool {
	return ps.Spec.Selector.GeneratorRef != nil && ps.Spec.UpdatePolicyOrDefault() == esv1alpha1.UpdateIfNotExists
}

// renews says whether a round has a new value for a key. What a template makes may be made of what is new.
func renews(ps *esv1alpha1.PushSecret, round *esv1alpha1.PushSecretRotation, key string) bool {
	return len(round.Keys) == 0 || slices.Contains(round.Keys, key) || (makes(ps) && (made(ps, key) || len(ps.Spec.Template.TemplateFrom) > 0))
}

// hash returns the keyed hash of a generated value of ps. Equal values of two PushSecrets have different ones.
func (c *Controller) hash(ps *esv1alpha1.PushSecret, key string, value []byte) string {
	return c.Hasher.Of([]map[string][]byte{{key: value}}, ps.Namespace, ps.Name)
}

// hashes returns the keyed hashes of the values that the entries need.
func (c *Controller) hashes(ps *esv1alpha1.PushSecret, keys []string, l load) map[string]string {
	hashes := map[string]string{}
	for _, t := range l.targets {
		for i := range t.places {
			for key := range t.places[i].parts(keys) {
				if value, ok := l.source.Data[key]; ok {
					hashes[key] = c.hash(ps, key, value)
				}
			}
		}
	}
	return hashes
}

// rotation returns the values of a round: new ones, or those of a round that has begun and has not reached every store
// yet. Those are known in this process, or recognised in a store that has them already.
func (c *Controller) rotation(
	ctx context.Context, p *pass, round *esv1alpha1.PushSecretRotation, g generators.Bound, keys []string, targets []*target,
) (render.Source, error) {
	name, id := client.ObjectKeyFromObject(p.ps), roundID(p.ps, round, g)
	current, begun := c.rounds.get(name, id)
	if !begun || !p.keeps(current.leases) {
		var err error
		if current.source, err = c.recovered(ctx, p, g, keys, targets, c.belief(p.ps, round)); err != nil {
			return render.Source{}, err
		}
		current.leases = namesOf(p.tx.Booked())
		c.rounds.begin(name, id, current)
	}
	if len(current.leases) > 0 {
		round.Leases = current.leases
	}
	return current.source, nil
}

// currentRound returns the round that is to be delivered: the one that has begun, unless force-sync asks for another. A request
// that cannot be carried out is an error, and no round.
func currentRound(p *pass, d plan.Decision, g generators.Bound) (*esv1alpha1.PushSecretRotation, error) {
	f := p.facts
	if open := p.ps.Status.Rotation; open != nil && !plan.NewRequest(f.ForceSync, open.ForceSync) {
		return open.DeepCopy(), nil
	}
	round := &esv1alpha1.PushSecretRotation{ForceSync: f.ForceSync, Rotate: f.Rotate}
	if d.Reason != plan.ReasonRotate || g.Together() {
		return round, nil
	}
	var err error
	if round.Keys, err = plan.RotateKeys(f.Rotate); err != nil {
		return nil, err
	}
	for _, key := range round.Keys {
		if known := g.Keys(); known != nil && (!slices.Contains(known, key) || made(p.ps, key)) {
			return nil, fault.New(fault.Invalid, "annotation %s names %q, which generator %s %q does not make (it makes %s)",
				esv1.AnnotationRotate, key, g.Kind(), g.Object().GetName(), strings.Join(slices.Sorted(slices.Values(known)), ", "))
		}
	}
	return round, nil
}

// request names what the next values of a generator are for, so that those of one round are no other's.
func request(ps *esv1alpha1.PushSecret, force, rotate string) string {
	last := ""
	if ps.Status.LastRotationTime != nil {
		last = ps.Status.LastRotationTime.UTC().Format(time.RFC3339)
	}
	return strings.Join([]string{force, rotate, last}, "|")
}

// roundID names a round by what asked for it, and by what its values are made with.
func roundID(ps *esv1alpha1.PushSecret, round *esv1alpha1.PushSecretRotation, g generators.Bound) string {
	return strings.Join([]string{
		string(ps.UID), plan.Generation(ps), request(ps, round.ForceSync, round.Rotate),
		string(g.Object().GetUID()), plan.Generation(g.Object()),
	}, "|")
}
