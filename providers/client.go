package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Client is an open connection to one store. It is safe for concurrent use.
type Client interface {
	// Close ends the connection and gives back what it holds. The client is not used afterwards.
	Close(ctx context.Context) error
}

// Reader reads one secret.
type Reader interface {
	// Get returns the secret, or fault.NotFound when there is certainly none.
	Get(ctx context.Context, ref Ref) (Secret, error)
}

// Locator is a Reader whose secrets may lie elsewhere than usual when the options of a write say so.
type Locator interface {
	// GetAt is Get of the secret that a Write with these options goes to. With nil options it is Get.
	GetAt(ctx context.Context, ref Ref, options json.RawMessage) (Secret, error)
	// Locate names the place that a Write with this key and these options goes to: two writes to one place have the same
	// name. It calls nobody.
	Locate(key string, options json.RawMessage) (string, error)
}

// Lister reads all secrets that match.
type Lister interface {
	// List yields each match, in no particular order, or one error and nothing after it.
	List(ctx context.Context, query Query) iter.Seq2[Entry, error]
}

// Writer writes secrets.
type Writer interface {
	// Put makes one secret hold what w asks for, and writes nothing when it does already. A field that belongs to
	// somebody else and has another value is a fault.Conflict that names the owner, unless w may replace it; nothing is
	// written then.
	Put(ctx context.Context, w Write) error
	// Delete removes what the owner wrote to one secret, and the secret itself when this owner's side created it and
	// nothing is left in it. What is absent already is no error.
	Delete(ctx context.Context, r Removal) error
}

// Checker checks whether the store can be used with the rights at hand.
type Checker interface {
	// Check returns no error when the store is usable, and then what it cannot do with the rights at hand, as a part of a
	// sentence; empty when nothing is missing. A fault.Unavailable error says that this could not be found out.
	Check(ctx context.Context) (limits string, err error)
}

// Watcher follows all that a store holds, so that it need not be read again.
type Watcher interface {
	// Watch tells sink what the store holds and how that changes, until ctx ends (nil) or the watch fails. It goes on from
	// position, which an earlier watch of the same store has reached; from an empty one, and from one that is too long ago,
	// it begins with all that there is. fault.Denied says that the rights at hand are not enough, fault.Unsupported that
	// this store cannot be watched.
	Watch(ctx context.Context, position string, sink Sink) error
	// Select returns which secrets a List of query yields. It looks at nothing but key and labels, and its errors are those
	// of List.
	Select(query Query) (func(Entry) bool, error)
}

// Sink takes what a Watcher tells. One goroutine calls it, and keeps nothing of what it has given. Secrets that are never
// read are not told of, and those that are have a Version.
type Sink interface {
	// Replace takes all that the store holds: what is not among the entries is not there any more. It returns the error
	// that ends the entries, and has taken none of them then.
	Replace(entries iter.Seq2[Entry, error]) error
	// Set takes a secret that has appeared or changed.
	Set(entry Entry)
	// Remove takes the key of a secret that is gone.
	Remove(key string)
	// Reached says that all was told up to position. It comes after everything else and also when nothing changes, as a
	// sign of life, every few minutes at least.
	Reached(position string)
}

// Ref names one secret in a store.
type Ref struct {
	// Key is the name of the secret.
	Key string
	// Version of the secret; the latest when empty.
	Version string
}

// Secret is what a store holds under one key: either a Value or Fields.
type Secret struct {
	// Value is the secret as a whole, for stores that keep single values. Nil when Fields is set.
	Value []byte
	// Fields are the parts of the secret, for stores that keep maps. Nil when the store keeps single values.
	Fields map[string][]byte
	// Labels and Annotations describe the secret.
	Labels, Annotations map[string]string
	// Version identifies this state of the secret; empty when the store has none.
	Version string
}

// Query selects secrets. An empty query matches nothing.
type Query struct {
	// Name matches a part of the key.
	Name *regexp.Regexp
	// Tags must all be present with equal values. Nil means no such condition; empty and not nil matches every secret.
	Tags map[string]string
	// Path is where to look, in stores with paths.
	Path string
	// Conversion is for providers whose keys are to be converted where they are listed, and not only where nothing
	// rewrites them.
	Conversion esv1.ExternalSecretConversionStrategy
}

// Entry is one match of a Query.
type Entry struct {
	// Key of the secret.
	Key string
	// Secret itself.
	Secret Secret
	// Bare says that the secret lacks its values, which are for whoever needs them to read. A List yields none like this.
	Bare bool
}

// Write is one write to one secret.
type Write struct {
	// Key is the name of the secret.
	Key string
	// Owner identifies the object that pushes. It is the same at every write of that object.
	Owner string
	// Fields are the parts that the owner wants to have in the secret. Under the empty name stands the value of the
	// secret as a whole, for stores that keep single values.
	Fields map[string][]byte
	// Prune removes the parts that the owner wrote before and that are not listed. They stay without it.
	Prune bool
	// Whole says that the fields are the whole source: with Replace, nothing else stays in the secret.
	Whole bool
	// Replace allows to write over every field, whoever owns it.
	Replace bool
	// Pushed are fields that the owner is known to have written before; it may write over them.
	Pushed []string
	// Seen are the values of fields when the write was planned, nil for one that was absent. When one of them has another value by
	// now, and not the one that is to be written, nothing is written and the error is ErrChanged. Fields that are not listed may have
	// any value.
	Seen map[string][]byte
	// Rival says in words which object pushes to the secret under the name of another owner, empty for none. What is a rival's is never
	// written over or removed: the two would do so in turn for ever. Nil when there are none.
	Rival func(owner string) string
	// Written is told the Version that the secret has after each change that the write makes, by a client that is a Watcher, so
	// that it is known whose change the watch tells of. Nil when nobody asks.
	Written func(version string)
	// Type is the type of the source Secret; empty when there is none.
	Type corev1.SecretType
	// Labels and Annotations of the source.
	Labels, Annotations map[string]string
	// Options are the provider's own settings, as the user wrote them; nil when there are none.
	Options json.RawMessage
}

// ErrChanged is in the chain of an error that says: what a write was planned with is not true any more.
var ErrChanged = errors.New("the secret changed since it was read")

// Unchanged returns nil when current, the value of each field that there is, is as the write was planned with. The error is a
// fault.Unavailable that names the secret as given, and has ErrChanged in its chain.
func (w Write) Unchanged(what string, current map[string][]byte) error {
	for _, field := range slices.Sorted(maps.Keys(w.Seen)) {
		seen, wanted := w.Seen[field], w.Fields[field]
		value, exists := current[field]
		same := exists == (seen != nil) && bytes.Equal(seen, value)
		if done := exists && wanted != nil && bytes.Equal(wanted, value); !same && !done {
			return fault.Wrap(fault.Unavailable, ErrChanged, "%s was changed by somebody else at the same time", what)
		}
	}
	return nil
}

// Wrote says that the write has given the secret another Version.
func (w Write) Wrote(version string) {
	if w.Written != nil {
		w.Written(version)
	}
}

// TakesFrom reports whether the write may give another value to a field that has one of another owner.
func (w Write) TakesFrom(owner, field string) bool {
	return w.rival(owner) == "" && (w.Replace || slices.Contains(w.Pushed, field))
}

// Clears reports whether the write leaves nothing in the secret but its fields.
func (w Write) Clears() bool { return w.Whole && w.Replace }

// ClearsFrom reports whether the write may remove what another owner has in the secret.
func (w Write) ClearsFrom(owner string) bool { return w.Clears() && w.rival(owner) == "" }

// Refusal returns the fault.Conflict about something that the write may not take from another owner.
func (w Write) Refusal(what, owner string) error {
	if rival := w.rival(owner); rival != "" {
		return fault.New(fault.Conflict, "%s is pushed by %s with another value: only one of the two can push it", what, rival)
	}
	return fault.New(fault.Conflict, "%s belongs to %q with another value: set spec.updatePolicy: Replace to take it over", what, owner)
}

func (w Write) rival(owner string) string {
	if w.Rival == nil || owner == w.Owner {
		return ""
	}
	return w.Rival(owner)
}

// Removal takes fields out of one secret.
type Removal struct {
	// Key is the name of the secret.
	Key string
	// Owner identifies the object that pushed.
	Owner string
	// Fields are the parts to remove, of those that the owner wrote; all that it wrote when nil.
	Fields []string
	// Keep are parts that stay even so, because another write of the owner wants them.
	Keep []string
	// Options are the provider's own settings that the fields were pushed with; nil when there were none.
	Options json.RawMessage
}

// Removes reports whether the removal is of the field of the given name.
func (r Removal) Removes(name string) bool {
	return (r.Fields == nil || slices.Contains(r.Fields, name)) && !slices.Contains(r.Keep, name)
}
