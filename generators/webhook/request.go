package webhook

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// secretsOf reads the Secrets that templates use, by the names that they have there. Those that share a name are one.
func secretsOf(
	ctx context.Context, spec *genv1alpha1.WebhookSpec, resolver generators.Resolver,
) (map[string]map[string][]byte, error) {
	secrets := make(map[string]map[string][]byte, len(spec.Secrets))
	for i, secret := range spec.Secrets {
		data, err := resolver.LabelledSecret(ctx, secret.SecretRef, genv1alpha1.LabelWebhookSecret, genv1alpha1.LabelWebhookSecretValue)
		if err != nil {
			return nil, fault.In(err, "spec.secrets[%d].secretRef", i)
		}
		if secret.Name == "" {
			return nil, fault.New(fault.Invalid, "spec.secrets[%d].name is empty: templates need a name for the secret", i)
		}
		if secrets[secret.Name] == nil {
			secrets[secret.Name] = map[string][]byte{}
		}
		maps.Copy(secrets[secret.Name], data)
	}
	return secrets, nil
}

// variables are what a template sees of the secrets, each value as written says.
func variables(secrets map[string]map[string][]byte, written func(string) string) map[string]any {
	all := make(map[string]any, len(secrets))
	for name, data := range secrets {
		values := make(map[string]any, len(data))
		for key, value := range data {
			values[key] = written(string(value))
		}
		all[name] = values
	}
	return all
}

// escaped writes a value so that it can stand anywhere in a URL: a space is %20, since a plus means one in a query only.
func escaped(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

func plain(value string) string { return value }

// request renders what is sent. Its errors name the field and hold nothing that was rendered.
func (g generator) request(
	ctx context.Context, spec *genv1alpha1.WebhookSpec, secrets map[string]map[string][]byte,
) (*http.Request, error) {
	where, err := g.url(spec, secrets)
	if err != nil {
		return nil, err
	}
	data := variables(secrets, plain)
	body, err := g.engine.Text("spec.body", spec.Body, data)
	if err != nil {
		return nil, err
	}
	var content io.Reader = http.NoBody
	if len(body) > 0 {
		// A type for which net/http knows the length, and that it can send again after a redirect.
		content = strings.NewReader(string(body))
	}
	request, err := http.NewRequestWithContext(ctx, spec.Method, where.String(), content)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "spec.method %q is not a method of HTTP", spec.Method)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Headers)) {
		field := fmt.Sprintf("spec.headers[%s]", name)
		value, err := g.engine.Text(field, spec.Headers[name], data)
		if err != nil {
			return nil, err
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fault.New(fault.Invalid, "%s: the name cannot be that of a header", field)
		}
		if !httpguts.ValidHeaderFieldValue(string(value)) {
			return nil, fault.New(fault.Invalid, "%s: the value holds a line break or another control character: does a secret end with one?", field)
		}
		request.Header.Set(name, string(value))
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	return request, nil
}

func (g generator) url(spec *genv1alpha1.WebhookSpec, secrets map[string]map[string][]byte) (*url.URL, error) {
	text, err := g.engine.Text("spec.url", spec.URL, variables(secrets, escaped))
	if err != nil {
		return nil, err
	}
	where, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "spec.url is not a URL")
	}
	if (where.Scheme != "http" && where.Scheme != "https") || where.Hostname() == "" {
		return nil, fault.New(fault.Invalid, "spec.url must begin with http:// or https:// and name a host")
	}
	return where, nil
}

// String names the host, if it stands in the spec as it is: otherwise it may have been made of a secret.
func (e endpoint) String() string {
	if host := e.request.URL.Host; strings.Contains(e.spec.URL, host) {
		return fmt.Sprintf("endpoint %q", host)
	}
	return "the endpoint of spec.url"
}
