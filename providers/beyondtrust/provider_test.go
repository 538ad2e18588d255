package beyondtrust_test

import (
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers/beyondtrust"
)

func TestRefusedSpecs(t *testing.T) {
	w := newWorld(t)
	server := func(change func(*esv1.BeyondtrustServer)) func(*esv1.BeyondtrustProvider) {
		return func(spec *esv1.BeyondtrustProvider) { change(spec.Server) }
	}
	url := func(text string) func(*esv1.BeyondtrustProvider) {
		return server(func(s *esv1.BeyondtrustServer) { s.APIURL = text })
	}
	auth := func(a esv1.BeyondtrustAuth) func(*esv1.BeyondtrustProvider) {
		return func(spec *esv1.BeyondtrustProvider) { spec.Auth = &a }
	}
	for _, tt := range []struct {
		reason string
		change func(*esv1.BeyondtrustProvider)
		says   string
	}{
		{"no server", func(spec *esv1.BeyondtrustProvider) { spec.Server = nil }, "server must be set"},
		{"no URL", url(""), "server.apiUrl is not a URL"},
		{"a URL without a host", url("https:///BeyondTrust/api/public/v3"), "server.apiUrl is not a URL"},
		{"what is no URL", url("https://host:" + marked + "/"), "server.apiUrl is not a URL"},
		{"without TLS", url("http://host/BeyondTrust/api/public/v3"), "server.apiUrl must begin with https://"},
		{"a password", url("https://a:" + marked + "@host/BeyondTrust/api/public/v3"), "server.apiUrl must have no user"},
		{"another API", url("https://host/beyondtrust/api/public/v3"), "server.apiUrl must lead to the public API"},
		{"a long separator", server(func(s *esv1.BeyondtrustServer) { s.Separator = "//" }), "server.separator must be one character"},
		{"a long timeout", server(func(s *esv1.BeyondtrustServer) { s.ClientTimeOutSeconds = 301 }), "server.clientTimeOutSeconds must be"},
		{"a negative timeout", server(func(s *esv1.BeyondtrustServer) { s.ClientTimeOutSeconds = -1 }), "server.clientTimeOutSeconds must be"},
		{"no auth", func(spec *esv1.BeyondtrustProvider) { spec.Auth = nil }, "auth has no way to sign in"},
		{"no way to sign in", auth(esv1.BeyondtrustAuth{}), "auth has no way to sign in"},
		{"no client secret", auth(esv1.BeyondtrustAuth{ClientID: in("id")}), "auth must have both clientId and clientSecret"},
		{"no client ID", auth(esv1.BeyondtrustAuth{ClientSecret: in("secret")}), "auth must have both clientId and clientSecret"},
		{"nothing in a value", auth(esv1.BeyondtrustAuth{APIKey: &esv1.BeyondtrustValue{}}), "auth.apiKey must have a value or a secretRef"},
		{"both in a value", auth(esv1.BeyondtrustAuth{APIKey: in("key"), Certificate: &esv1.BeyondtrustValue{
			Value: marked, SecretRef: in("key").SecretRef,
		}}), "auth.certificate cannot have both value and secretRef"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := beyondtrust.New().Open(t.Context(), w.spec(tt.change), w.env())
			expectFault(t, err, fault.Invalid, "spec.provider.beyondtrust."+tt.says)
		})
	}
}

func TestURLs(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", text("secret"))
	for _, written := range []string{w.URL(), w.URL() + "/", " " + w.URL() + "\n"} {
		expectValue(t, w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.APIURL = written }), "app/password", "secret")
	}
}
