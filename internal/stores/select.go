package stores

import (
	"context"
	"iter"
	"maps"
	"regexp"

	"k8s.io/utils/ptr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Get returns one value: the property of the secret that ref names, or all of the secret when it names none. Decoding
// is the caller's.
func (s *Session) Get(ctx context.Context, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	secret, err := s.read(ctx, providers.Ref{Key: ref.Key, Version: ref.Version})
	if err != nil {
		return nil, err
	}
	value, err := valueOf(secret, ref)
	if fault.Is(err, fault.NotFound) {
		if secret, err = s.reread(ctx, providers.Ref{Key: ref.Key, Version: ref.Version}); err == nil {
			value, err = valueOf(secret, ref)
		}
	}
	return value, s.in(err)
}

// Map returns all values of the secret that ref names, or the members of its property. Conversion of keys and decoding
// are the caller's.
func (s *Session) Map(ctx context.Context, ref esv1.ExternalSecretDataRemoteRef) (map[string][]byte, error) {
	secret, err := s.read(ctx, providers.Ref{Key: ref.Key, Version: ref.Version})
	if err != nil {
		return nil, err
	}
	values, err := mapOf(secret, ref)
	if fault.Is(err, fault.NotFound) {
		if secret, err = s.reread(ctx, providers.Ref{Key: ref.Key, Version: ref.Version}); err == nil {
			values, err = mapOf(secret, ref)
		}
	}
	return values, s.in(err)
}

// Find returns the secrets that match, each as a whole under its key; none is no error. Conversion of keys and decoding
// are the caller's.
func (s *Session) Find(ctx context.Context, find esv1.ExternalSecretFind) (map[string][]byte, error) {
	query, err := queryOf(find)
	if err != nil {
		return nil, s.in(err)
	}
	var found map[string][]byte
	err = s.call(ctx, func(ctx context.Context, c providers.Client) error {
		lister, ok := c.(providers.Lister)
		if !ok {
			return s.unsupported("be searched")
		}
		entries := s.search(ctx, c, lister, query)
		found, err = collect(entries)
		return err
	})
	return found, err
}

// search returns what a search finds: as the watch of the store tells it where it is certain that this is all.
func (s *Session) search(ctx context.Context, c providers.Client, lister providers.Lister, query providers.Query) iter.Seq2[providers.Entry, error] {
	entries := lister.List(ctx, query)
	watcher, ok := c.(providers.Watcher)
	w := s.pool.watching(ctx, s.key)
	if !ok || w == nil || s.live {
		return entries
	}
	matches, err := watcher.Select(query)
	if err != nil {
		return entries // the store says so too
	}
	found, certain := w.mirror.find(matches, s.pool.config.Clock.Now())
	if !certain {
		return w.mirror.filling(entries)
	}
	return func(yield func(providers.Entry, error) bool) {
		for _, entry := range found {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

func queryOf(find esv1.ExternalSecretFind) (providers.Query, error) {
	if find.Name == nil && find.Tags == nil && ptr.Deref(find.Path, "") == "" {
		return providers.Query{}, fault.New(fault.Invalid, "find needs a name, tags or a path")
	}
	query := providers.Query{Tags: find.Tags, Path: ptr.Deref(find.Path, ""), Conversion: find.ConversionStrategy}
	if find.Name != nil {
		var err error
		if query.Name, err = regexp.Compile(find.Name.RegExp); err != nil {
			return query, fault.Wrap(fault.Invalid, err, "find.name.regexp %q is not a valid regular expression", find.Name.RegExp)
		}
	}
	return query, nil
}

func collect(entries iter.Seq2[providers.Entry, error]) (map[string][]byte, error) {
	found, total := map[string][]byte{}, 0
	for entry, err := range entries {
		if err != nil {
			return nil, err
		}
		if err := checkSecret(entry.Key, entry.Secret); err != nil {
			return nil, err
		}
		value := whole(entry.Secret)
		if total += len(value); total > maxTotal {
			return nil, fault.New(fault.Invalid, "find matches secrets of more than %d MiB: narrow it down", maxTotal/mebibyte)
		}
		found[entry.Key] = value
	}
	return found, nil
}

// mapOf returns the values of a secret by key. The members of a property are JSON in stores that keep fields, plain
// text in those that keep values.
func mapOf(secret providers.Secret, ref esv1.ExternalSecretDataRemoteRef) (map[string][]byte, error) {
	fetch := ref.MetadataPolicy == esv1.MetadataPolicyFetch
	encode := jsonMember
	if secret.Fields == nil && !fetch {
		encode = textMember
	}
	switch {
	case ref.Property != "":
		value, err := valueOf(secret, ref)
		if err != nil {
			return nil, err
		}
		return members(value, ref, encode)
	case fetch:
		return metadata(secret), nil
	case secret.Fields != nil:
		return maps.Clone(secret.Fields), nil
	}
	return members(secret.Value, ref, encode)
}

// valueOf returns one value of a secret.
func valueOf(secret providers.Secret, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	switch {
	case ref.MetadataPolicy == esv1.MetadataPolicyFetch:
		return metadataValue(secret, ref)
	case ref.Property == "":
		return whole(secret), nil
	case secret.Fields != nil:
		return field(secret.Fields, ref.Key, ref.Property)
	}
	return look(secret.Value, ref.Key, ref.Property)
}

// whole returns a secret as one value: of fields a JSON object.
func whole(secret providers.Secret) []byte {
	if secret.Fields == nil {
		return secret.Value
	}
	return object(secret.Fields)
}

// exact returns what stands under the very name property, without paths.
func exact(secret providers.Secret, key, property string) ([]byte, error) {
	if property == "" {
		return whole(secret), nil
	}
	if secret.Fields == nil {
		return member(secret.Value, key, property)
	}
	value, ok := secret.Fields[property]
	if !ok {
		return nil, missing(key, property)
	}
	return value, nil
}
