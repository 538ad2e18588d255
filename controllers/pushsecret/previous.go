package pushsecret

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
)

// previousOver returns when the first of the previous values is to be taken away that was still there at the last
// refresh; zero for none.
func previousOver(ps *esv1alpha1.PushSecret, refreshed time.Time) time.Time {
	var first time.Time
	for i := range ps.Spec.Data {
		over := previousEnd(ps, &ps.Spec.Data[i])
		if over.After(refreshed) && (first.IsZero() || over.Before(first)) {
			first = over
		}
	}
	return first
}

// previousEnd returns when the previous value of an entry is to be taken away; zero for never.
func previousEnd(ps *esv1alpha1.PushSecret, entry *esv1alpha1.PushSecretData) time.Time {
	replaced, ok := ps.Status.LastReplacedTimes[render.Entry{Data: *entry}.ID()]
	if entry.PreviousProperty == "" || entry.PreviousFor == nil || !ok {
		return time.Time{}
	}
	return replaced.Add(max(0, entry.PreviousFor.Duration))
}

// noteReplaced writes down when the values of the given entries are replaced, and forgets the entries that keep none any more.
func noteReplaced(ps *esv1alpha1.PushSecret, ids []string, now time.Time) {
	times := map[string]metav1.Time{}
	for i := range ps.Spec.Data {
		entry := &ps.Spec.Data[i]
		id := render.Entry{Data: *entry}.ID()
		if before, ok := ps.Status.LastReplacedTimes[id]; ok && entry.PreviousProperty != "" {
			times[id] = before
		}
		if slices.Contains(ids, id) {
			times[id] = metav1.Time{Time: now}
		}
	}
	ps.Status.LastReplacedTimes = times
}

// keepsPrevious says whether an entry keeps the value that a push replaces.
func keepsPrevious(ps *esv1alpha1.PushSecret) bool {
	for i := range ps.Spec.Data {
		if ps.Spec.Data[i].PreviousProperty != "" {
			return true
		}
	}
	return false
}

// genuine forgets what the places hold where it is not what was pushed last: what somebody wrote over a value is no previous one.
func (c *Controller) genuine(ps *esv1alpha1.PushSecret, targets []*target) {
	for _, t := range targets {
		for i := range t.places {
			p := &t.places[i]
			key := p.Data.Match.SecretKey
			if hash, known := ps.Status.Generated[key]; known && hash != c.hash(ps, key, p.value) {
				p.kept = nil
			}
		}
	}
}

// dropPrevious takes the previous values out of a store whose time is over, and those that have another place now or none.
func (c *Controller) dropPrevious(ctx context.Context, ps *esv1alpha1.PushSecret, t *target) error {
	var failures []error
	for i := range t.places {
		p := &t.places[i]
		drop := ""
		if end := previousEnd(ps, &p.Data); !end.IsZero() && !c.Clock.Now().Before(end) {
			drop = p.Data.PreviousProperty
		}
		if former := ps.Status.SyncedPushSecrets[t.id()][p.id].PreviousProperty; former != "" && former != p.Data.PreviousProperty {
			drop = former
		}
		if drop == "" || t.wants(p.at, drop) {
			continue
		}
		key := p.Data.Match.RemoteRef.RemoteKey
		err := t.session.Delete(ctx, providers.Removal{Key: key, Owner: owner(ps), Fields: []string{drop}, Options: p.Options()})
		if err != nil {
			p.lingering = drop
		}
		failures = append(failures, fault.In(err, "could not remove the previous value %s of remote ref %s", drop, key))
	}
	return combined(failures)
}

// wants says whether an entry has its value in the given field of the remote secret at the given place.
func (t *target) wants(at, field string) bool {
	for i := range t.places {
		if p := &t.places[i]; p.at == at && p.Data.Match.RemoteRef.Property == field {
			return true
		}
	}
	return false
}
