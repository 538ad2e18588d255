package fetch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/templates"
)

// Source is a store that can be read.
type Source interface {
	// Get returns one value; fault.NotFound when it is absent.
	Get(ctx context.Context, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error)
	// Map returns all keys of one secret; fault.NotFound when it is absent.
	Map(ctx context.Context, ref esv1.ExternalSecretDataRemoteRef) (map[string][]byte, error)
	// Find returns all secrets that match, by key; none is no error.
	Find(ctx context.Context, find esv1.ExternalSecretFind) (map[string][]byte, error)
}

// Sources open stores and run generators.
type Sources struct {
	// Store opens the store that ref names, with its kind.
	Store func(ctx context.Context, ref esv1.SecretStoreRef) (Source, error)
	// Generate yields the values of the generator that spec.dataFrom[index] names.
	Generate func(ctx context.Context, index int, ref esv1.GeneratorRef) (map[string][]byte, error)
}

// open opens the store that ref names. The kind is filled in, so that one store always goes by one name.
func (s Sources) open(ctx context.Context, ref esv1.SecretStoreRef) (Source, error) {
	if ref.Name == "" {
		return nil, fault.New(fault.Invalid, "no store is named: set spec.secretStoreRef.name, or sourceRef.storeRef.name of the entry")
	}
	ref.Kind = ref.KindOrDefault()
	return s.Store(ctx, ref)
}

// Values are the result.
type Values struct {
	// Data are the values by key.
	Data map[string][]byte
	// Gone names the entries whose secret is absent, where the deletion policy lets that pass.
	Gone []string
}

// Collector collects values. It is safe for concurrent use.
type Collector struct {
	// Engine renders the templates of rewrite operations.
	Engine *templates.Engine
}

// Collect reads all entries of spec: dataFrom in order, later ones over earlier ones, then data. An absent secret is an
// error under deletionPolicy Retain, and is left out and named otherwise. Errors name the entry.
func (c Collector) Collect(ctx context.Context, spec *esv1.ExternalSecretSpec, from Sources) (Values, error) {
	values := Values{Data: map[string][]byte{}}
	retain := spec.Target.DeletionPolicyOrDefault() == esv1.DeleteRetain
	missing := func(err error, entry string) error {
		if retain || !fault.Is(err, fault.NotFound) {
			return fault.In(err, "%s", entry)
		}
		values.Gone = append(values.Gone, entry)
		return nil
	}
	for i := range spec.DataFrom {
		entry := &spec.DataFrom[i]
		data, err := c.dataFrom(ctx, i, entry, spec.SecretStoreRef, from)
		if err != nil {
			if err := missing(err, describe(i, entry)); err != nil {
				return Values{}, err
			}
			continue
		}
		maps.Copy(values.Data, data)
	}
	for i := range spec.Data {
		entry := &spec.Data[i]
		value, err := single(ctx, entry, spec.SecretStoreRef, from)
		if err != nil {
			if err := missing(err, fmt.Sprintf("spec.data[%d] (key=%s)", i, entry.RemoteRef.Key)); err != nil {
				return Values{}, err
			}
			continue
		}
		values.Data[entry.SecretKey] = value
	}
	return values, nil
}

func describe(i int, entry *esv1.ExternalSecretDataFromRemoteRef) string {
	switch {
	case entry.Extract != nil:
		return fmt.Sprintf("spec.dataFrom[%d] (key=%s)", i, entry.Extract.Key)
	default:
		return fmt.Sprintf("spec.dataFrom[%d]", i)
	}
}

func single(ctx context.Context, entry *esv1.ExternalSecretData, ref esv1.SecretStoreRef, from Sources) ([]byte, error) {
	store, err := from.open(ctx, entry.StoreRefOr(ref))
	if err != nil {
		return nil, err
	}
	value, err := store.Get(ctx, entry.RemoteRef)
	if err != nil {
		return nil, err
	}
	if value, err = Decode(entry.RemoteRef.DecodingStrategy, value); err == nil {
		err = checkNullBytes(entry.RemoteRef.NullBytePolicy, value)
	}
	if entry.RemoteRef.Property != "" {
		err = fault.In(err, "property %q", entry.RemoteRef.Property)
	}
	return value, err
}

func (c Collector) dataFrom(
	ctx context.Context,
	i int,
	entry *esv1.ExternalSecretDataFromRemoteRef,
	ref esv1.SecretStoreRef,
	from Sources,
) (map[string][]byte, error) {
	if entry.SourceRef != nil && entry.SourceRef.GeneratorRef != nil {
		data, err := from.Generate(ctx, i, *entry.SourceRef.GeneratorRef)
		if err != nil {
			return nil, err
		}
		if data, err = c.rewrite(entry.Rewrite, data); err != nil {
			return nil, err
		}
		return data, validateKeys(data)
	}
	store, err := from.open(ctx, entry.StoreRefOr(ref))
	if err != nil {
		return nil, err
	}
	if entry.Extract != nil {
		data, err := store.Map(ctx, *entry.Extract)
		if err != nil {
			return nil, err
		}
		return c.shape(data, entry.Rewrite, entry.Extract.ConversionStrategy, entry.Extract.DecodingStrategy, entry.Extract.NullBytePolicy)
	}
	data, err := store.Find(ctx, *entry.Find)
	if err != nil {
		return nil, err
	}
	return c.shape(data, entry.Rewrite, entry.Find.ConversionStrategy, entry.Find.DecodingStrategy, entry.Find.NullBytePolicy)
}

// shape brings what a store returned into the wanted form. Keys are converted only where no rewrite says how they are to look.
func (c Collector) shape(data map[string][]byte, rewrite []esv1.ExternalSecretRewrite, conversion esv1.ExternalSecretConversionStrategy,
	decoding esv1.ExternalSecretDecodingStrategy, nullBytes esv1.ExternalSecretNullBytePolicy,
) (map[string][]byte, error) {
	var err error
	if len(rewrite) > 0 {
		data, err = c.rewrite(rewrite, data)
	} else {
		data, err = providers.ConvertKeys(conversion, data)
	}
	if err != nil {
		return nil, err
	}
	if err := validateKeys(data); err != nil {
		return nil, err
	}
	decoded := make(map[string][]byte, len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		value, err := Decode(decoding, data[key])
		if err != nil {
			return nil, fault.In(err, "key %q", key)
		}
		if err := checkNullBytes(nullBytes, value); err != nil {
			return nil, fault.In(err, "key %q", key)
		}
		decoded[key] = value
	}
	return decoded, nil
}
