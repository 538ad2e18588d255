package beyondtrust

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/utils/ptr"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// specPath is the path of the provider's part of a store's spec, as messages name it.
const specPath = "spec.provider.beyondtrust"

const (
	defaultTimeout   = 45 * time.Second
	maxTimeout       = 300 * time.Second
	defaultSeparator = "/"
	// secretsSafe is the retrieval type that reads Secrets Safe.
	secretsSafe = "SECRET"
)

// New returns the provider. Its errors are of kind NotFound for a managed account or a secret that Password Safe says does not exist,
// Denied for credentials and rights, Throttled and Unavailable for what passes, and else Invalid.
func New() providers.Provider {
	return providers.Define("beyondtrust", func(p *esv1.SecretStoreProvider) *esv1.BeyondtrustProvider { return p.Beyondtrust }, open,
		providers.Validate(validate),
		providers.Capabilities[esv1.BeyondtrustProvider](esv1.CapabilityReadWrite),
		providers.MetricName[esv1.BeyondtrustProvider]("BeyondTrust/PasswordSafe"))
}

// settings is a store's spec without its credentials, with defaults.
type settings struct {
	// base is the address of the API, with a slash at its end.
	base      *url.URL
	version   string
	separator string
	// secrets says that keys are those of Secrets Safe, and not of managed accounts.
	secrets, decrypt, verify bool
	timeout                  time.Duration
}

func validate(spec *esv1.BeyondtrustProvider, _ providers.Store) error {
	if _, err := parse(spec.Server); err != nil {
		return err
	}
	return validateAuth(spec.Auth)
}

func parse(server *esv1.BeyondtrustServer) (settings, error) {
	if server == nil {
		return settings{}, invalid("server", "must be set")
	}
	base, err := parseURL(server.APIURL)
	if err != nil {
		return settings{}, err
	}
	s := settings{
		base: base, version: server.APIVersion, separator: server.Separator, secrets: strings.EqualFold(server.RetrievalType, secretsSafe),
		decrypt: ptr.Deref(server.Decrypt, true), verify: server.VerifyCA, timeout: time.Duration(server.ClientTimeOutSeconds) * time.Second,
	}
	if s.separator == "" {
		s.separator = defaultSeparator
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	switch {
	case utf8.RuneCountInString(s.separator) != 1:
		return s, invalid("server.separator", "must be one character")
	case s.timeout < 0 || s.timeout > maxTimeout:
		return s, invalid("server.clientTimeOutSeconds", "must be 1 to 300, or 0 for 45")
	}
	return s, nil
}

// parseURL reads the address of the API. The parser's own error quotes it, and it may hold a password.
func parseURL(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || base.Host == "":
		return nil, fault.Wrap(fault.Invalid, err, "%s.server.apiUrl is not a URL", specPath)
	case base.Scheme != "https":
		return nil, invalid("server.apiUrl", "must begin with https://")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, invalid("server.apiUrl", "must have no user, query or fragment")
	case !strings.Contains(base.Path, "/BeyondTrust/api/public/v"):
		return nil, invalid("server.apiUrl", "must lead to the public API, as in https://example.com/BeyondTrust/api/public/v3")
	}
	return base.JoinPath("/"), nil
}

// credential is a value of the spec's auth, nil when it is not set.
type credential struct {
	field string
	value *esv1.BeyondtrustValue
}

func credentials(auth *esv1.BeyondtrustAuth) []credential {
	return []credential{
		{"apiKey", auth.APIKey},
		{"clientId", auth.ClientID},
		{"clientSecret", auth.ClientSecret},
		{"certificate", auth.Certificate},
		{"certificateKey", auth.CertificateKey},
	}
}

func (c credential) validate() error {
	switch {
	case c.value == nil:
		return nil
	case c.value.SecretRef != nil && c.value.Value != "":
		return invalid("auth."+c.field, "cannot have both value and secretRef")
	case c.value.SecretRef == nil && c.value.Value == "":
		return invalid("auth."+c.field, "must have a value or a secretRef")
	}
	return nil
}

func validateAuth(auth *esv1.BeyondtrustAuth) error {
	if auth == nil {
		auth = &esv1.BeyondtrustAuth{}
	}
	for _, c := range credentials(auth) {
		if err := c.validate(); err != nil {
			return err
		}
	}
	switch {
	case auth.APIKey != nil:
		return nil
	case auth.ClientID == nil && auth.ClientSecret == nil:
		return invalid("auth", "has no way to sign in: set apiKey, or clientId and clientSecret")
	case auth.ClientID == nil || auth.ClientSecret == nil:
		return invalid("auth", "must have both clientId and clientSecret")
	}
	return nil
}

func invalid(path, problem string) error {
	return fault.New(fault.Invalid, "%s.%s %s", specPath, path, problem)
}
