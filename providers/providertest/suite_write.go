package providertest

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// The owners that the suite writes as.
const (
	one = "owner-one"
	two = "owner-two"
)

// put writes and fails the test on an error.
func (s *suite) put(t *testing.T, w providers.Write) {
	t.Helper()
	if err := as[providers.Writer](t, s).Put(t.Context(), w); err != nil {
		t.Fatalf("Put(%q): %v", w.Key, err)
	}
}

// remove deletes and fails the test on an error.
func (s *suite) remove(t *testing.T, r providers.Removal) {
	t.Helper()
	if err := as[providers.Writer](t, s).Delete(t.Context(), r); err != nil {
		t.Fatalf("Delete(%q): %v", r.Key, err)
	}
}

// needsFields skips a test that says nothing about stores of single values.
func (s *suite) needsFields(t *testing.T) {
	t.Helper()
	if s.SingleValue {
		t.Skip("the store keeps single values")
	}
}

func (s *suite) testVersions(t *testing.T) {
	as[providers.Watcher](t, s)
	var told []string
	w := providers.Write{
		Key: "suite-versions", Owner: one, Fields: s.fields("k", "1"), Written: func(version string) { told = append(told, version) },
	}
	s.put(t, w)
	s.put(t, w)
	secret, err := as[providers.Reader](t, s).Get(t.Context(), providers.Ref{Key: w.Key})
	if err != nil || len(told) != 1 || told[0] != secret.Version {
		t.Errorf("told of versions %q, want %q alone (%v)", told, secret.Version, err)
	}
}

func (s *suite) testRoundTrip(t *testing.T) {
	value := "\x00\xff"
	if s.TextOnly {
		value = "\x00\t\"\u00e4<&>\U0001f511"
	}
	w := providers.Write{Key: "suite-round", Owner: one, Fields: s.fields("a.b", value, "empty", "")}
	s.wantWrites(t, w.Key, true, func() { s.put(t, w) })
	s.wantSecret(t, w.Key, w.Fields)
}

func (s *suite) testBinary(t *testing.T) {
	if !s.TextOnly {
		t.Skip("the store keeps any value")
	}
	w := providers.Write{Key: "suite-binary", Owner: one, Fields: s.fields("k", "\xff")}
	wantKind(t, as[providers.Writer](t, s).Put(t.Context(), w), fault.Invalid)
	s.wantAbsent(t, w.Key)
}

func (s *suite) testWriter(t *testing.T) {
	as[providers.Writer](t, s)
	t.Run("round trip", s.testRoundTrip)
	t.Run("what is no text", s.testBinary)
	t.Run("no change writes nothing", func(t *testing.T) {
		w := providers.Write{
			Key: "suite-quiet", Owner: one, Fields: s.fields("k", "1", "l", "2"), Whole: true, Replace: true,
			Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
		}
		s.put(t, w)
		s.wantWrites(t, w.Key, false, func() { s.put(t, w) })
	})
	t.Run("versions are told", s.testVersions)
	t.Run("new value", func(t *testing.T) {
		s.put(t, providers.Write{Key: "suite-new", Owner: one, Fields: s.fields("k", "1")})
		s.put(t, providers.Write{Key: "suite-new", Owner: one, Fields: s.fields("k", "2")})
		s.wantSecret(t, "suite-new", s.fields("k", "2"))
	})
	t.Run("a field that is not wanted any more goes", func(t *testing.T) {
		s.needsFields(t)
		s.seed(t, "suite-fewer-beside", "theirs", "1")
		for _, key := range []string{"suite-fewer", "suite-fewer-beside"} {
			s.put(t, providers.Write{Key: key, Owner: one, Fields: s.fields("k", "1", "old", "2")})
			s.put(t, providers.Write{Key: key, Owner: one, Fields: s.fields("k", "1"), Prune: true})
		}
		s.wantSecret(t, "suite-fewer", s.fields("k", "1"))
		s.wantSecret(t, "suite-fewer-beside", s.fields("k", "1", "theirs", "1"))
	})
	t.Run("without Prune it stays, and goes with the owner", func(t *testing.T) {
		s.needsFields(t)
		s.put(t, providers.Write{Key: "suite-kept", Owner: one, Fields: s.fields("k", "1", "old", "2")})
		s.put(t, providers.Write{Key: "suite-kept", Owner: one, Fields: s.fields("k", "2")})
		s.wantSecret(t, "suite-kept", s.fields("k", "2", "old", "2"))
		s.remove(t, providers.Removal{Key: "suite-kept", Owner: one})
		s.wantAbsent(t, "suite-kept")
	})
	t.Run("other fields stay", func(t *testing.T) {
		s.needsFields(t)
		s.seed(t, "suite-beside", "theirs", "1")
		s.put(t, providers.Write{Key: "suite-beside", Owner: one, Fields: s.fields("ours", "2"), Whole: true})
		s.put(t, providers.Write{Key: "suite-beside", Owner: two, Fields: s.fields("third", "3"), Replace: true})
		s.wantSecret(t, "suite-beside", s.fields("theirs", "1", "ours", "2", "third", "3"))
	})
	t.Run("the whole source replaces everything", func(t *testing.T) {
		s.needsFields(t)
		s.seed(t, "suite-whole", "theirs", "1", "k", "1")
		w := providers.Write{Key: "suite-whole", Owner: one, Fields: s.fields("k", "2"), Whole: true, Replace: true}
		s.put(t, w)
		s.wantSecret(t, w.Key, w.Fields)
		s.wantWrites(t, w.Key, false, func() { s.put(t, w) })
	})
}

func (s *suite) testOwnership(t *testing.T) {
	writer := as[providers.Writer](t, s)
	conflict := func(t *testing.T, w providers.Write, owner string) {
		t.Helper()
		var err error
		s.wantWrites(t, w.Key, false, func() { err = writer.Put(t.Context(), w) })
		wantKind(t, err, fault.Conflict)
		if !strings.Contains(err.Error(), owner) {
			t.Errorf("error %q does not name the owner %q", err, owner)
		}
	}
	t.Run("another owner's value is a conflict and nothing is written", func(t *testing.T) {
		s.put(t, providers.Write{Key: "suite-fight", Owner: one, Fields: s.fields("k", "1")})
		conflict(t, providers.Write{Key: "suite-fight", Owner: two, Fields: s.fields("k", "2", "free", "2")}, one)
		s.wantSecret(t, "suite-fight", s.fields("k", "1"))
	})
	t.Run("an equal value is adopted", func(t *testing.T) {
		s.seed(t, "suite-equal", "k", "1")
		w := providers.Write{Key: "suite-equal", Owner: one, Fields: s.fields("k", "1")}
		s.put(t, w)
		s.wantWrites(t, w.Key, false, func() { s.put(t, w) })
		s.wantSecret(t, w.Key, w.Fields)
	})
	for name, w := range map[string]providers.Write{
		"replace": {Key: "suite-replace", Replace: true},
		"pushed":  {Key: "suite-pushed", Pushed: []string{"k", whole}},
	} {
		t.Run(name+" takes over", func(t *testing.T) {
			s.seed(t, w.Key, "k", "1")
			w.Owner, w.Fields = one, s.fields("k", "2")
			s.put(t, w)
			s.wantSecret(t, w.Key, w.Fields)
			conflict(t, providers.Write{Key: w.Key, Owner: two, Fields: s.fields("k", "3")}, one)
		})
	}
	t.Run("what has changed since it was seen is not written over", func(t *testing.T) { s.testSeen(t, writer) })
	t.Run("a rival's value is never taken, and it is told who that is", func(t *testing.T) { s.testRival(t, conflict) })
	t.Run("pushed is about those fields alone", func(t *testing.T) {
		s.needsFields(t)
		s.put(t, providers.Write{Key: "suite-partly", Owner: one, Fields: s.fields("k", "1", "other", "1")})
		conflict(t, providers.Write{Key: "suite-partly", Owner: two, Fields: s.fields("k", "2", "other", "2"), Pushed: []string{"k"}}, one)
		s.wantSecret(t, "suite-partly", s.fields("k", "1", "other", "1"))
	})
}

func (s *suite) testDelete(t *testing.T) {
	as[providers.Writer](t, s)
	t.Run("what is absent is no error", func(t *testing.T) {
		s.remove(t, providers.Removal{Key: "suite-none", Owner: one})
		s.remove(t, providers.Removal{Key: "suite-none", Owner: one, Fields: []string{"k"}})
	})
	t.Run("what this side created goes with its last field", func(t *testing.T) {
		s.put(t, providers.Write{Key: "suite-gone", Owner: one, Fields: s.fields("k", "1"), Labels: map[string]string{"a": "b"}})
		s.remove(t, providers.Removal{Key: "suite-gone", Owner: one})
		s.wantAbsent(t, "suite-gone")
		s.remove(t, providers.Removal{Key: "suite-gone", Owner: one})
	})
	t.Run("what somebody else wrote stays", func(t *testing.T) {
		s.seed(t, "suite-theirs", "k", "1")
		s.wantWrites(t, "suite-theirs", false, func() {
			s.remove(t, providers.Removal{Key: "suite-theirs", Owner: one})
			s.remove(t, providers.Removal{Key: "suite-theirs", Owner: one, Fields: []string{"k", whole}})
		})
		s.wantSecret(t, "suite-theirs", s.fields("k", "1"))
	})
	t.Run("what is shared stays until its last owner leaves", func(t *testing.T) {
		s.put(t, providers.Write{Key: "suite-shared", Owner: one, Fields: s.fields("k", "1")})
		s.put(t, providers.Write{Key: "suite-shared", Owner: two, Fields: s.fields("k", "1")})
		s.remove(t, providers.Removal{Key: "suite-shared", Owner: one})
		s.wantSecret(t, "suite-shared", s.fields("k", "1"))
		s.remove(t, providers.Removal{Key: "suite-shared", Owner: two})
		s.wantAbsent(t, "suite-shared")
	})
	t.Run("only the fields that were named", func(t *testing.T) {
		s.needsFields(t)
		s.seed(t, "suite-some", "theirs", "1")
		s.put(t, providers.Write{Key: "suite-some", Owner: one, Fields: s.fields("a", "1", "b", "2")})
		s.remove(t, providers.Removal{Key: "suite-some", Owner: one, Fields: []string{"a", "theirs", "absent"}})
		s.wantSecret(t, "suite-some", s.fields("theirs", "1", "b", "2"))
		s.remove(t, providers.Removal{Key: "suite-some", Owner: one})
		s.wantSecret(t, "suite-some", s.fields("theirs", "1"))
	})
}

// testConcurrency lets several owners write to one secret at the same time: every write must arrive, and every read be whole.
func (s *suite) testConcurrency(t *testing.T) {
	writer, reader := as[providers.Writer](t, s), as[providers.Reader](t, s)
	const owners = 8
	want, all := map[string][]byte{}, sync.WaitGroup{}
	for i := range owners {
		fields := s.fields("k", "same")
		if !s.SingleValue {
			fields = s.fields(fmt.Sprintf("k%d", i), "1")
		}
		maps.Copy(want, fields)
		all.Go(func() {
			if err := writer.Put(
				t.Context(),
				providers.Write{Key: "suite-many", Owner: fmt.Sprintf("owner-%d", i), Fields: fields},
			); err != nil {
				t.Errorf("Put of owner %d: %v", i, err)
			}
			if _, err := reader.Get(t.Context(), providers.Ref{Key: "suite-many"}); err != nil {
				t.Errorf("Get of owner %d: %v", i, err)
			}
		})
	}
	all.Wait()
	s.wantSecret(t, "suite-many", want)
}

func (s *suite) testSeen(t *testing.T, writer providers.Writer) {
	t.Helper()
	s.needsFields(t)
	s.put(t, providers.Write{Key: "suite-seen", Owner: one, Fields: s.fields("k", "1")})
	for name, seen := range map[string]map[string][]byte{
		"absent then":        {"k": nil},
		"another value then": s.fields("k", "0"),
		"gone since":         s.fields("k", "1", "l", "1"),
	} {
		w := providers.Write{Key: "suite-seen", Owner: one, Fields: s.fields("k", "2", "l", "2"), Seen: seen}
		if err := writer.Put(t.Context(), w); !errors.Is(err, providers.ErrChanged) || !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: the error is %v, want that the secret changed", name, err)
		}
		s.wantSecret(t, "suite-seen", s.fields("k", "1"))
	}
	w := providers.Write{Key: "suite-seen-new", Owner: one, Fields: s.fields("k", "1"), Seen: s.fields("k", "0")}
	if err := writer.Put(t.Context(), w); !errors.Is(err, providers.ErrChanged) {
		t.Errorf("the error is %v, want that the secret is gone", err)
	}
	s.put(t, providers.Write{Key: "suite-seen", Owner: one, Fields: s.fields("k", "1"), Seen: map[string][]byte{"k": nil}})
	s.put(t, providers.Write{
		Key: "suite-seen", Owner: one, Fields: s.fields("k", "2", "l", "2"), Seen: map[string][]byte{"k": mark("1"), "l": nil},
	})
	s.wantSecret(t, "suite-seen", s.fields("k", "2", "l", "2"))
}

func (s *suite) testRival(t *testing.T, conflict func(*testing.T, providers.Write, string)) {
	t.Helper()
	s.needsFields(t)
	s.put(t, providers.Write{Key: "suite-rival", Owner: one, Fields: s.fields("k", "1", "other", "1")})
	rival := func(owner string) string { return strings.ReplaceAll(owner, one, "the first") }
	for name, w := range map[string]providers.Write{
		"replace": {Fields: s.fields("k", "2"), Replace: true},
		"pushed":  {Fields: s.fields("k", "2"), Pushed: []string{"k"}},
		"whole":   {Fields: s.fields("k", "1"), Replace: true, Whole: true},
	} {
		t.Run(name, func(t *testing.T) {
			w.Key, w.Owner, w.Rival = "suite-rival", two, rival
			conflict(t, w, "the first")
			s.wantSecret(t, "suite-rival", s.fields("k", "1", "other", "1"))
		})
	}
}
