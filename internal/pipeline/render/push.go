package render

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/templates"
)

// Source is what a PushSecret pushes.
type Source struct {
	// Data by key.
	Data map[string][]byte
	// Type of the source Secret; empty when there is none.
	Type corev1.SecretType
	// Labels and Annotations of the source, as far as they may be copied.
	Labels, Annotations map[string]string
}

// Entry is one value on its way to one place in a store.
type Entry struct {
	// Data is the entry as it stands in the status.
	Data esv1alpha1.PushSecretData
	// Bundle are the source keys that are pushed together; nil for an entry that names one key or all.
	Bundle []string
	// Held is what the place holds, where an entry keeps what it replaces; nil for nothing or when that is not to be kept.
	Held []byte
}

// ID returns the remote key, with the property after a slash where there is one, as the status names an entry.
func (e Entry) ID() string {
	ref := e.Data.Match.RemoteRef
	if ref.Property == "" {
		return ref.RemoteKey
	}
	return ref.RemoteKey + "/" + ref.Property
}

// Entries returns what is to be pushed to one store: the entries of spec.data, then those of the dataTo that select
// this store, for source keys that no entry of data names. Two for one place are fault.Invalid.
func Entries(
	spec *esv1alpha1.PushSecretSpec,
	selected []esv1alpha1.PushSecretDataTo,
	keys []string,
	engine *templates.Engine,
) ([]Entry, error) {
	var entries []Entry
	explicit := map[string]bool{}
	for _, data := range spec.Data {
		entries = append(entries, Entry{Data: data})
		for _, key := range keys {
			if Converted(data.ConversionStrategy, key) == data.Match.SecretKey {
				explicit[key] = true
			}
		}
	}
	for i := range selected {
		expanded, err := expand(&selected[i], keys, explicit, engine)
		if err != nil {
			return nil, fault.In(err, "spec.dataTo[%d]", i)
		}
		entries = append(entries, expanded...)
	}
	return entries, distinct(entries)
}

// distinct returns an error when two entries are for one place. A previous value has a place too.
func distinct(entries []Entry) error {
	seen := map[string]bool{}
	for _, e := range entries {
		ids := []string{e.ID()}
		if e.Data.PreviousProperty != "" {
			ids = append(ids, e.Data.Match.RemoteRef.RemoteKey+"/"+e.Data.PreviousProperty)
		}
		for _, id := range ids {
			place := id + "\x00" + string(e.Options())
			if seen[place] {
				return fault.New(fault.Invalid, "two entries push to the same remote key %q: each place can have one source", id)
			}
			seen[place] = true
		}
	}
	for _, e := range entries {
		whole := e.Data.Match.RemoteRef.RemoteKey + "\x00" + string(e.Options())
		if e.Data.PreviousProperty != "" && seen[whole] {
			return fault.New(fault.Invalid, "remote key %q takes a whole source, beside which no previousProperty can stand",
				e.Data.Match.RemoteRef.RemoteKey)
		}
	}
	return nil
}

func expand(to *esv1alpha1.PushSecretDataTo, keys []string, explicit map[string]bool, engine *templates.Engine) ([]Entry, error) {
	matched, err := match(to, keys, explicit)
	if err != nil {
		return nil, err
	}
	entry := func(key, remote string) Entry {
		return Entry{Data: esv1alpha1.PushSecretData{
			Match:    esv1alpha1.PushSecretMatch{SecretKey: key, RemoteRef: esv1alpha1.PushSecretRemoteRef{RemoteKey: remote}},
			Metadata: to.Metadata, ConversionStrategy: to.ConversionStrategy,
		}}
	}
	if to.RemoteKey != "" && len(matched) > 0 {
		bundle := entry("", to.RemoteKey)
		bundle.Bundle = matched
		return []Entry{bundle}, nil
	}
	entries := make([]Entry, 0, len(matched))
	for _, key := range matched {
		remote, err := remoteKey(to, key, engine)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry(Converted(to.ConversionStrategy, key), remote))
	}
	return entries, nil
}

func match(to *esv1alpha1.PushSecretDataTo, keys []string, explicit map[string]bool) ([]string, error) {
	pattern := ""
	if to.Match != nil {
		pattern = to.Match.RegExp
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "match.regexp %q is not a valid regular expression", pattern)
	}
	var matched []string
	for _, key := range slices.Sorted(slices.Values(keys)) {
		if re.MatchString(key) && !explicit[key] {
			matched = append(matched, key)
		}
	}
	return matched, nil
}

func remoteKey(to *esv1alpha1.PushSecretDataTo, key string, engine *templates.Engine) (string, error) {
	one := map[string][]byte{Converted(to.ConversionStrategy, key): nil}
	var err error
	for i, op := range to.Rewrite {
		if op.Regexp != nil {
			one, err = fetch.RewriteRegexp(op.Regexp, one)
		} else {
			one, err = fetch.RewriteTransform(engine, op.Transform, one)
		}
		if err != nil {
			return "", fault.In(err, "rewrite[%d]", i)
		}
	}
	for name := range one {
		if name != "" {
			return name, nil
		}
	}
	return "", fault.New(fault.Invalid, "rewrite leaves nothing of key %q to name the remote secret", key)
}

var unicodeEscape = regexp.MustCompile(`_U([0-9a-fA-F]{4,6})_`)

// Converted returns a source key after the conversion that an entry asks for.
func Converted(strategy esv1alpha1.PushSecretConversionStrategy, key string) string {
	if strategy != esv1alpha1.ConversionReverseUnicode {
		return key
	}
	return unicodeEscape.ReplaceAllStringFunc(key, func(escape string) string {
		code, err := strconv.ParseInt(strings.Trim(escape, "_U"), 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return escape
		}
		return string(rune(code))
	})
}

// Writes turns entries into one write for each remote secret. A source key that is missing is fault.Invalid and named.
func Writes(entries []Entry, source Source, owner string, replace bool) ([]providers.Write, error) {
	var order []string
	byPlace := map[string]*providers.Write{}
	for _, e := range entries {
		opts := options(e.Data.Metadata)
		place := e.Data.Match.RemoteRef.RemoteKey + "\x00" + string(opts)
		w, ok := byPlace[place]
		if !ok {
			w = &providers.Write{
				Key: e.Data.Match.RemoteRef.RemoteKey, Owner: owner, Fields: map[string][]byte{}, Replace: replace,
				Type: source.Type, Labels: source.Labels, Annotations: source.Annotations, Options: opts,
			}
			byPlace[place] = w
			order = append(order, place)
		}
		if err := add(w, e, source); err != nil {
			return nil, err
		}
	}
	writes := make([]providers.Write, 0, len(order))
	for _, place := range order {
		w := byPlace[place]
		// The whole source is what is to be there: a key that has left it goes too.
		w.Prune = w.Whole
		writes = append(writes, *w)
	}
	return writes, nil
}

func add(w *providers.Write, e Entry, source Source) error {
	data, err := converted(e.Data.ConversionStrategy, source.Data)
	if err != nil {
		return err
	}
	property := e.Data.Match.RemoteRef.Property
	switch key := e.Data.Match.SecretKey; {
	case e.Bundle != nil:
		w.Whole = true
		for _, key := range e.Bundle {
			w.Fields[Converted(e.Data.ConversionStrategy, key)] = source.Data[key]
		}
	case key != "":
		value, ok := data[key]
		if !ok {
			return fault.New(fault.Invalid, "secret key %s does not exist in the source (it has: %s)",
				key, strings.Join(slices.Sorted(maps.Keys(data)), ", "))
		}
		w.Fields[property] = value
		if previous := e.Data.PreviousProperty; previous != "" && e.Held != nil && !bytes.Equal(e.Held, value) {
			w.Fields[previous] = e.Held
		}
	case property != "":
		w.Fields[property], err = asJSON(data)
		return err
	default:
		w.Whole = true
		maps.Copy(w.Fields, data)
	}
	return nil
}

func converted(strategy esv1alpha1.PushSecretConversionStrategy, data map[string][]byte) (map[string][]byte, error) {
	return providers.RenameKeys(data, func(key string) string { return Converted(strategy, key) })
}

func asJSON(data map[string][]byte) ([]byte, error) {
	texts := make(map[string]string, len(data))
	for key, value := range data {
		texts[key] = string(value)
	}
	return fetch.JSON(texts)
}

func options(metadata *runtime.RawExtension) json.RawMessage {
	if metadata == nil {
		return nil
	}
	return metadata.Raw
}

// Options returns the provider's settings of an entry; nil when there are none.
func (e Entry) Options() json.RawMessage { return options(e.Data.Metadata) }
