package webhook

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
)

type spec = genv1alpha1.WebhookSpec

// The values of the Secret that the tests send. Each is marked, so that a text that quotes one is found.
const (
	userName = "do-not-quote-user"
	apiToken = "do-not-quote token&?/+"
	broken   = "do-not-quote\n"
)

func object(s spec) *genv1alpha1.Webhook { return &genv1alpha1.Webhook{Spec: s} }

// serve starts an endpoint and returns its address and its certificate authority.
func serve(t *testing.T, handler http.HandlerFunc) (address string, authority []byte) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server.URL, authorityOf(server)
}

func authorityOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func environment(authority []byte) generators.Env {
	return generators.Env{
		Resolver: generatortest.Resolver{
			Secrets: map[string]map[string]string{
				"login": {"user": userName, "token": apiToken, "broken": broken, "host": "do-not-quote.invalid", "plain": "abc"},
				"more":  {"region": "north"}, "foreign": {"k": "v"},
			},
			Labels:    map[string]string{"login": "external-secrets.io/type: webhook", "more": "external-secrets.io/type: webhook"},
			Authority: authority,
		},
		HTTP: func(settings *tls.Config) http.RoundTripper {
			return &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
		},
		Clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)),
	}
}

// calling is a spec that can be used, with all that the tests need.
func calling(address string) spec {
	return spec{
		URL:        address,
		CAProvider: &esv1.CAProvider{Type: esv1.CAProviderSecret, Name: "ca", Key: "ca.crt"},
		Secrets: []genv1alpha1.WebhookSecret{
			{Name: "login", SecretRef: metametav1.SecretKeySelector{Name: "login"}},
			{Name: "login", SecretRef: metametav1.SecretKeySelector{Name: "more", Key: "does-not-matter"}},
		},
	}
}

func with(s spec, change func(*spec)) spec {
	change(&s)
	return s
}

func generate(t *testing.T, s spec, env generators.Env) (map[string]string, error) {
	t.Helper()
	result, err := New().Bind(object(s)).Generate(t.Context(), env)
	data := map[string]string{}
	for key, value := range result.Data {
		data[key] = string(value)
	}
	return data, err
}

func expectFault(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.KindOf(err), kind, says)
	}
	if strings.Contains(err.Error(), "do-not-quote") {
		t.Errorf("the error quotes a value: %v", err)
	}
}

func TestContract(t *testing.T) {
	tokens := make(chan string)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for n := 0; ; n++ {
			select {
			case tokens <- fmt.Sprintf("issued-%d", n):
			case <-done:
				return
			}
		}
	}()
	address, authority := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != apiToken || r.URL.Query().Get("user") != userName {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"token":%q,"region":"north"}}`, <-tokens)
	})
	s := with(calling(address+"/?user={{ .login.user }}"), func(s *spec) {
		s.Headers = map[string]string{"X-Token": "{{ .login.token }}"}
		s.Result = genv1alpha1.WebhookResult{JSONPath: "$.data"}
	})
	generatortest.Run(t, generatortest.Harness{
		Together:  true,
		Generator: New(),
		Object:    object(s),
		Cluster:   genv1alpha1.GeneratorSpec{WebhookSpec: &s},
		Env:       environment(authority),
		Keys:      []string{"token", "region"},
		Fresh:     []string{"token"},
		Fixed:     []string{"region"},
		Secrets:   []string{userName, apiToken, "do-not-quote"},
		Refused:   refusals(s),
	})
}

func refusals(good spec) []generatortest.Refusal {
	refusal := func(name, says string, change func(*spec)) generatortest.Refusal {
		return generatortest.Refusal{Name: name, Object: object(with(good, change)), Says: says}
	}
	header := func(name, value string) func(*spec) {
		return func(s *spec) { s.Headers = map[string]string{name: value} }
	}
	return []generatortest.Refusal{
		refusal("no URL", "spec.url must begin with http:// or https:// and name a host", func(s *spec) { s.URL = "" }),
		refusal("a file", "spec.url must begin with http://", func(s *spec) { s.URL = "file:///etc/passwd" }),
		refusal("no host", "spec.url must begin with http://", func(s *spec) { s.URL = "https://:443/{{ .login.user }}" }),
		refusal("what is no URL", "spec.url is not a URL", func(s *spec) { s.URL = "https://{{ .login.user }}:port/" }),
		refusal("a URL that lacks a value", "spec.url", func(s *spec) { s.URL = "https://localhost/{{ .login.nope }}" }),
		refusal("a URL that is no template", "spec.url", func(s *spec) { s.URL = "https://localhost/{{ .login.user" }),
		refusal("a body that lacks a secret", "spec.body", func(s *spec) { s.Body = "{{ .nope.user }}" }),
		refusal("a header that lacks a value", "spec.headers[X-Token]", header("X-Token", "{{ .login.nope }}")),
		refusal("a header with a line break", "spec.headers[X-Token]: the value holds a line break", header("X-Token", "{{ .login.broken }}")),
		refusal("a name that is no header's", "spec.headers[X Token]: the name cannot be that of a header", header("X Token", "a")),
		refusal("what is no method", `spec.method "GET ME" is not a method`, func(s *spec) { s.Method = "GET ME" }),
		refusal("a negative timeout", "spec.timeout -1s", func(s *spec) { s.Timeout = &metav1.Duration{Duration: -time.Second} }),
		refusal("what is no path", "spec.result.jsonPath is not a JSONPath", func(s *spec) { s.Result.JSONPath = "data" }),
		refusal("a path to many values", "spec.result.jsonPath must lead to one value", func(s *spec) { s.Result.JSONPath = "$..*" }),
		refusal("a filter", "spec.result.jsonPath must lead to one value", func(s *spec) { s.Result.JSONPath = "$[?@.a]" }),
		refusal("a secret without a name", "spec.secrets[0].name", func(s *spec) {
			s.Secrets = []genv1alpha1.WebhookSecret{{SecretRef: metametav1.SecretKeySelector{Name: "login"}}}
		}),
	}
}

// request is what the endpoint has seen.
type request struct {
	Method, Path, RawQuery, Host, Body string
	Header                             map[string]string
}

func seen(r *http.Request) request {
	body, _ := io.ReadAll(r.Body)
	header := map[string]string{}
	for name := range r.Header {
		if !slices.Contains([]string{"User-Agent", "Accept-Encoding", "Content-Length"}, name) {
			header[name] = r.Header.Get(name)
		}
	}
	return request{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, string(body), header}
}

func TestRequest(t *testing.T) {
	const escapedToken = "do-not-quote%20token%26%3F%2F%2B"
	var got request
	address, authority := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = seen(r)
		_, _ = io.WriteString(w, "{}")
	})
	host := strings.TrimPrefix(address, "https://")
	for _, tt := range []struct {
		reason string
		path   string
		change func(*spec)
		want   request
	}{
		{"a GET is the default", "/a?b=c", func(*spec) {}, request{Method: "GET", Path: "/a", RawQuery: "b=c", Host: host}},
		{
			"values are escaped in a URL", "/{{ .login.token }}?token={{ .login.token }}", func(*spec) {},
			request{Method: "GET", Path: "/" + apiToken, RawQuery: "token=" + escapedToken, Host: host},
		},
		{
			"Secrets of one name are one", "/{{ .login.plain }}/{{ .login.region }}", func(*spec) {},
			request{Method: "GET", Path: "/abc/north", Host: host},
		},
		{
			"values are not escaped in the body and headers", "/", func(s *spec) {
				s.Method, s.Body = "POST", `{"token":{{ .login.token | toJson }}}`
				s.Headers = map[string]string{"content-type": "application/json", "Authorization": "Bearer {{ .login.token | b64enc }}"}
			},
			request{Method: "POST", Path: "/", Host: host, Body: `{"token":"do-not-quote token\u0026?/+"}`, Header: map[string]string{
				"Content-Type": "application/json", "Authorization": "Bearer ZG8tbm90LXF1b3RlIHRva2VuJj8vKw==",
			}},
		},
		{
			"the name of a host", "/", func(s *spec) { s.Headers = map[string]string{"Host": "example.com"} },
			request{Method: "GET", Path: "/", Host: "example.com"},
		},
		{"a user in the URL", "", func(s *spec) { s.URL = strings.Replace(s.URL, "https://", "https://a:b@", 1) }, request{
			Method: "GET", Path: "/", Host: host, Header: map[string]string{"Authorization": "Basic YTpi"},
		}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if _, err := generate(t, with(calling(address+tt.path), tt.change), environment(authority)); err != nil {
				t.Fatal(err)
			}
			if tt.want.Header == nil {
				tt.want.Header = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretsNeedTheLabel(t *testing.T) {
	address, authority := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	s := calling(address)
	s.Secrets = append(s.Secrets, genv1alpha1.WebhookSecret{Name: "foreign", SecretRef: metametav1.SecretKeySelector{Name: "foreign"}})
	_, err := generate(t, s, environment(authority))
	expectFault(t, err, fault.Denied, `spec.secrets[2].secretRef: secret "foreign" lacks the label external-secrets.io/type: webhook`)
}

func TestResult(t *testing.T) {
	for _, tt := range []struct {
		reason, answer, path string
		want                 map[string]string
	}{
		{"all of it", `{"a":"b"}`, "", map[string]string{"a": "b"}},
		{"a part of it", `{"data":{"a":"b"},"c":"d"}`, "$.data", map[string]string{"a": "b"}},
		{"deeper, with spaces around the path", `{"data":[{"my-item":{"a":"b"}}]}`, " $.data[0]['my-item']\n", map[string]string{"a": "b"}},
		{"from the end", `[{"a":"b"},{"c":"d"}]`, "$[-1]", map[string]string{"c": "d"}},
		{"JSON in a text", `{"data":"{\"a\":\"b\"}"}`, "$.data", map[string]string{"a": "b"}},
		{"a text that is JSON", `"{\"a\":\"b\"}"`, "", map[string]string{"a": "b"}},
		{"no members", `{}`, "$", map[string]string{}},
		{
			"values that are no texts",
			`{"number":12345678901234567890,"float":1.50,"yes":true,"none":null,"object":{"b":"<&>","a":[1, 2]},"list":["x"],"":"unnamed"}`, "",
			map[string]string{
				"number": "12345678901234567890", "float": "1.50", "yes": "true", "none": "", "object": `{"a":[1,2],"b":"<&>"}`,
				"list": `["x"]`, "": "unnamed",
			},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			address, authority := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) })
			got, err := generate(t, with(calling(address), func(s *spec) { s.Result.JSONPath = tt.path }), environment(authority))
			if err != nil || !maps.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestUselessAnswers(t *testing.T) {
	for _, tt := range []struct{ reason, answer, path, says string }{
		{"nothing", "", "", "the answer is not JSON"},
		{"no JSON", "<html>do-not-quote</html>", "", "the answer is not JSON"},
		{"JSON and more", `{"a":"do-not-quote"} do-not-quote`, "", "the answer is not JSON"},
		{"a list", `["do-not-quote"]`, "", "the answer is not a JSON object"},
		{"null", `null`, "", "the answer is not a JSON object"},
		{"a text that is not JSON", `{"data":"do-not-quote"}`, "$.data", "the answer at spec.result.jsonPath is a text that is not JSON"},
		{"a text that is a list", `{"data":"[]"}`, "$.data", "the answer at spec.result.jsonPath is not a JSON object"},
		{"another place", `{"do-not-quote":{}}`, "$.data", "the answer has nothing at spec.result.jsonPath"},
		{"more than a Secret holds", `{"a":"` + strings.Repeat("do-not-quote", maxAnswer/12) + `"}`, "", "larger than 1048576 bytes"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			address, authority := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) })
			_, err := generate(t, with(calling(address), func(s *spec) { s.Result.JSONPath = tt.path }), environment(authority))
			expectFault(t, err, fault.Invalid, tt.says)
		})
	}
}

func TestRefusingEndpoints(t *testing.T) {
	for _, tt := range []struct {
		code   int
		header string
		kind   fault.Kind
		after  time.Duration
	}{
		{code: 304, kind: fault.Unavailable},
		{code: 400, kind: fault.Invalid},
		{code: 401, kind: fault.Denied},
		{code: 403, kind: fault.Denied},
		{code: 404, kind: fault.NotFound},
		{code: 407, kind: fault.Denied},
		{code: 408, kind: fault.Unavailable},
		{code: 410, kind: fault.Invalid},
		{code: 422, kind: fault.Invalid},
		{code: 429, kind: fault.Throttled},
		{code: 429, header: "17", kind: fault.Throttled, after: 17 * time.Second},
		{code: 429, header: "soon", kind: fault.Throttled},
		{code: 429, header: "-1", kind: fault.Throttled},
		{code: 429, header: time.Unix(1_800_000_060, 0).UTC().Format(http.TimeFormat), kind: fault.Throttled, after: time.Minute},
		{code: 429, header: time.Unix(1_700_000_000, 0).UTC().Format(http.TimeFormat), kind: fault.Throttled},
		{code: 500, kind: fault.Unavailable},
		{code: 503, kind: fault.Unavailable},
	} {
		t.Run(fmt.Sprint(tt.code, tt.header), func(t *testing.T) {
			address, authority := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.header)
				w.WriteHeader(tt.code)
				if tt.code >= 400 {
					_, _ = io.WriteString(w, "do-not-quote")
				}
			})
			_, err := generate(t, calling(address+"/?token={{ .login.token }}"), environment(authority))
			host := strings.TrimPrefix(address, "https://")
			expectFault(t, err, tt.kind, fmt.Sprintf("endpoint gave error %d (endpoint %q)", tt.code, host))
			if got := fault.RetryAfter(err); got != tt.after {
				t.Errorf("it asks to wait for %s, want %s", got, tt.after)
			}
		})
	}
}
