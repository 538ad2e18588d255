package beyondtrustworkloadcredentials_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/beyondtrustworkloadcredentials"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

const (
	site  = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
	token = "CANARY-api-token"
)

// resolver knows one token.
type resolver struct{ providers.Resolver }

func (resolver) SecretKey(context.Context, metametav1.SecretKeySelector) ([]byte, error) {
	return []byte(token), nil
}

func (resolver) CABundle(_ context.Context, bundle []byte, _ *esv1.CAProvider) ([]byte, error) {
	return bundle, nil
}

type world struct {
	*beyondtrust.WorkloadCredentials

	t        *testing.T
	provider providers.Provider
}

func newWorld(t *testing.T) *world {
	t.Helper()
	now := clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	w := &world{WorkloadCredentials: beyondtrust.NewWorkloadCredentials(site, token, now), t: t, provider: beyondtrustworkloadcredentials.New()}
	t.Cleanup(w.Close)
	return w
}

func (w *world) spec(folder string) *esv1.SecretStoreProvider {
	return &esv1.SecretStoreProvider{BeyondtrustWorkloadCredentials: &esv1.BeyondtrustWorkloadCredentialsProvider{
		Auth: esv1.BeyondtrustWorkloadCredentialsAuth{APIKey: esv1.BeyondtrustWorkloadCredentialsAPIKey{
			Token: metametav1.SecretKeySelector{Name: "api-token", Key: "token"},
		}},
		Server:     esv1.BeyondtrustWorkloadCredentialsServer{APIURL: w.APIURL(), SiteID: site},
		FolderPath: folder,
		CABundle:   w.Authority(),
	}}
}

// store is what the client of a store can do.
type store interface { //nolint:interfacebloat // all abilities at once
	providers.Client
	providers.Locator
	providers.Reader
	providers.Lister
	providers.Writer
	providers.Checker
}

func (w *world) open(folder string, observe func(string, error)) store {
	w.t.Helper()
	opened, err := w.provider.Open(w.t.Context(), w.spec(folder), providers.Env{
		Resolver: resolver{}, Observe: observe, Clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)),
		HTTP: func(settings *tls.Config) http.RoundTripper {
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.TLSClientConfig = settings
			w.t.Cleanup(transport.CloseIdleConnections)
			return transport
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return opened.(store)
}

func unobserved(string, error) {}

func TestContract(t *testing.T) {
	for _, folder := range []string{"", "/team/store/"} {
		t.Run("folder "+folder, func(t *testing.T) {
			w := newWorld(t)
			at := func(key string) string { return strings.TrimLeft(strings.Trim(folder, "/")+"/"+key, "/") }
			w.Put(at("there"), map[string]any{}, nil)
			providertest.Run(t, providertest.Harness{
				Open: func(*testing.T) providers.Client { return w.open(folder, unobserved) },
				Seed: func(_ *testing.T, key string, s providers.Secret) {
					values := map[string]any{}
					for name, value := range s.Fields {
						values[name] = string(value)
					}
					w.Put(at(key), values, map[string]string{"team": "theirs"})
				},
				Writes:   func() int { return w.Counts().Writes },
				TextOnly: true,
				Listed:   func(key, field string) string { return "/" + at(key) + "/" + field },
			})
		})
	}
}

func TestGet(t *testing.T) {
	w := newWorld(t)
	w.Put("team/db", map[string]any{
		"user": "CANARY-user", "port": 5432, "big": json.Number("12345678901234567890"), "nested": map[string]any{"a": []int{1}}, "none": nil,
	}, map[string]string{"env": "prod"})
	for _, tt := range []struct{ folder, key string }{{"team", "db"}, {"", "team/db"}, {"other", "/team/db"}} {
		got, err := w.open(tt.folder, unobserved).Get(t.Context(), providers.Ref{Key: tt.key, Version: "ignored"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"user": "CANARY-user", "port": "5432", "big": "12345678901234567890", "nested": `{"a":[1]}`, "none": "null"}
		for name, value := range want {
			if string(got.Fields[name]) != value {
				t.Errorf("%s in %q: %s is %q, want %q", tt.key, tt.folder, name, got.Fields[name], value)
			}
		}
		if len(got.Fields) != len(want) || got.Version != "1" || !maps.Equal(got.Labels, map[string]string{"env": "prod"}) {
			t.Errorf("%s in %q: %d values, version %q, labels %v", tt.key, tt.folder, len(got.Fields), got.Version, got.Labels)
		}
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.Put("eso/static/postgresCreds", map[string]any{"username": "u", "port": 5432}, map[string]string{"env": "prod", "team": "a"})
	w.Put("eso/static/redis", map[string]any{"password": "p"}, map[string]string{"env": "test"})
	w.Put("eso/api", map[string]any{"key": "k"}, map[string]string{"env": "prod"})
	w.Put("other/api", map[string]any{"key": "k"}, nil)
	for _, tt := range []struct {
		reason string
		query  providers.Query
		want   string
	}{
		{
			"by name, in all folders below",
			providers.Query{Name: regexp.MustCompile("^postgres")},
			"/eso/static/postgresCreds/port=5432 /eso/static/postgresCreds/username=u",
		},
		{"the name is the last part alone", providers.Query{Name: regexp.MustCompile("static")}, ""},
		{
			"by tags",
			providers.Query{Tags: map[string]string{"env": "prod"}},
			"/eso/api/key=k /eso/static/postgresCreds/port=5432 /eso/static/postgresCreds/username=u",
		},
		{"by tags and name", providers.Query{Tags: map[string]string{"env": "prod"}, Name: regexp.MustCompile("api")}, "/eso/api/key=k"},
		{"by several tags", providers.Query{Tags: map[string]string{"env": "test", "team": "a"}}, ""},
		{"elsewhere", providers.Query{Path: "other/", Name: regexp.MustCompile("api")}, "/other/api/key=k"},
		{
			"everything in a folder",
			providers.Query{Path: "/eso/static"},
			"/eso/static/postgresCreds/port=5432 /eso/static/postgresCreds/username=u /eso/static/redis/password=p",
		},
		{"in a folder that is not there", providers.Query{Path: "nowhere"}, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			var got []string
			for entry, err := range w.open("eso", unobserved).List(t.Context(), tt.query) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, entry.Key+"="+string(entry.Secret.Value))
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("found %q, want %q", text, tt.want)
			}
		})
	}
}

func expect(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("got %v (%s), want %s with %q and nothing quoted", err, fault.KindOf(err), kind, says)
	}
}

// TestAbsence is about what deletes a Secret where the policy says so.
func TestAbsence(t *testing.T) {
	w := newWorld(t)
	w.Put("there", map[string]any{"k": "CANARY"}, nil)
	client := w.open("", unobserved)
	get := func() error { _, err := client.Get(t.Context(), providers.Ref{Key: "there"}); return err }
	list := func() error {
		var errs []error
		for _, err := range client.List(t.Context(), providers.Query{Name: regexp.MustCompile("there")}) {
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	for _, read := range []func() error{get, list} {
		for _, tt := range []struct {
			reason string
			fail   func()
			kind   fault.Kind
			says   string
		}{
			{"a page of something else", func() { w.FailBody(1, 404, "<html>") }, fault.Unavailable, "there is no such API"},
			{"a right that is missing", func() { w.FailStatus(1, 403, "") }, fault.Denied, "check that the token in " +
				"spec.provider.beyondtrustworkloadcredentials.auth.apikey.token is valid and has not expired"},
			{"a service that is down", func() { w.FailStatus(1, 500, "") }, fault.Unavailable, "failed (status 500)"},
			{"a service that asks for patience", func() { w.FailStatus(1, 429, "3") }, fault.Throttled, "asks for fewer calls"},
			{"half an answer", func() { w.FailCut(1) }, fault.Unavailable, "ends early"},
			{"no JSON", func() { w.FailBody(1, 200, "CANARY") }, fault.Invalid, "is not what the API answers"},
			{"too much", func() { w.FailOversized(1) }, fault.Invalid, "larger than 10 MiB"},
		} {
			t.Run(tt.reason, func(t *testing.T) {
				tt.fail()
				expect(t, read(), tt.kind, tt.says)
			})
		}
	}
	w.FailBody(1, 200, `{"path":"/there","secret":{"k":"CANARY"},"metadata":{"deletedAt":"2026-01-01T00:00:00Z"}}`)
	expect(t, get(), fault.NotFound, `static secret "there" is deleted`)
	w.FailBody(1, 200, `{"error":"CANARY","data":[]}`)
	expect(t, list(), fault.Unavailable, "answered with an error")
	_, err := client.Get(t.Context(), providers.Ref{Key: "folder/"})
	expect(t, err, fault.Invalid, `key "folder/" must be the name`)
	for _, key := range []string{"..", "../there", "a//b", "a/./b"} {
		_, err := client.Get(t.Context(), providers.Ref{Key: key})
		expect(t, err, fault.Invalid, fmt.Sprintf("key %q must be the name", key))
	}
}

// TestAbsenceIsCertain is about a site that is not there, or does not know the token: what it lacks is not absent.
func TestAbsenceIsCertain(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	reads := map[string]func(s store) error{
		"get": func(s store) error { _, err := s.Get(t.Context(), providers.Ref{Key: "absent"}); return err },
		"list": func(s store) error {
			for _, err := range s.List(t.Context(), providers.Query{Path: "absent"}) {
				return err
			}
			return nil
		},
		"delete": func(s store) error { return s.Delete(t.Context(), providers.Removal{Key: "absent", Owner: "a"}) },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			if err := read(client); err != nil && !fault.Is(err, fault.NotFound) {
				t.Errorf("what is absent: %v", err)
			}
			for _, body := range []string{"", "{}", `{"data":[]}`, `["error"]`, "404 page not found"} {
				w.FailBody(1, http.StatusNotFound, body)
				expect(t, read(client), fault.Unavailable, "there is no such API")
			}
			w.Deny("GET /session")
			defer w.Deny()
			expect(t, read(client), fault.Denied, "does not exist, or that is not certain: could not check the session")
			w.FailStatus(1, http.StatusNotFound, "")
			w.FailStatus(1, http.StatusNotFound, "")
			expect(t, read(client), fault.Unavailable, "check spec.provider.beyondtrustworkloadcredentials.server.apiUrl")
		})
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	if limits, err := client.Check(t.Context()); err != nil || limits != "" {
		t.Errorf("a store that works: %q, %v", limits, err)
	}
	w.SetToken("another")
	_, err := client.Check(t.Context())
	expect(t, err, fault.Denied, "could not check the session")
	w.Close()
	_, err = client.Check(t.Context())
	expect(t, err, fault.Unavailable, "cannot be reached: connection refused")
}

func TestCallsAreObserved(t *testing.T) {
	w := newWorld(t)
	var calls []string
	client := w.open("", func(call string, err error) { calls = append(calls, call+" "+fault.KindOf(err).String()) })
	write := providers.Write{Key: "new", Owner: "a", Fields: map[string][]byte{"k": []byte("1")}}
	for range 2 {
		if err := client.Put(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	if want := "GetStatic NotFound, CreateStatic Unknown, TagStatic Unknown, GetStatic Unknown"; strings.Join(calls, ", ") != want {
		t.Errorf("observed %q, want %q", calls, want)
	}
}

func TestLocate(t *testing.T) {
	client := newWorld(t).open("team", unobserved)
	for key, want := range map[string]string{"db": "team/db", "/team/db": "team/db", "/db": "db", "a/b": "team/a/b"} {
		if got, err := client.Locate(key, nil); err != nil || got != want {
			t.Errorf("%s is at %q, %v, want %q", key, got, err, want)
		}
	}
}
