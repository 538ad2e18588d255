package fetch

import (
	"context"
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// refusing is a store of which every read fails.
type refusing struct{ err error }

func (r refusing) Get(context.Context, esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	return nil, r.err
}

func (r refusing) Map(context.Context, esv1.ExternalSecretDataRemoteRef) (map[string][]byte, error) {
	return nil, r.err
}

func (r refusing) Find(context.Context, esv1.ExternalSecretFind) (map[string][]byte, error) {
	return nil, r.err
}

// TestOnlyWhatIsAbsentIsGone covers every kind of failure, in a read, in the opening of a store and in a generator: a target
// must not go because of one that says nothing about its sources.
func TestOnlyWhatIsAbsentIsGone(t *testing.T) {
	kinds := []fault.Kind{
		fault.Unknown, fault.Invalid, fault.NotFound, fault.Denied, fault.Conflict, fault.Unsupported, fault.Throttled, fault.Unavailable,
	}
	sources := map[string]esv1.ExternalSecretSpec{
		"data":      spec(nil, get("a", "db", "user")),
		"extract":   spec(entries{extract("db")}),
		"find":      spec(entries{find("db")}),
		"generator": spec(entries{generate("p")}),
	}
	for _, kind := range kinds {
		err := fault.New(kind, "the reason")
		reading := Sources{
			Store:    func(context.Context, esv1.SecretStoreRef) (Source, error) { return refusing{err}, nil },
			Generate: func(context.Context, int, esv1.GeneratorRef) (map[string][]byte, error) { return nil, err },
		}
		for name, from := range sources {
			for _, policy := range []esv1.ExternalSecretDeletionPolicy{esv1.DeleteRetain, esv1.DeleteDelete, esv1.DeleteMerge} {
				asked := from.DeepCopy()
				asked.Target.DeletionPolicy = policy
				got, err := Collector{}.Collect(t.Context(), asked, reading)
				gone := kind == fault.NotFound && policy != esv1.DeleteRetain
				if gone != (err == nil) || gone != (len(got.Gone) == 1) || (err != nil && !fault.Is(err, kind)) {
					t.Errorf("%s of %s under %s: %v and gone %v, want that this is gone: %t", kind, name, policy, err, got.Gone, gone)
				}
			}
		}
	}
}
