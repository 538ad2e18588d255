package fake_test

import (
	"maps"
	"regexp"
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/fake"
	"github.com/sluice-operator/sluice/providers/providertest"
)

var store = providers.Store{Kind: esv1.KindSecretStore, Namespace: "ns", Name: "store"}

func open(t *testing.T, provider providers.Provider, spec esv1.FakeProvider, store providers.Store) providers.Client {
	t.Helper()
	client, err := provider.Open(t.Context(), &esv1.SecretStoreProvider{Fake: &spec}, providers.Env{Store: store})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return client
}

func TestFakeConforms(t *testing.T) {
	for name, single := range map[string]bool{"fields": false, "single value": true} {
		t.Run(name, func(t *testing.T) {
			provider := fake.New()
			providertest.Run(t, providertest.Harness{
				Open: func(t *testing.T) providers.Client { return open(t, provider, esv1.FakeProvider{}, store) },
				Seed: func(t *testing.T, key string, s providers.Secret) {
					t.Helper()
					fields := s.Fields
					if s.Value != nil {
						fields = map[string][]byte{"": s.Value}
					}
					writer := open(t, provider, esv1.FakeProvider{}, store).(providers.Writer)
					if err := writer.Put(t.Context(), providers.Write{Key: key, Owner: "somebody", Fields: fields}); err != nil {
						t.Fatal(err)
					}
				},
				SingleValue: single,
			})
		})
	}
}

func TestGetReadsTheSpec(t *testing.T) {
	spec := esv1.FakeProvider{Data: []esv1.FakeProviderData{
		{Key: "plain", Value: "text"},
		{Key: "json", Value: `{"a":1}`},
		{Key: "dated", Value: "old", Version: "v1"},
		{Key: "dated", Value: "new", Version: "v2"},
		{Key: "twice", Value: "first"},
		{Key: "twice", Value: "last"},
	}}
	client := open(t, fake.New(), spec, store)
	for _, tc := range []struct {
		reason string
		ref    providers.Ref
		want   string
		kind   fault.Kind
	}{
		{reason: "a value as it is", ref: providers.Ref{Key: "plain"}, want: "text"},
		{reason: "JSON is not taken apart here", ref: providers.Ref{Key: "json"}, want: `{"a":1}`},
		{reason: "each version has its value", ref: providers.Ref{Key: "dated", Version: "v1"}, want: "old"},
		{reason: "a key that has only versions is absent without one", ref: providers.Ref{Key: "dated"}, kind: fault.NotFound},
		{reason: "of a key that is listed twice, the last value counts", ref: providers.Ref{Key: "twice"}, want: "last"},
		{reason: "an unknown version is absent", ref: providers.Ref{Key: "plain", Version: "v9"}, kind: fault.NotFound},
	} {
		got, err := client.(providers.Reader).Get(t.Context(), tc.ref)
		if fault.KindOf(err) != tc.kind || string(got.Value) != tc.want {
			t.Errorf("%s: Get(%v) gives %q, %v; want %q, kind %s", tc.reason, tc.ref, got.Value, err, tc.want, tc.kind)
		}
	}
}

func TestListFindsByName(t *testing.T) {
	spec := esv1.FakeProvider{Data: []esv1.FakeProviderData{
		{Key: "app/user", Value: "u"},
		{Key: "app/password", Value: "old", Version: "v1"},
		{Key: "app/password", Value: "new", Version: "v2"},
		{Key: "app/password", Value: "none"},
		{Key: "other", Value: "first"},
		{Key: "other", Value: "last"},
	}}
	name := regexp.MustCompile
	for _, tc := range []struct {
		reason string
		query  providers.Query
		want   map[string]string
		kind   fault.Kind
	}{
		{
			reason: "keys are matched as they are, and converted; of several versions the last one counts",
			query:  providers.Query{Name: name("^app/")}, want: map[string]string{"app_user": "u", "app_password": "new"},
		},
		{
			reason: "they are converted as the query says", query: providers.Query{Name: name("user"), Conversion: esv1.ConversionUnicode},
			want: map[string]string{"app_U002f_user": "u"},
		},
		{
			reason: "of a key that is listed twice, the last value counts",
			query:  providers.Query{Name: name("other")}, want: map[string]string{"other": "last"},
		},
		{
			reason: "tags beside a name are ignored", query: providers.Query{Name: name("user"), Tags: map[string]string{"a": "b"}},
			want: map[string]string{"app_user": "u"},
		},
		{reason: "a path beside a name is ignored", query: providers.Query{Name: name("user"), Path: "x"}, want: map[string]string{"app_user": "u"}},
		{reason: "there are no tags to find by", query: providers.Query{Tags: map[string]string{"a": "b"}}, kind: fault.Unsupported},
		{reason: "nor paths", query: providers.Query{Path: "app"}, kind: fault.Invalid},
		{reason: "nothing that matches is no error", query: providers.Query{Name: name("^user")}, want: map[string]string{}},
	} {
		got := map[string]string{}
		var failure error
		for entry, err := range open(t, fake.New(), spec, store).(providers.Lister).List(t.Context(), tc.query) {
			if failure = err; err == nil {
				got[entry.Key] = string(entry.Secret.Value)
			}
		}
		if fault.KindOf(failure) != tc.kind || failure == nil && !maps.Equal(got, tc.want) {
			t.Errorf("%s: List gives %v, %v; want %v, kind %s", tc.reason, got, failure, tc.want, tc.kind)
		}
	}
}

func TestListRefusesACollision(t *testing.T) {
	spec := esv1.FakeProvider{Data: []esv1.FakeProviderData{{Key: "a/b", Value: "s3cr3t"}, {Key: "a_b", Value: "s3cr3t"}}}
	for _, err := range open(t, fake.New(), spec, store).(providers.Lister).List(t.Context(), providers.Query{Name: regexp.MustCompile("")}) {
		if want := "secret name collision during conversion: a_b"; !fault.Is(err, fault.Invalid) || fault.Message(err) != want {
			t.Errorf("List gives %v, want %q", err, want)
		}
	}
}

func TestOpenRefusesABadSpec(t *testing.T) {
	for _, tc := range []struct {
		reason string
		data   []esv1.FakeProviderData
		want   string
	}{
		{reason: "a key is needed", data: []esv1.FakeProviderData{{Value: "v"}}, want: "spec.provider.fake.data[0].key must not be empty"},
	} {
		_, err := fake.New().Open(
			t.Context(),
			&esv1.SecretStoreProvider{Fake: &esv1.FakeProvider{Data: tc.data}},
			providers.Env{Store: store},
		)
		if !fault.Is(err, fault.Invalid) || fault.Message(err) != tc.want {
			t.Errorf("%s: Open gives %v, want %q", tc.reason, err, tc.want)
		}
	}
}

func TestCheckFindsWhatTheSpecAsksFor(t *testing.T) {
	for result, want := range map[int32]fault.Kind{0: fault.Unknown, 1: fault.Unavailable, 2: fault.Invalid} {
		_, err := open(t, fake.New(), esv1.FakeProvider{ValidationResult: &result}, store).(providers.Checker).Check(t.Context())
		if (err != nil) != (result != 0) || fault.KindOf(err) != want {
			t.Errorf("Check with validationResult %d gives %v, want kind %s", result, err, want)
		}
	}
}

func TestPushedValuesBelongToOneStore(t *testing.T) {
	provider := fake.New()
	write := providers.Write{Key: "k", Owner: "o", Fields: map[string][]byte{"": []byte("v")}}
	if err := open(t, provider, esv1.FakeProvider{}, store).(providers.Writer).Put(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	other := store
	other.Name = "other"
	for target, want := range map[providers.Store]fault.Kind{store: fault.Unknown, other: fault.NotFound} {
		_, err := open(t, provider, esv1.FakeProvider{}, target).(providers.Reader).Get(t.Context(), providers.Ref{Key: "k"})
		if fault.KindOf(err) != want || (err == nil) != (target == store) {
			t.Errorf("Get from store %q gives %v, want kind %s", target.Name, err, want)
		}
	}
}

func TestPutLeavesTheSpecAlone(t *testing.T) {
	client := open(t, fake.New(), esv1.FakeProvider{Data: []esv1.FakeProviderData{{Key: "k", Value: "v"}}}, store)
	write := providers.Write{Key: "k", Owner: "o", Fields: map[string][]byte{"": []byte("w")}, Replace: true}
	if err := client.(providers.Writer).Put(t.Context(), write); !fault.Is(err, fault.Conflict) {
		t.Errorf("Put over a value of the spec gives %v, want a conflict", err)
	}
}
