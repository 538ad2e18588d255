package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	userAgent        = "sluice/kubernetes-store"
	defaultNamespace = "default"
)

// opener opens clients. local holds no credentials.
type opener struct {
	local *rest.Config
}

func (o opener) open(ctx context.Context, spec *esv1.KubernetesProvider, env providers.Env) (providers.Client, error) {
	config, err := o.config(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	config.UserAgent = userAgent
	// Secrets come in the encoding that costs least; what is sent stays JSON.
	config.ContentConfig = rest.ContentConfig{AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON}
	config.WarningHandler = rest.NoWarnings{}
	// The API server's own priority and fairness is the limiter.
	config.QPS, config.RateLimiter = -1, nil
	c := &client{namespace: spec.RemoteNamespace, store: env.Store, observe: env.Observe, clock: env.Clock}
	if c.namespace == "" {
		c.namespace = defaultNamespace
	}
	return c, c.connect(config)
}

func (c *client) connect(config *rest.Config) error {
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return fault.Wrap(fault.Invalid, err,
			"%s: certificate, key or authority cannot be used: they must be PEM, and the key must belong to the certificate", specPath)
	}
	core, coreErr := corev1client.NewForConfigAndClient(config, transport)
	reviews, reviewsErr := authorizationclient.NewForConfigAndClient(config, transport)
	self, selfErr := authenticationclient.NewForConfigAndClient(config, transport)
	if err := errors.Join(coreErr, reviewsErr, selfErr); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s.server.url is not the address of an API server", specPath)
	}
	c.secrets, c.reviews, c.self, c.host = core, reviews, self, config.Host
	return nil
}

func (o opener) config(ctx context.Context, spec *esv1.KubernetesProvider, env providers.Env) (*rest.Config, error) {
	if spec.AuthRef != nil {
		content, err := env.Resolver.SecretKey(ctx, *spec.AuthRef)
		if err != nil {
			return nil, fault.In(err, "%s.authRef", specPath)
		}
		return loadKubeconfig(content)
	}
	config, err := o.serverConfig(ctx, spec.Server, env.Resolver)
	if err != nil {
		return nil, err
	}
	return config, authenticate(ctx, config, spec.Auth, env)
}

// serverConfig returns a connection without an identity. A certificate authority is read for the local server too, so
// that a mistake in it is said, but the one that the operator trusts counts.
func (o opener) serverConfig(ctx context.Context, spec esv1.KubernetesServer, resolver providers.Resolver) (*rest.Config, error) {
	target, err := parseServer(spec.URL, specPath+".server.url")
	if err != nil {
		return nil, err
	}
	authority, err := resolver.CABundle(ctx, spec.CABundle, spec.CAProvider)
	if err != nil {
		return nil, fault.In(err, "%s.server", specPath)
	}
	if target.local {
		return rest.CopyConfig(o.local), nil
	}
	return &rest.Config{Host: target.url, TLSClientConfig: rest.TLSClientConfig{CAData: authority}}, nil
}

// authenticate adds the store's identity. The first token of a ServiceAccount is requested at once, so that a mistake
// is said here.
func authenticate(ctx context.Context, config *rest.Config, auth *esv1.KubernetesAuth, env providers.Env) (err error) {
	read := func(selector metametav1.SecretKeySelector, path string) []byte {
		if err != nil {
			return nil
		}
		var value []byte
		value, err = env.Resolver.SecretKey(ctx, selector)
		err = fault.In(err, "%s.auth.%s", specPath, path)
		return value
	}
	switch {
	case auth.Cert != nil:
		config.CertData = read(auth.Cert.ClientCert, "cert.clientCert")
		config.KeyData = read(auth.Cert.ClientKey, "cert.clientKey")
	case auth.Token != nil:
		token := read(auth.Token.BearerToken, "token.bearerToken")
		if config.BearerToken = strings.TrimSpace(string(token)); err == nil && config.BearerToken == "" {
			return invalid("auth.token.bearerToken", "points to an empty value")
		}
	default:
		source := &tokenSource{clock: env.Clock, request: func(ctx context.Context) (providers.Token, error) {
			token, err := env.Resolver.ServiceAccountToken(ctx, *auth.ServiceAccount)
			return token, fault.In(err, "%s.auth.serviceAccount", specPath)
		}}
		if _, err := source.token(ctx); err != nil {
			return err
		}
		config.Wrap(func(base http.RoundTripper) http.RoundTripper { return &tokenTransport{base: base, source: source} })
	}
	return err
}
