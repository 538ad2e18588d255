package workloadcredentials

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// apiVersion of what this package speaks.
	apiVersion = "2026-04-28"
	// timeout of one call.
	timeout = 30 * time.Second
	// maxAnswer is the size of the largest answer in bytes.
	maxAnswer = 10 << 20

	typeJSON       = "application/json"
	typeMergePatch = "application/merge-patch+json"
)

// Resolver reads what a spec refers to.
type Resolver interface {
	// SecretKey returns the value of one key of a Secret.
	SecretKey(ctx context.Context, ref metametav1.SecretKeySelector) ([]byte, error)
	// CABundle returns the PEM of a certificate authority, bundle or what provider names; nil when both are empty.
	CABundle(ctx context.Context, bundle []byte, provider *esv1.CAProvider) ([]byte, error)
}

// Config is what it takes to open a client.
type Config struct {
	// Spec says where the site is and how to sign in there.
	Spec *esv1.BeyondtrustWorkloadCredentialsProvider
	// Field is the path of Spec in the object of the user, as messages name it.
	Field string
	// Resolver reads what Spec refers to.
	Resolver Resolver
	// HTTP returns a transport with the given TLS settings, nil for the system's.
	HTTP func(*tls.Config) http.RoundTripper
	// Clock is the time.
	Clock clock.PassiveClock
}

// Client talks to one site. It is safe for concurrent use.
type Client struct {
	base, token, host, field string
	http                     *http.Client
	clock                    clock.PassiveClock
	// own says that the transport belongs to this client alone.
	own bool
}

// Open returns a client. It reads the token and the certificate authority, and calls nobody else.
func Open(ctx context.Context, c Config) (*Client, error) {
	settings, err := c.trust(ctx)
	if err != nil {
		return nil, err
	}
	token, err := c.Resolver.SecretKey(ctx, c.Spec.Auth.APIKey.Token)
	if err != nil {
		return nil, fault.In(err, "%s.auth.apikey.token", c.Field)
	}
	address, err := parse(c.Spec, c.Field)
	if err != nil {
		return nil, err
	}
	trimmed := strings.TrimSpace(string(token))
	if trimmed == "" || strings.ContainsFunc(trimmed, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.New(fault.Invalid, "%s.auth.apikey.token: the value under key %q is empty, or has characters that no token has",
			c.Field, c.Spec.Auth.APIKey.Token.Key)
	}
	return &Client{
		base: strings.TrimRight(address.String(), "/") + "/" + c.Spec.Server.SiteID + "/secrets", token: trimmed,
		host: address.Host, field: c.Field, clock: c.Clock, own: settings != nil,
		http: &http.Client{Transport: c.HTTP(settings), CheckRedirect: stay},
	}, nil
}

// Close ends connections that nobody else uses.
func (c *Client) Close() {
	if c.own {
		c.http.CloseIdleConnections()
	}
}

// stay follows no redirect: the token was meant for the first address.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// trust returns the TLS settings of the spec; nil for the system's.
func (c Config) trust(ctx context.Context) (*tls.Config, error) {
	authority, err := c.Resolver.CABundle(ctx, c.Spec.CABundle, c.Spec.CAProvider)
	if err != nil {
		return nil, fault.In(err, "%s", c.Field)
	}
	if len(authority) == 0 {
		return nil, nil //nolint:nilnil // that is how the contract asks for the system's settings
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// siteID matches a UUID of any version: the example in BeyondTrust's own documentation has none.
var siteID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// Validate checks what can be checked without a call. field is the path of spec, as messages name it.
func Validate(spec *esv1.BeyondtrustWorkloadCredentialsProvider, field string) error {
	if token := spec.Auth.APIKey.Token; token.Name == "" || token.Key == "" {
		return fault.New(fault.Invalid, "%s.auth.apikey.token needs a name and a key (name %q, key %q)", field, token.Name, token.Key)
	}
	_, err := parse(spec, field)
	return err
}

func parse(spec *esv1.BeyondtrustWorkloadCredentialsProvider, field string) (*url.URL, error) {
	address, err := url.Parse(spec.Server.APIURL)
	if err != nil || address.Scheme != "https" || address.Hostname() == "" || address.RawQuery != "" || address.Fragment != "" {
		return nil, fault.Wrap(fault.Invalid, err,
			"%s.server.apiUrl must begin with https://, name a host and have no query, as in https://api.beyondtrust.io/site", field)
	}
	if !siteID.MatchString(spec.Server.SiteID) {
		return nil, fault.New(fault.Invalid, "%s.server.siteId %q is not a UUID", field, spec.Server.SiteID)
	}
	return address, nil
}

// operation is one call.
type operation struct {
	method, path string
	query        url.Values
	// body is sent as JSON; nil for none. patch says that it is a merge patch.
	body  any
	patch bool
	// does is what is attempted, for messages, and absent what a 404 means; empty where that means nothing special. may names the
	// right that it takes.
	does, absent, may string
	// answered, if it is not nil, is told the header of an answer that is a success, before the rest of it is read.
	answered func(http.Header)
}

// inFolder returns the query that names a folder; none for the root.
func inFolder(parameter, folder string) url.Values {
	if folder == "" {
		return url.Values{}
	}
	return url.Values{parameter: {folder}}
}

// call makes one call and decodes the answer into a value, if that is not nil.
func (c *Client) call(ctx context.Context, op operation, into any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(ctx, op)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s: %s cannot be reached: %s", op.does, c.host, c.connection(err))
	}
	defer response.Body.Close()
	success := response.StatusCode >= http.StatusOK && response.StatusCode < http.StatusMultipleChoices
	if success && op.answered != nil {
		op.answered(response.Header)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s: the answer of %s ends early: %s", op.does, c.host, c.connection(err))
	}
	if len(body) > maxAnswer {
		return fault.New(fault.Invalid, "%s: the answer of %s is larger than %d MiB", op.does, c.host, maxAnswer>>20)
	}
	if !success {
		return c.refusal(op, response, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s: the answer of %s is not what the API answers: check %s.server.apiUrl", op.does, c.host, c.field)
	}
	return nil
}

func (c *Client) request(ctx context.Context, op operation) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if op.body != nil {
		text, err := json.Marshal(op.body)
		if err != nil {
			return nil, fault.Wrap(fault.Unknown, err, "%s: what is to be sent has no JSON form", op.does)
		}
		body = bytes.NewReader(text)
	}
	address := c.base + op.path
	if len(op.query) > 0 {
		address += "?" + op.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, op.method, address, body)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s: %s.server.apiUrl is not a URL", op.does, c.field)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Bt-Secrets-Api-Version", apiVersion)
	request.Header.Set("Accept", typeJSON)
	request.Header.Set("Content-Type", typeJSON)
	if op.patch {
		request.Header.Set("Content-Type", typeMergePatch)
	}
	return request, nil
}

// Confirm returns an error of kind fault.NotFound as it is when the site answers to the token, and otherwise why that is not certain:
// of what a site lacks that is not there nothing is known. Other errors, and nil, are returned as they are.
func (c *Client) Confirm(ctx context.Context, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if unsure := c.Check(ctx); unsure != nil {
		return fault.In(unsure, "%s, or that is not certain", fault.Message(err))
	}
	return err
}

// Check asks whether the token is valid.
func (c *Client) Check(ctx context.Context) error {
	return c.call(ctx, operation{
		method: http.MethodGet, path: "/session", does: "could not check the session", may: "use this site",
	}, nil)
}
