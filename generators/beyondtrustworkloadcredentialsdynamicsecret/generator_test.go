package beyondtrustworkloadcredentialsdynamicsecret

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

const (
	// site is the example of BeyondTrust's documentation, which is a UUID of no version.
	site  = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
	token = "CANARY-api-token"
	aws   = "production/aws-temp"
	azure = "production/apps/azure"
)

// world is a server with a dynamic secret of each type.
type world struct {
	*beyondtrust.WorkloadCredentials

	t     *testing.T
	clock *clocktesting.FakeClock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	now := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	w := &world{WorkloadCredentials: beyondtrust.NewWorkloadCredentials(site, token, now), t: t, clock: now}
	t.Cleanup(w.Close)
	w.Define(aws, beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour})
	w.Define(azure, beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: time.Hour})
	return w
}

func (w *world) env() generators.Env {
	return generators.Env{
		Resolver: generatortest.Resolver{
			Secrets:   map[string]map[string]string{"api-token": {"token": token, "spaced": " " + token + "\n", "empty": "\n", "broken": "CANARY\nx"}},
			Authority: w.Authority(),
		},
		HTTP: func(settings *tls.Config) http.RoundTripper {
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.TLSClientConfig = settings
			w.t.Cleanup(transport.CloseIdleConnections)
			return transport
		},
		Clock: w.clock,
	}
}

// spec is that of the dynamic secret at path, as users write it, after the changes.
func (w *world) spec(path string, changes ...func(*spec)) spec {
	s := spec{Provider: esv1.BeyondtrustWorkloadCredentialsProvider{
		Auth: esv1.BeyondtrustWorkloadCredentialsAuth{APIKey: esv1.BeyondtrustWorkloadCredentialsAPIKey{
			Token: metametav1.SecretKeySelector{Name: "api-token", Key: "token"},
		}},
		Server:     esv1.BeyondtrustWorkloadCredentialsServer{APIURL: w.APIURL(), SiteID: site},
		FolderPath: path,
		CAProvider: &esv1.CAProvider{Type: esv1.CAProviderSecret, Name: "my-ca-bundle", Key: "ca.crt"},
	}}
	for _, change := range changes {
		change(&s)
	}
	return s
}

func object(s spec) *genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecret {
	return &genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecret{Spec: s}
}

func (w *world) generate(s spec) (generators.Result, error) {
	return New().Bind(object(s)).Generate(w.t.Context(), w.env())
}

func TestContract(t *testing.T) {
	for name, tt := range map[string]struct {
		path string
		keys []string
		live bool
	}{
		"AWS":   {aws, []string{"accessKeyId", "secretAccessKey", "sessionToken", "leaseId", "expiration"}, false},
		"Azure": {azure, []string{"clientId", "clientSecret", "tenantId", "keyId", "leaseId", "expiration"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.spec(tt.path)
			refusal := func(name, says string, change func(*spec)) generatortest.Refusal {
				return generatortest.Refusal{Name: name, Object: object(w.spec(tt.path, change)), Says: says}
			}
			h := generatortest.Harness{
				Generator: New(), Object: object(s), Env: w.env(), Together: true,
				Cluster: genv1alpha1.GeneratorSpec{BeyondtrustWorkloadCredentialsDynamicSecretSpec: &s},
				Keys:    tt.keys, Fresh: slices.DeleteFunc(slices.Clone(tt.keys), func(key string) bool { return key == "expiration" }),
				Fixed: []string{"expiration"}, Secrets: []string{token}, Public: []string{"leaseId", "expiration"},
				Refused: []generatortest.Refusal{
					refusal("no TLS", "spec.provider.server.apiUrl must begin with https://", func(s *spec) {
						s.Provider.Server.APIURL = strings.Replace(w.APIURL(), "https", "http", 1)
					}),
					refusal("no host", "spec.provider.server.apiUrl", func(s *spec) { s.Provider.Server.APIURL = "https://" }),
					refusal("a query", "spec.provider.server.apiUrl", func(s *spec) { s.Provider.Server.APIURL += "?a=b" }),
					refusal("no UUID", `spec.provider.server.siteId "mine" is not a UUID`, func(s *spec) { s.Provider.Server.SiteID = "mine" }),
					refusal("no path", `spec.provider.folderPath "" must be a folder and the name`, func(s *spec) { s.Provider.FolderPath = "" }),
					refusal("a folder alone", `spec.provider.folderPath "folder/"`, func(s *spec) { s.Provider.FolderPath = "folder/" }),
					refusal("a way out of the folder", `spec.provider.folderPath "a/../b"`, func(s *spec) { s.Provider.FolderPath = "a/../b" }),
					refusal("an empty name", `spec.provider.folderPath "a//b"`, func(s *spec) { s.Provider.FolderPath = "a//b" }),
					refusal("an empty token", "spec.provider.auth.apikey.token", func(s *spec) { s.Provider.Auth.APIKey.Token.Key = "empty" }),
					refusal("a broken token", "spec.provider.auth.apikey.token", func(s *spec) { s.Provider.Auth.APIKey.Token.Key = "broken" }),
					refusal("no interval", "spec.retrySettings.retryInterval", func(s *spec) {
						s.RetrySettings = &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}
					}),
				},
			}
			if tt.live {
				h.Live = func() int { return w.Counts().Live }
			}
			generatortest.Run(t, h)
		})
	}
}

func TestPaths(t *testing.T) {
	w := newWorld(t)
	w.Define("dynamic", beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour})
	for _, path := range []string{"dynamic", "/dynamic", aws, "/" + azure} {
		if _, err := w.generate(w.spec(path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := w.generate(w.spec(aws, func(s *spec) { s.Provider.Server.APIURL += "//" })); err != nil {
		t.Errorf("an address that ends in slashes: %v", err)
	}
	if _, err := w.generate(w.spec(aws, func(s *spec) { s.Provider.Auth.APIKey.Token.Key = "spaced" })); err != nil {
		t.Errorf("a token with a line break at its end: %v", err)
	}
}

func TestLease(t *testing.T) {
	w := newWorld(t)
	result, err := w.generate(w.spec(azure))
	if err != nil {
		t.Fatal(err)
	}
	if want := w.clock.Now().Add(time.Hour); !result.Lease.ExpiresAt.Equal(want) {
		t.Errorf("it ends at %s, want %s", result.Lease.ExpiresAt, want)
	}
	want := `{"path":"` + azure + `","leaseId":"` + string(result.Data["leaseId"]) + `"}`
	if got := string(result.Lease.State); got != want {
		t.Errorf("the state is %s, want %s", got, want)
	}
	if got := string(result.Data["expiration"]); got != "2027-01-15T09:00:00Z" {
		t.Errorf("expiration is %q, want it as the service wrote it", got)
	}
}

// TestExpiration is about the ways in which the service may tell when a lease ends.
func TestExpiration(t *testing.T) {
	for _, text := range []any{
		"2027-01-15T08:30:00Z", "2027-01-15T08:30:00.000Z", "2027-01-15T10:30:00+02:00", "2027-01-15T08:30:00+0000", "2027-01-15 08:30:00+00:00",
		"2027-01-15T08:30:00", "2027-01-15 08:30:00", 1_800_001_800, "1800001800", 1_800_001_800_000,
	} {
		w := newWorld(t)
		w.Define(aws, beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour, Fields: map[string]any{"expiration": text}})
		result, err := w.generate(w.spec(aws))
		if err != nil {
			t.Fatal(err)
		}
		if want := w.clock.Now().Add(30 * time.Minute); !result.Lease.ExpiresAt.Equal(want) {
			t.Errorf("%v: it ends at %s, want %s", text, result.Lease.ExpiresAt, want)
		}
	}
}

// TestClocks lets the clocks of the cluster and of the service be apart.
func TestClocks(t *testing.T) {
	for _, apart := range []time.Duration{-2 * time.Hour, -20 * time.Second, 0, 20 * time.Second, 10 * time.Minute} {
		w := newWorld(t)
		env, ours := w.env(), clocktesting.NewFakeClock(w.clock.Now().Add(apart))
		env.Clock = ours
		result, err := New().Bind(object(w.spec(aws))).Generate(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		if left := result.Lease.ExpiresAt.Sub(ours.Now()); (left - time.Hour).Abs() > 30*time.Second {
			t.Errorf("our clock is %s ahead: it seems to end in %s, want in an hour", apart, left)
		}
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	revoke := func(s spec, state string) error {
		return New().Bind(object(s)).Revoke(t.Context(), json.RawMessage(state), w.env())
	}
	for _, path := range []string{aws, azure} {
		result, err := w.generate(w.spec(path))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := revoke(w.spec(path), string(result.Lease.State)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if got := w.Counts(); got.Revoked != 1 || got.Live != 1 {
		t.Errorf("%d leases are revoked and %d live, want the one of Azure and the one of AWS", got.Revoked, got.Live)
	}
	before := w.Counts().Requests
	if err := revoke(w.spec(aws), `{"path":"`+aws+`"}`); err != nil || w.Counts().Requests != before {
		t.Errorf("a state of the reference implementation has nothing to give back: %v", err)
	}
	expect(t, revoke(w.spec(aws), `[]`), fault.Invalid, "the state is not that of a lease")
	w.FailStatus(1, http.StatusBadRequest, "")
	expect(t, revoke(w.spec(azure), `{"leaseId":"a"}`), fault.Invalid, `could not revoke lease "a"`)
	for _, body := range []string{
		`{"code":"lease_not_revocable"}`, `{"Code":"lease_not_revocable"}`, `{"error":"lease_not_revocable","message":""}`,
		`{"error":"Bad Request","message":"lease_not_revocable: it ends by itself"}`,
	} {
		w.FailBody(1, http.StatusBadRequest, body)
		if err := revoke(w.spec(aws), `{"leaseId":"a"}`); err != nil {
			t.Errorf("what cannot be revoked, as in %s: %v", body, err)
		}
	}
	w.FailBody(1, http.StatusNotFound, "<html>")
	expect(t, revoke(w.spec(azure), `{"leaseId":"a"}`), fault.Unavailable, "there is no such API")
	w.FailStatus(2, http.StatusNotFound, "")
	expect(t, revoke(w.spec(azure), `{"leaseId":"a"}`), fault.Unavailable, "the lease does not exist, or that is not certain")
	w.FailStatus(1, http.StatusServiceUnavailable, "")
	expect(t, revoke(w.spec(azure), `{"leaseId":"a"}`), fault.Unavailable, "failed (status 503)")
}

func expect(t *testing.T, err error, kind fault.Kind, says ...string) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("got %v (%s), want %s", err, fault.KindOf(err), kind)
		return
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%q quotes what it must not", err)
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		reason string
		of     beyondtrust.Dynamic
		keys   string
		says   string
	}{
		{
			"names with a capital, the lease beside the secret",
			beyondtrust.Dynamic{Pascal: true},
			"accessKeyId expiration leaseId secretAccessKey sessionToken", "",
		},
		{
			"credentials of AWS that need no session",
			beyondtrust.Dynamic{Fields: map[string]any{"sessionToken": ""}},
			"accessKeyId expiration leaseId secretAccessKey", "",
		},
		{
			"a field that is new",
			beyondtrust.Dynamic{Fields: map[string]any{"region": "eu-1", "ports": []int{1, 2}, "note": nil}},
			"accessKeyId expiration leaseId ports region secretAccessKey sessionToken", "",
		},
		{"an empty field", beyondtrust.Dynamic{Fields: map[string]any{"secretAccessKey": ""}}, "", "the answer has no secretAccessKey: check"},
		{
			"missing fields",
			beyondtrust.Dynamic{Fields: map[string]any{"secretAccessKey": nil, "accessKeyId": nil}},
			"",
			"no accessKeyId, secretAccessKey: check",
		},
		{
			"an empty field of Azure",
			beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Fields: map[string]any{"clientSecret": ""}},
			"",
			"the answer has no clientSecret: check that the dynamic secret exists at the path in spec.provider.folderPath (folder/secretName), " +
				"and that the API token may generate its credentials",
		},
		{
			"another form", beyondtrust.Dynamic{Fields: map[string]any{
				"type": "database", "accessKeyId": nil, "secretAccessKey": nil, "sessionToken": nil, "username": "u", "password": "p",
			}}, "expiration leaseId password username", "",
		},
		{
			"another form with an empty field", beyondtrust.Dynamic{Fields: map[string]any{
				"type": "database", "accessKeyId": nil, "secretAccessKey": nil, "sessionToken": nil, "username": "u", "password": "",
			}}, "", "the answer has no password",
		},
		{
			"nothing", beyondtrust.Dynamic{Fields: map[string]any{
				"type": nil, "accessKeyId": nil, "secretAccessKey": nil, "sessionToken": nil,
			}}, "", "the answer has no credentials",
		},
		{
			"another form that has one field of a known one", beyondtrust.Dynamic{Fields: map[string]any{
				"type": "oauth", "accessKeyId": nil, "secretAccessKey": nil, "sessionToken": nil, "clientId": "c", "clientSecret": "s",
			}}, "clientId clientSecret expiration leaseId", "",
		},
		{
			"a known form whose type is not told",
			beyondtrust.Dynamic{Fields: map[string]any{"type": "dynamic", "secretAccessKey": nil}},
			"", "the answer has no secretAccessKey: check",
		},
		{
			"an end that is no time",
			beyondtrust.Dynamic{Fields: map[string]any{"expiration": "tomorrow"}},
			"accessKeyId expiration leaseId secretAccessKey sessionToken", "",
		},
		{"an end in the past", beyondtrust.Dynamic{Fields: map[string]any{"expiration": "2020-01-01T00:00:00Z"}}, "", "have ended already, at 2020-01-01"},
		{
			"no end that is known",
			beyondtrust.Dynamic{Fields: map[string]any{"expiration": nil}},
			"accessKeyId leaseId secretAccessKey sessionToken", "",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t)
			if tt.of.Type == "" {
				tt.of.Type = beyondtrust.TypeAWS
			}
			tt.of.Lifetime = time.Hour
			w.Define(aws, tt.of)
			result, err := w.generate(w.spec(aws))
			if tt.says != "" {
				expect(t, err, fault.Invalid, `dynamic secret "production/aws-temp": `, tt.says)
				return
			}
			var keys []string
			for key, value := range result.Data {
				if keys = append(keys, key); len(value) == 0 {
					t.Errorf("%s is empty", key)
				}
			}
			slices.Sort(keys)
			if got := strings.Join(keys, " "); got != tt.keys || err != nil {
				t.Errorf("got the keys %q, %v, want %q", got, err, tt.keys)
			}
			if got := string(result.Data["ports"]); got != "" && got != "[1,2]" {
				t.Errorf("ports is %q, want it as JSON", got)
			}
		})
	}
}

func TestUselessCredentialsCanBeGivenBack(t *testing.T) {
	w := newWorld(t)
	w.Define(azure, beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: time.Hour, Fields: map[string]any{"clientSecret": ""}})
	bound := New().Bind(object(w.spec(azure)))
	result, err := bound.Generate(t.Context(), w.env())
	expect(t, err, fault.Invalid, "the answer has no clientSecret")
	if result.Data != nil || result.Lease == nil || result.Lease.ExpiresAt.IsZero() {
		t.Fatalf("got %+v, want the lease alone", result)
	}
	if err := bound.Revoke(t.Context(), result.Lease.State, w.env()); err != nil || w.Counts().Live != 0 {
		t.Errorf("%d live, %v, want that nothing is left", w.Counts().Live, err)
	}
}
