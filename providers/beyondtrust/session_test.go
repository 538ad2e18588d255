package beyondtrust_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/beyondtrust"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

func TestWaysToSignIn(t *testing.T) {
	for name, auth := range map[string]esv1.BeyondtrustAuth{
		"API key":               {APIKey: in("key")},
		"API key in the open":   {APIKey: &esv1.BeyondtrustValue{Value: fakes.PasswordSafeAPIKey}},
		"API key and user":      {APIKey: &esv1.BeyondtrustValue{Value: fakes.PasswordSafeAPIKey + fakes.PasswordSafeRunAs}},
		"OAuth":                 {ClientID: in("id"), ClientSecret: in("secret")},
		"the API key wins":      {APIKey: in("key"), ClientID: in("wrong"), ClientSecret: in("wrong")},
		"half a certificate":    {APIKey: in("key"), Certificate: in("wrong")},
		"the API key wins half": {APIKey: in("key"), ClientID: in("wrong")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.resolver.values["wrong"] = marked
			w.SetSecret("app", "password", text("secret"))
			client := w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Auth = &auth })
			limits, err := client.Check(t.Context())
			if err != nil || (limits != "") != (name == "half a certificate") {
				t.Errorf("Check() = %q, %v", limits, err)
			}
			expectValue(t, client, "app/password", "secret")
		})
	}
}

func TestRefusedCredentials(t *testing.T) {
	w := newWorld(t)
	w.resolver.values["wrong"], w.resolver.values["blank"], w.resolver.values["broken"] = marked, " \n", marked+"\n"+marked
	for _, tt := range []struct {
		reason string
		auth   esv1.BeyondtrustAuth
		kind   fault.Kind
		says   string
	}{
		{
			"a wrong key",
			esv1.BeyondtrustAuth{APIKey: in("wrong")},
			fault.Denied, "refuses to let the store sign in: spec.provider.beyondtrust.auth.apiKey",
		},
		{
			"a wrong secret",
			esv1.BeyondtrustAuth{ClientID: in("id"), ClientSecret: in("wrong")},
			fault.Denied, "auth.clientId and auth.clientSecret are wrong",
		},
		{"no Secret", esv1.BeyondtrustAuth{APIKey: in("none")}, fault.Denied, `spec.provider.beyondtrust.auth.apiKey: secret "none" does not exist`},
		{"an empty key", esv1.BeyondtrustAuth{APIKey: in("blank")}, fault.Invalid, "auth.apiKey is empty"},
		{"a key of two lines", esv1.BeyondtrustAuth{APIKey: in("broken")}, fault.Invalid, "auth.apiKey holds a line break"},
		{
			"what is no certificate",
			esv1.BeyondtrustAuth{APIKey: in("key"), Certificate: in("wrong"), CertificateKey: in("wrong")},
			fault.Invalid, "certificate and certificateKey cannot be used",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			client, err := beyondtrust.New().Open(t.Context(), w.spec(func(spec *esv1.BeyondtrustProvider) { spec.Auth = &tt.auth }), w.env())
			if err == nil {
				_, err = client.(store).Check(t.Context())
			}
			expectFault(t, err, tt.kind, tt.says)
		})
	}
}

func TestOneSessionForAll(t *testing.T) {
	for name, way := range map[string]func(*esv1.BeyondtrustProvider){"API key": func(*esv1.BeyondtrustProvider) {}, "OAuth": oauth} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.SetSecret("app", "password", text("secret"))
			client := w.open(t, way)
			together := func() {
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() { expectValue(t, client, "app/password", "secret") })
				}
				all.Wait()
			}
			together()
			if counts := w.Counts(); counts.SignIns != 1 {
				t.Errorf("reads at the same time make %+v", counts)
			}
			w.EndSessions()
			together()
			w.clock.Step(21 * time.Minute)
			together()
			if counts := w.Counts(); counts.SignIns != 3 || counts.Sessions != 1 {
				t.Errorf("after a restart of the server and a long rest, there are %+v", counts)
			}
			for range 2 {
				if err := client.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}
			if counts := w.Counts(); w.Calls(fakes.CallSignOut) != 1 || counts.SignOuts != 1 || counts.Sessions != 0 {
				t.Errorf("after closing, there are %+v", counts)
			}
		})
	}
}

func TestCloseWithoutASession(t *testing.T) {
	w := newWorld(t)
	client := w.open(t)
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.Check(t.Context()); err != nil {
		t.Error(err)
	}
	w.EndSessions()
	if err := client.Close(t.Context()); err != nil {
		t.Errorf("a session that has ended cannot be closed: %v", err)
	}
}

func TestSessionsThatDoNotHold(t *testing.T) {
	w := newWorld(t)
	w.Fail(fakes.CallFindSecret, fakes.PasswordSafeFailure{Status: 401})
	_, err := get(t, w.open(t), "app/password")
	expectFault(t, err, fault.Denied, "does not know the session that it has just begun")
	if counts := w.Counts(); counts.SignIns != 2 {
		t.Errorf("it is tried once more, not for ever: %+v", counts)
	}
}

// TestSignInsThatFailTogether lets many calls wait for one sign-in, which they must not try one after the other.
func TestSignInsThatFailTogether(t *testing.T) {
	w := newWorld(t)
	client := w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.ClientTimeOutSeconds = 1 })
	w.Fail(fakes.CallSignIn, fakes.PasswordSafeFailure{Hangs: true})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := get(t, client, "app/password")
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	// Some may have come so late that they waited for a second try.
	if calls := w.Calls(fakes.CallSignIn); calls > 4 {
		t.Errorf("16 calls at once signed in %d times", calls)
	}
	w.Recover()
	if _, err := client.Check(t.Context()); err != nil {
		t.Errorf("an error of before is taken for one of now: %v", err)
	}
}

func TestCallsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	expectValue(t, w.open(t, accounts, oauth), "server01/admin", "secret")
	for _, want := range []string{"GetToken", "SignAppIn", "FindManagedAccount", "CreateRequest", "GetCredential", "CheckInRequest"} {
		if got := <-w.observed; got != want {
			t.Errorf("%s was counted, want %s", got, want)
		}
	}
}

func TestTrust(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", text("secret"))
	expectValue(t, w.open(t, func(spec *esv1.BeyondtrustProvider) {
		spec.Server.VerifyCA, spec.Server.CABundle = false, nil
	}), "app/password", "secret")
	_, err := get(t, w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.CABundle = nil }), "app/password")
	expectFault(t, err, fault.Unavailable, "signed by an unknown authority: check server.caBundle or server.caProvider")
}

func TestClientCertificate(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", text("secret"))
	w.RequireClientCertificate()
	_, err := get(t, w.open(t), "app/password")
	expectFault(t, err, fault.Denied, "refuses to let the store sign in")
	w.resolver.values["cert"], w.resolver.values["cert-key"] = clientCertificate(t)
	expectValue(t, w.open(t, func(spec *esv1.BeyondtrustProvider) {
		spec.Auth.Certificate, spec.Auth.CertificateKey = in("cert"), in("cert-key")
	}), "app/password", "secret")
}

func clientCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)
}

func TestCancelledCallsBlameNobody(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.open(t, accounts).Get(ctx, providers.Ref{Key: "server01/admin"})
	expectFault(t, err, fault.Unavailable, "interrupted")
}
