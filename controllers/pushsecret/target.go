package pushsecret

import (
	"cmp"
	"maps"
	"slices"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
)

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
