package plan_test

import (
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func entry(key string) esv1.ExternalSecretData { return esv1.ExternalSecretData{SecretKey: key} }

func from(entries ...esv1.ExternalSecretDataFromRemoteRef) esv1.ExternalSecretSpec {
	return esv1.ExternalSecretSpec{DataFrom: entries}
}

func target(creation esv1.ExternalSecretCreationPolicy, deletion esv1.ExternalSecretDeletionPolicy) esv1.ExternalSecretSpec {
	return esv1.ExternalSecretSpec{
		Target: esv1.ExternalSecretTarget{CreationPolicy: creation, DeletionPolicy: deletion},
		Data:   []esv1.ExternalSecretData{entry("a")},
	}
}

func TestValidate(t *testing.T) {
	const (
		notOwned   = "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner"
		notThere   = "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"
		twoSources = "extract, find, or generatorRef cannot be set at the same time"
		noSource   = "either extract, find, or sourceRef must be set to dataFrom"
		noRef      = "generatorRef or storeRef must be set when using sourceRef in dataFrom"
		noRead     = "either extract or find must be set to dataFrom with a sourceRef.storeRef"
	)
	extract, find := &esv1.ExternalSecretDataRemoteRef{Key: "k"}, &esv1.ExternalSecretFind{}
	generator := &esv1.StoreGeneratorSourceRef{GeneratorRef: &esv1.GeneratorRef{Kind: "Password", Name: "p"}}
	store := &esv1.StoreGeneratorSourceRef{StoreRef: &esv1.SecretStoreRef{Name: "s"}}
	same := []esv1.ExternalSecretData{entry("a"), entry("b"), entry("a"), entry("a")}
	cases := map[string]struct {
		reason string
		spec   esv1.ExternalSecretSpec
		want   string // empty: accepted
	}{
		"nothing": {"there is nothing to deliver", esv1.ExternalSecretSpec{}, "either data or dataFrom should be specified"},
		"data":    {"a value is enough", esv1.ExternalSecretSpec{Data: same[:2]}, ""},
		"duplicates retained": {
			"one of them could never be seen",
			esv1.ExternalSecretSpec{Data: same},
			"duplicate secretKey found: a; duplicate secretKey found: a",
		},
		"duplicates deleted": {
			"under Delete and Merge the second is a fallback for an absent first",
			esv1.ExternalSecretSpec{Data: same, Target: esv1.ExternalSecretTarget{DeletionPolicy: esv1.DeleteDelete}},
			"",
		},
		"Owner and Delete":   {"what is owned can be deleted", target(esv1.CreateOwner, esv1.DeleteDelete), ""},
		"default and Delete": {"Owner is the default", target("", esv1.DeleteDelete), ""},
		"Orphan and Delete": {
			"the reference accepts it until the sources are gone", target(esv1.CreateOrphan, esv1.DeleteDelete), "",
		},
		"Merge and Delete":         {"the target is somebody else's", target(esv1.CreateMerge, esv1.DeleteDelete), notOwned},
		"CreateOrMerge and Delete": {"the target may be somebody else's", target(esv1.CreateOrMerge, esv1.DeleteDelete), notOwned},
		"None and Delete":          {"there is no target", target(esv1.CreateNone, esv1.DeleteDelete), notOwned},
		"None and Merge":           {"there is no target", target(esv1.CreateNone, esv1.DeleteMerge), notThere},
		"Merge and Merge":          {"keys can be taken out again", target(esv1.CreateMerge, esv1.DeleteMerge), ""},
		"extract and find": {
			"one entry is one source", from(esv1.ExternalSecretDataFromRemoteRef{Extract: extract, Find: find}), twoSources,
		},
		"find and generator": {
			"one entry is one source", from(esv1.ExternalSecretDataFromRemoteRef{Find: find, SourceRef: generator}), twoSources,
		},
		"generator": {"a generator is a source", from(esv1.ExternalSecretDataFromRemoteRef{SourceRef: generator}), ""},
		"extract from a store": {
			"an entry may name its own store", from(esv1.ExternalSecretDataFromRemoteRef{Extract: extract, SourceRef: store}), "",
		},
		"empty entry": {"it names no source", from(esv1.ExternalSecretDataFromRemoteRef{}), noSource},
		"empty sourceRef": {
			"it names no source", from(esv1.ExternalSecretDataFromRemoteRef{SourceRef: &esv1.StoreGeneratorSourceRef{}}), noRef,
		},
		"store alone": {"it does not say what to read", from(esv1.ExternalSecretDataFromRemoteRef{SourceRef: store}), noRead},
		"all that is wrong": {
			"one look at the status is to be enough",
			from(esv1.ExternalSecretDataFromRemoteRef{}, esv1.ExternalSecretDataFromRemoteRef{Extract: extract, Find: find}), noSource + "; " + twoSources,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := plan.Validate(&c.spec)
			if c.want == "" {
				if err != nil {
					t.Errorf("Validate() = %q, want it accepted: %s", fault.Message(err), c.reason)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || fault.Message(err) != c.want {
				t.Errorf("Validate() = %v, want fault.Invalid %q: %s", err, c.want, c.reason)
			}
		})
	}
}
