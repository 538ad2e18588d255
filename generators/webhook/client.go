package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/go-ntlmssp"
	"k8s.io/utils/clock"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

const maxRedirects = 10

var errRedirect = errors.New("the redirect is not followed")

// client sends the request of one run.
type client struct {
	http  *http.Client
	clock clock.PassiveClock
	// user and password are for NTLM; empty without it.
	user, password string
	ntlm           bool
	// own says that the transport belongs to this client alone.
	own bool
}

// newClient reads what the spec needs to reach the endpoint.
func newClient(ctx context.Context, spec *genv1alpha1.WebhookSpec, env generators.Env) (*client, error) {
	settings, err := trust(ctx, spec, env.Resolver)
	if err != nil {
		return nil, err
	}
	c := &client{clock: env.Clock, own: settings != nil}
	if err := c.signIn(ctx, spec.Auth, env.Resolver); err != nil {
		return nil, err
	}
	transport := env.HTTP(settings)
	if c.ntlm {
		transport = c.negotiating(transport)
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: stay}
	return c, nil
}

// trust returns the TLS settings of the spec; nil for the system's.
func trust(ctx context.Context, spec *genv1alpha1.WebhookSpec, resolver generators.Resolver) (*tls.Config, error) {
	authority, err := resolver.CABundle(ctx, spec.CABundle, spec.CAProvider)
	if err != nil {
		return nil, fault.In(err, "spec")
	}
	if len(authority) == 0 {
		return nil, nil //nolint:nilnil // that is how the contract asks for the system's settings
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

func (c *client) signIn(ctx context.Context, auth *genv1alpha1.WebhookAuth, resolver generators.Resolver) error {
	if auth == nil || auth.NTLM == nil {
		return nil
	}
	user, err := labelled(ctx, resolver, auth.NTLM.UserName)
	if err != nil {
		return fault.In(err, "spec.auth.ntlm.usernameSecret")
	}
	password, err := labelled(ctx, resolver, auth.NTLM.Password)
	if err != nil {
		return fault.In(err, "spec.auth.ntlm.passwordSecret")
	}
	c.user, c.password, c.ntlm = user, password, true
	return nil
}

// labelled returns one value of a Secret that may be used.
func labelled(ctx context.Context, resolver generators.Resolver, ref metametav1.SecretKeySelector) (string, error) {
	data, err := resolver.LabelledSecret(ctx, ref, genv1alpha1.LabelWebhookSecret, genv1alpha1.LabelWebhookSecretValue)
	if err != nil {
		return "", err
	}
	value, ok := data[ref.Key]
	if !ok {
		return "", fault.New(fault.Denied, "secret %q has no key %q", ref.Name, ref.Key)
	}
	return string(value), nil
}

// negotiating returns a transport that signs in by NTLM. That is bound to a connection: on a shared one, the request of
// somebody else would be answered as if it came from this user. HTTP/2 does not know NTLM.
func (c *client) negotiating(transport http.RoundTripper) http.RoundTripper {
	if shared, ok := transport.(*http.Transport); ok {
		own := shared.Clone()
		own.Protocols = new(http.Protocols)
		own.Protocols.SetHTTP1(true)
		// A clone offers what its origin did.
		if own.TLSClientConfig == nil {
			own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		own.TLSClientConfig.NextProtos = []string{"http/1.1"}
		transport, c.own = own, true
	}
	return negotiator{Negotiator: ntlmssp.Negotiator{RoundTripper: transport}}
}

// negotiator lets the connections of the transport within be closed.
type negotiator struct{ ntlmssp.Negotiator }

// CloseIdleConnections is how http.Client closes them.
func (n negotiator) CloseIdleConnections() {
	if closer, ok := n.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// close ends what was opened for this run alone.
func (c *client) close() {
	if c.own {
		c.http.CloseIdleConnections()
	}
}

// stay refuses redirects to another host, or from https to http: headers, body and query were meant for the first one.
func stay(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	switch {
	case len(before) >= maxRedirects:
		return fmt.Errorf("%w: it is the tenth", errRedirect)
	case next.URL.Hostname() != first.Hostname():
		return fmt.Errorf("%w: it leads to another host", errRedirect)
	case next.URL.Port() != first.Port() && !upgraded(next, before[0]):
		return fmt.Errorf("%w: it leads to another port", errRedirect)
	case first.Scheme == "https" && next.URL.Scheme != "https":
		return fmt.Errorf("%w: it leads from https to http", errRedirect)
	}
	return nil
}

// upgraded says that a redirect leads from http to https, each on the port that belongs to it.
func upgraded(next, first *http.Request) bool {
	usual := func(request *http.Request, scheme, port string) bool {
		return request.URL.Scheme == scheme && (request.URL.Port() == "" || request.URL.Port() == port)
	}
	return usual(first, "http", "80") && usual(next, "https", "443")
}
