package providertest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// marker is in every value that the suite writes, so that a value in an error's text is noticed.
const marker = "s3cr3t-mark"

// Harness is what the suite needs to know about a provider. Open is required.
type Harness struct {
	// Open returns a client of a store. All clients of one harness share the store; the suite closes them.
	Open func(t *testing.T) providers.Client
	// Seed puts a secret into the store by other means than the client, under an owner that is not one of the suite's.
	// Tests that need a foreign secret are skipped when it is nil.
	Seed func(t *testing.T, key string, s providers.Secret)
	// Writes returns how many writes reached the store so far. When it is nil, a new version or other content tells
	// that something was written.
	Writes func() int
	// SingleValue says that the store keeps one value under a key, and no fields.
	SingleValue bool
	// TextOnly says that the store keeps values that are text in UTF-8 alone. Others must be fault.Invalid.
	TextOnly bool
	// Listed is the key under which a List yields the field of a secret, where each field is an entry. Nil where secrets are.
	Listed func(key, field string) string
}

// Run runs the conformance suite: every test that the client's abilities allow. Keys are lower-case words with dashes,
// all of them beginning with "suite-".
func Run(t *testing.T, harness Harness) {
	t.Helper()
	client := harness.Open(t)
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	s := &suite{Harness: harness, client: client}
	t.Run("Reader", s.testReader)
	t.Run("Lister", s.testLister)
	t.Run("Checker", s.testChecker)
	t.Run("Watcher", s.testWatcher)
	t.Run("Cancelled", s.testCancelled)
	t.Run("Writer", s.testWriter)
	t.Run("Ownership", s.testOwnership)
	t.Run("Delete", s.testDelete)
	t.Run("Concurrency", s.testConcurrency)
}

type suite struct {
	Harness
	client providers.Client
}

// as returns the client as one of its abilities, or skips the test.
func as[A any](t *testing.T, s *suite) A {
	t.Helper()
	ability, ok := s.client.(A)
	if !ok {
		t.Skip("the client does not have this ability")
	}
	return ability
}

// fields returns a secret's fields of the given names and values, marked; on a store of single values the first value alone.
func (s *suite) fields(pairs ...string) map[string][]byte {
	if s.SingleValue {
		return map[string][]byte{whole: mark(pairs[1])}
	}
	fields := map[string][]byte{}
	for pair := range slices.Chunk(pairs, 2) {
		fields[pair[0]] = mark(pair[1])
	}
	return fields
}

func mark(value string) []byte { return []byte(marker + value) }

func (s *suite) seed(t *testing.T, key string, pairs ...string) {
	t.Helper()
	if s.Seed == nil {
		t.Skip("the harness cannot write foreign secrets")
	}
	if s.SingleValue {
		s.Seed(t, key, providers.Secret{Value: mark(pairs[1])})
		return
	}
	s.Seed(t, key, providers.Secret{Fields: s.fields(pairs...)})
}

// wantSecret checks that the secret under key holds exactly the given fields.
func (s *suite) wantSecret(t *testing.T, key string, want map[string][]byte) {
	t.Helper()
	got, err := as[providers.Reader](t, s).Get(t.Context(), providers.Ref{Key: key})
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	fields := got.Fields
	if got.Value != nil {
		fields = map[string][]byte{whole: got.Value}
	}
	if len(fields) != len(want) {
		t.Fatalf("Get(%q) has %d fields, want %d", key, len(fields), len(want))
	}
	for name, value := range want {
		if string(fields[name]) != string(value) {
			t.Errorf("Get(%q): field %q is %q, want %q", key, name, fields[name], value)
		}
	}
}

// wantAbsent checks that there is no secret under key.
func (s *suite) wantAbsent(t *testing.T, key string) {
	t.Helper()
	_, err := as[providers.Reader](t, s).Get(t.Context(), providers.Ref{Key: key})
	wantKind(t, err, fault.NotFound)
}

// wantKind checks the kind of an error, and that its text holds no value.
func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %s", want)
	}
	if fault.KindOf(err) != want {
		t.Errorf("error %q is of kind %s, want %s", err, fault.KindOf(err), want)
	}
	if strings.Contains(err.Error(), marker) || strings.Contains(fault.Message(err), marker) {
		t.Error("the error's text holds a secret value")
	}
}

// wantWrites checks whether change writes to the store.
func (s *suite) wantWrites(t *testing.T, key string, want bool, change func()) {
	t.Helper()
	before := s.state(t, key)
	change()
	if written := s.state(t, key) != before; written != want {
		t.Errorf("the store was written to: %t, want %t", written, want)
	}
}

// state returns what is different after every write to the secret under key.
func (s *suite) state(t *testing.T, key string) string {
	t.Helper()
	if s.Writes != nil {
		return strconv.Itoa(s.Writes())
	}
	got, err := as[providers.Reader](t, s).Get(t.Context(), providers.Ref{Key: key})
	if err != nil && !fault.Is(err, fault.NotFound) {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return fmt.Sprintf("%s %q %q", got.Version, got.Value, got.Fields)
}

func (s *suite) testReader(t *testing.T) {
	reader := as[providers.Reader](t, s)
	t.Run("absent", func(t *testing.T) { s.wantAbsent(t, "suite-absent") })
	t.Run("present", func(t *testing.T) {
		s.seed(t, "suite-read", "a.b", "1", "empty", "")
		s.wantSecret(t, "suite-read", s.fields("a.b", "1", "empty", ""))
	})
	t.Run("absent at options", func(t *testing.T) {
		locator, ok := reader.(providers.Locator)
		if !ok {
			t.Skip("the client does not have this ability")
		}
		_, err := locator.GetAt(t.Context(), providers.Ref{Key: "suite-absent"}, nil)
		wantKind(t, err, fault.NotFound)
	})
}

func (s *suite) testLister(t *testing.T) {
	lister := as[providers.Lister](t, s)
	s.seed(t, "suite-list-one", "k", "1")
	s.seed(t, "suite-list-two", "k", "2")
	first, second := s.listed("suite-list-one", "k"), s.listed("suite-list-two", "k")
	t.Run("by name", func(t *testing.T) {
		entries, err := collect(t.Context(), lister, providers.Query{Name: regexp.MustCompile("^suite-list-o")})
		if err != nil || len(entries) != 1 || entries[first].Fields == nil && entries[first].Value == nil {
			t.Errorf("List found %d entries (%v), want %s alone", len(entries), err, first)
		}
	})
	t.Run("all by empty tags", func(t *testing.T) {
		entries, err := collect(t.Context(), lister, providers.Query{Tags: map[string]string{}})
		if fault.Is(err, fault.Unsupported) {
			t.Skip("the store has no tags")
		}
		if _, found := entries[second]; err != nil || !found || len(entries) < 2 {
			t.Errorf("List found %d entries (%v), want all", len(entries), err)
		}
	})
	t.Run("nothing asked", func(t *testing.T) {
		entries, err := collect(t.Context(), lister, providers.Query{})
		wantKind(t, err, fault.Invalid)
		if len(entries) != 0 {
			t.Errorf("List found %d entries, want none", len(entries))
		}
	})
	t.Run("stopped by the reader", func(t *testing.T) {
		for _, err := range lister.List(t.Context(), providers.Query{Name: regexp.MustCompile("^suite-list-")}) {
			if err != nil {
				t.Error(err)
			}
			return
		}
		t.Error("List found nothing")
	})
}

// listed returns the key under which a List yields the field of a secret, or the secret.
func (s *suite) listed(key, field string) string {
	if s.Listed == nil {
		return key
	}
	return s.Listed(key, field)
}

func collect(ctx context.Context, lister providers.Lister, query providers.Query) (map[string]providers.Secret, error) {
	entries := map[string]providers.Secret{}
	for entry, err := range lister.List(ctx, query) {
		if err != nil {
			return entries, err
		}
		entries[entry.Key] = entry.Secret
	}
	return entries, nil
}

func (s *suite) testChecker(t *testing.T) {
	if _, err := as[providers.Checker](t, s).Check(t.Context()); err != nil {
		t.Errorf("Check of a usable store: %v", err)
	}
}

// testCancelled is about the most dangerous mistake: to say that something is absent when nobody looked.
func (s *suite) testCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Get": func() error {
			_, err := as[providers.Reader](t, s).Get(ctx, providers.Ref{Key: "suite-cancelled"})
			return err
		},
	}
	if lister, ok := s.client.(providers.Lister); ok {
		calls["List"] = func() error {
			_, err := collect(ctx, lister, providers.Query{Name: regexp.MustCompile("suite")})
			return err
		}
	}
	if writer, ok := s.client.(providers.Writer); ok {
		calls["Put"] = func() error {
			return writer.Put(ctx, providers.Write{Key: "suite-cancelled", Owner: one, Fields: s.fields("k", "1")})
		}
		calls["Delete"] = func() error { return writer.Delete(ctx, providers.Removal{Key: "suite-cancelled", Owner: one}) }
	}
	for name, call := range calls {
		switch err := call(); fault.KindOf(err) {
		case fault.NotFound, fault.Denied, fault.Invalid, fault.Conflict, fault.Unsupported:
			t.Errorf("%s with a cancelled context gives %v, which blames somebody", name, err)
		default:
			if err == nil {
				t.Errorf("%s with a cancelled context gives no error", name)
			}
		}
	}
}
