package beyondtrust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// open reads the credentials. It signs in nowhere.
func open(ctx context.Context, spec *esv1.BeyondtrustProvider, env providers.Env) (providers.Client, error) {
	s, err := parse(spec.Server)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, c := range credentials(spec.Auth) {
		if values[c.field], err = read(ctx, c, env.Resolver); err != nil {
			return nil, err
		}
	}
	trusted, err := trust(ctx, spec.Server, s, env.Resolver)
	if err != nil {
		return nil, err
	}
	if trusted, err = present(trusted, values["certificate"], values["certificateKey"]); err != nil {
		return nil, err
	}
	c := &client{settings: s, writing: newGate()}
	if (values["certificate"] == "") != (values["certificateKey"] == "") {
		c.limits = "the client certificate is not used: auth.certificate and auth.certificateKey must both be set"
	}
	c.session = &session{
		settings: s, apiKey: values["apiKey"], clientID: values["clientId"], clientSecret: values["clientSecret"],
		transport: transport(trusted, env), own: trusted != nil, observe: env.Observe, clock: env.Clock, gate: newGate(),
	}
	return c, nil
}

// read returns a value of the spec, without the line break that files end with; empty when it is not set.
func read(ctx context.Context, c credential, resolver providers.Resolver) (string, error) {
	if c.value == nil {
		return "", nil
	}
	text := []byte(c.value.Value)
	if c.value.SecretRef != nil {
		var err error
		if text, err = resolver.SecretKey(ctx, *c.value.SecretRef); err != nil {
			return "", fault.In(err, "%s.auth.%s", specPath, c.field)
		}
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", invalid("auth."+c.field, "is empty")
	}
	if c.field == "apiKey" && !httpguts.ValidHeaderFieldValue(value) {
		return "", invalid("auth.apiKey", "holds a line break or another control character")
	}
	return value, nil
}

// trust returns the TLS settings by which the server is verified; nil for the system's. A certificate authority is read also where the
// server is not verified, so that a mistake in it is said.
func trust(ctx context.Context, server *esv1.BeyondtrustServer, s settings, resolver providers.Resolver) (*tls.Config, error) {
	authority, err := resolver.CABundle(ctx, server.CABundle, server.CAProvider)
	if err != nil {
		return nil, fault.In(err, "%s.server", specPath)
	}
	if len(authority) == 0 && s.verify {
		return nil, nil //nolint:nilnil // that is how the contract asks for the system's settings
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !s.verify} //nolint:gosec // the user wrote verifyCA: false
	if len(authority) > 0 {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(authority)
	}
	return config, nil
}

// present adds a client certificate, when there is one and its key. The server asks for it when it has seen which page is wanted, in
// a second handshake, which TLS 1.3 and HTTP/2 do not have.
func present(config *tls.Config, certificate, key string) (*tls.Config, error) {
	if certificate == "" || key == "" {
		return config, nil
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s.auth: certificate and certificateKey cannot be used: they must be PEM, and "+
			"the key must belong to the certificate and not be encrypted", specPath)
	}
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.Certificates, config.MaxVersion, config.Renegotiation = []tls.Certificate{pair}, tls.VersionTLS12, tls.RenegotiateOnceAsClient
	return config, nil
}

// transport returns the transport for the given settings, by HTTP/1.1 alone where a client certificate is presented.
func transport(config *tls.Config, env providers.Env) http.RoundTripper {
	given := env.HTTP(config)
	own, ok := given.(*http.Transport)
	if !ok || config == nil || len(config.Certificates) == 0 {
		return given
	}
	own.Protocols = new(http.Protocols)
	own.Protocols.SetHTTP1(true)
	return own
}
