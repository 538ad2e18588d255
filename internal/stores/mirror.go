package stores

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-operator/sluice/providers"
)

// quietTime is how long a watch may give no sign of life. What it has told counts no longer then, and it begins again.
const quietTime = 3 * time.Minute

// mirror is what a store holds, as its watch has told. Of secrets that nobody reads, and of those that are not to be kept,
// it has no values: they are bare. It is safe for concurrent use.
type mirror struct {
	mu       sync.RWMutex
	secrets  map[string]held // nil until all was told
	position string
	// seen is the last sign of life.
	seen time.Time
	// broken says that the watch has failed and not begun again yet.
	broken bool
	// writes are those of this process that the watch has not told of yet.
	writes map[state]write
}

// held is a secret as it is kept.
type held struct {
	providers.Entry

	// never says that its values are not to be kept, whoever reads them.
	never bool
}

// state is a version of a secret.
type state struct{ key, version string }

// write is what led to it.
type write struct {
	owner string
	at    time.Time
}

// echoTime is how long the word of a write may take to come back.
const echoTime = time.Minute

// expect notes a write that the watch is about to tell of.
func (m *mirror) expect(key, version, owner string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writes == nil {
		m.writes = map[state]write{}
	}
	maps.DeleteFunc(m.writes, func(_ state, w write) bool { return now.Sub(w.at) > echoTime })
	m.writes[state{key, version}] = write{owner, now}
}

// writer returns whose write led to a state; empty when it was somebody else, and when it was told before.
func (m *mirror) writer(key, version string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner := m.writes[state{key, version}].owner
	delete(m.writes, state{key, version})
	return owner
}

// reached returns the position that the watch has come to; empty when not all was told.
func (m *mirror) reached() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.position
}

// reach notes a sign of life.
func (m *mirror) reach(position string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.position, m.seen, m.broken = position, now, false
}

// clear forgets all that was told.
func (m *mirror) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets, m.position = nil, ""
}

// doubt says that the store may have changed without a word.
func (m *mirror) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = true
}

// lives reports whether the watch has given a sign of life since the given moment.
func (m *mirror) lives(since time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.seen.After(since)
}

// quiet reports whether a watch that runs has given no sign of life for too long.
func (m *mirror) quiet(now time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.secrets != nil && !m.broken && now.Sub(m.seen) > quietTime
}

// current says whether the mirror is what the store holds. The mutex is held.
func (m *mirror) current(now time.Time) bool {
	return m.secrets != nil && !m.broken && now.Sub(m.seen) <= quietTime
}

// get returns the secret under key with its values, and whether it is certain that this is it. Nothing is certain of a
// secret that is not there.
func (m *mirror) get(key string, now time.Time) (providers.Secret, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	entry, exists := m.secrets[key]
	return entry.Secret, exists && !entry.Bare && m.current(now)
}

// lacks reports whether there is certainly no secret under key.
func (m *mirror) lacks(key string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, exists := m.secrets[key]
	return m.secrets != nil && !exists
}

// find returns the secrets that match, in the order of their keys, and whether it is certain that these are all.
func (m *mirror) find(match func(providers.Entry) bool, now time.Time) ([]providers.Entry, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.current(now) {
		return nil, false
	}
	var found []providers.Entry
	for _, entry := range m.secrets {
		if !match(entry.Entry) {
			continue
		}
		if entry.Bare {
			return nil, false
		}
		found = append(found, entry.Entry)
	}
	slices.SortFunc(found, func(a, b providers.Entry) int { return strings.Compare(a.Key, b.Key) })
	// That there is none is for the store alone to say.
	return found, len(found) > 0
}

// filling returns entries that were read from the store, and fills the mirror with them on the way.
func (m *mirror) filling(entries iter.Seq2[providers.Entry, error]) iter.Seq2[providers.Entry, error] {
	return func(yield func(providers.Entry, error) bool) {
		for entry, err := range entries {
			if err == nil {
				m.fill(entry.Key, entry.Secret)
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

// fill gives a bare secret its values, when they are of the state that the watch has told of.
func (m *mirror) fill(key string, secret providers.Secret) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, exists := m.secrets[key]; exists && known.Bare && !known.never && known.Secret.Version == secret.Version {
		m.secrets[key] = held{Entry: providers.Entry{Key: key, Secret: secret}}
	}
}

// replace takes all secrets, and returns those that there were before; nil when nothing was known.
func (m *mirror) replace(all map[string]held) (before map[string]held) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, m.secrets = m.secrets, all
	return before
}

// set takes one secret, and returns what it was before.
func (m *mirror) set(entry held) (before held, existed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, existed = m.secrets[entry.Key]
	m.secrets[entry.Key] = entry
	return before, existed
}

// remove takes one secret away, and returns what it was.
func (m *mirror) remove(key string) (before held, existed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, existed = m.secrets[key]
	delete(m.secrets, key)
	return before, existed
}

// strip takes the values from secrets that nobody wants any more.
func (m *mirror) strip(wanted func(key string) bool) {
	m.mu.RLock()
	all := maps.Clone(m.secrets)
	m.mu.RUnlock()
	for key, entry := range all {
		if entry.Bare || wanted(key) {
			continue
		}
		m.mu.Lock()
		if now, exists := m.secrets[key]; exists && now.Secret.Version == entry.Secret.Version {
			m.secrets[key] = held{Entry: bare(now.Entry), never: now.never}
		}
		m.mu.Unlock()
	}
}

// bare returns an entry without its values, and without annotations, which may hold a copy of them.
func bare(entry providers.Entry) providers.Entry {
	entry.Bare, entry.Secret.Value, entry.Secret.Fields, entry.Secret.Annotations = true, nil, nil, nil
	return entry
}
