package webhook

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

func TestEndpointsThatDoNotAnswer(t *testing.T) {
	address, authority := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"a":"do-not-quote`)
		}
	})
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, tt := range []struct {
		reason    string
		url       string
		authority []byte
		says      string
	}{
		{"no answer in time", address + "/slow", authority, "no answer in time"},
		{"an answer that ends early", address + "/cut", authority, "the answer ends early"},
		{"another authority", address, stranger(t), "signed by an unknown authority: check spec.caBundle or spec.caProvider"},
		{"another name", strings.Replace(address, "127.0.0.1", "localhost", 1), authority, "its certificate is not valid for this name"},
		{"no TLS", strings.Replace(plain.URL, "http://", "https://", 1), authority, "it does not speak TLS"},
		{"nobody listens", closed.URL, authority, "connection refused"},
		{"no such name", "https://endpoint.invalid/", authority, "the name cannot be resolved"},
		{"a name out of a secret", "https://{{ .login.host }}/", authority, "the endpoint of spec.url: the name cannot be resolved"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			s := with(calling(tt.url), func(s *spec) { s.Timeout = &metav1.Duration{Duration: time.Second} })
			_, err := generate(t, s, environment(tt.authority))
			expectFault(t, err, fault.Unavailable, tt.says)
		})
	}
}

// stranger is a certificate authority that has signed nothing.
func stranger(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestAuthority(t *testing.T) {
	address, authority := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	s := with(calling(address), func(s *spec) { s.CABundle, s.CAProvider = authority, nil })
	if _, err := generate(t, s, environment(nil)); err != nil {
		t.Errorf("with the authority in the spec: %v", err)
	}
	s.CABundle = nil
	_, err := generate(t, s, environment(nil))
	expectFault(t, err, fault.Unavailable, "signed by an unknown authority")
}

func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		reason  string
		written *metav1.Duration
		want    time.Duration
	}{
		{"there is always one", nil, 30 * time.Second},
		{"zero is none", &metav1.Duration{}, 30 * time.Second},
		{"as it is written", &metav1.Duration{Duration: time.Minute}, time.Minute},
		{"up to a bound", &metav1.Duration{Duration: time.Hour}, 5 * time.Minute},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if got, err := timeoutOf(&spec{Timeout: tt.written}); err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestInterruptedRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, authority := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := New().Bind(object(calling(address))).Generate(ctx, environment(authority))
	expectFault(t, err, fault.Unavailable, "the request was interrupted")
}

func TestRedirects(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other endpoint got a request with the headers %v", r.Header)
	}))
	t.Cleanup(other.Close)
	to := ""
	address, authority := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" && r.Header.Get("X-Token") == "abc" {
			_, _ = io.WriteString(w, `{"token":"arrived"}`)
			return
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	})
	for _, tt := range []struct {
		reason, to string
		followed   bool
	}{
		{"on the same host", "/there", true},
		{"on the same host, written out", address + "/there", true},
		{"to another port", other.URL, false},
		{"to another host", strings.Replace(address, "127.0.0.1", "localhost", 1), false},
		{"without TLS", strings.Replace(address, "https://", "http://", 1) + "/there", false},
		{"without end", "/loop", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			to = tt.to
			s := with(calling(address), func(s *spec) { s.Headers = map[string]string{"X-Token": "{{ .login.plain }}"} })
			got, err := generate(t, s, environment(authority))
			if !tt.followed {
				expectFault(t, err, fault.Invalid, "redirects elsewhere, which is not followed: write where it leads into spec.url")
			} else if err != nil || got["token"] != "arrived" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestStay(t *testing.T) {
	for _, tt := range []struct {
		reason, from, to string
		followed         bool
	}{
		{"to TLS", "http://example.com/a", "https://example.com/a", true},
		{"to TLS, with the ports written out", "http://example.com:80/a", "https://example.com:443/a", true},
		{"to TLS on another port", "http://example.com/a", "https://example.com:8443/a", false},
		{"from a port of its own to TLS", "http://example.com:8080/a", "https://example.com/a", false},
		{"away from TLS", "https://example.com/a", "http://example.com/a", false},
		{"to a name below", "https://example.com/a", "https://a.example.com/a", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			request := func(url string) *http.Request {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			if err := stay(request(tt.to), []*http.Request{request(tt.from)}); (err == nil) != tt.followed {
				t.Errorf("got %v, want followed %v", err, tt.followed)
			}
		})
	}
}

// domain is an endpoint that signs users in by NTLM: it knows them by name, and each connection once.
type domain struct {
	sync.Mutex

	challenged, signedIn map[string]bool
	schemes              []string
}

func wide(text string) []byte {
	var out bytes.Buffer
	for _, unit := range utf16.Encode([]rune(text)) {
		_ = binary.Write(&out, binary.LittleEndian, unit)
	}
	return out.Bytes()
}

// challenge is a message of type 2 for Unicode and NTLM with extended session security.
func challenge() []byte {
	message := make([]byte, 48)
	copy(message, "NTLMSSP\x00\x02\x00\x00\x00")
	binary.LittleEndian.PutUint32(message[16:], 48)
	binary.LittleEndian.PutUint32(message[20:], 0x00080201|1<<23)
	copy(message[24:], "12345678")
	binary.LittleEndian.PutUint32(message[44:], 48)
	return message
}

func (d *domain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.Lock()
	defer d.Unlock()
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	d.schemes = append(d.schemes, scheme)
	message, err := base64.StdEncoding.DecodeString(text)
	w.Header().Set("WWW-Authenticate", "NTLM")
	switch {
	case d.signedIn[r.RemoteAddr]:
	case scheme == "NTLM" && err == nil && len(message) > 8 && message[8] == 1:
		d.challenged[r.RemoteAddr] = true
		w.Header().Set("WWW-Authenticate", "NTLM "+base64.StdEncoding.EncodeToString(challenge()))
		w.WriteHeader(http.StatusUnauthorized)
		return
	case scheme == "NTLM" && d.challenged[r.RemoteAddr] && bytes.Contains(message, wide(userName)):
		d.signedIn[r.RemoteAddr] = true
	default:
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	_, _ = w.Write(body)
}

func TestNTLM(t *testing.T) {
	ref := func(name, key string) metametav1.SecretKeySelector {
		return metametav1.SecretKeySelector{Name: name, Key: key}
	}
	for _, tt := range []struct {
		reason         string
		user, password metametav1.SecretKeySelector
		kind           fault.Kind
		says           string
	}{
		{reason: "a user that it knows", user: ref("login", "user"), password: ref("login", "token")},
		{
			reason: "a user that it does not know", user: ref("login", "plain"), password: ref("login", "token"),
			kind: fault.Denied, says: "endpoint gave error 401",
		},
		{
			reason: "no such key", user: ref("login", "nope"), password: ref("login", "token"),
			kind: fault.Denied, says: `spec.auth.ntlm.usernameSecret: secret "login" has no key "nope"`,
		},
		{
			reason: "a Secret that is not meant for it", user: ref("login", "user"), password: ref("foreign", "k"),
			kind: fault.Denied, says: `spec.auth.ntlm.passwordSecret: secret "foreign" lacks the label`,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			d := &domain{challenged: map[string]bool{}, signedIn: map[string]bool{}}
			closed := make(chan struct{}, 8)
			server := httptest.NewUnstartedServer(d)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- struct{}{}
				}
			}
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			s := with(calling(server.URL), func(s *spec) {
				s.Method, s.Body = "POST", `{"a":"b"}`
				s.Auth = &genv1alpha1.WebhookAuth{NTLM: &genv1alpha1.WebhookNTLM{UserName: tt.user, Password: tt.password}}
			})
			got, err := generate(t, s, environment(authorityOf(server)))
			if tt.says != "" {
				expectFault(t, err, tt.kind, tt.says)
				return
			}
			if err != nil || got["a"] != "b" {
				t.Fatalf("got %q, %v", got, err)
			}
			<-closed // the connection on which the user is signed in is nobody else's
			for _, scheme := range d.schemes {
				if scheme == "Basic" {
					t.Error("the password was sent as it is")
				}
			}
		})
	}
}
