package pushsecret

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
)

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
