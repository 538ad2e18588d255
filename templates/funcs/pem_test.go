package funcs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authority is a certificate with its key, both in PEM.
type authority struct {
	cert     *x509.Certificate
	signer   crypto.Signer
	pem, key string
}

// issue returns a certificate that parent signed, or itself when parent is nil.
func issue(t *testing.T, name string, parent *authority, edit func(*x509.Certificate)) *authority {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(4_000_000_000, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if edit != nil {
		edit(template)
	}
	issuer, issuerKey := template, crypto.Signer(signer)
	if parent != nil {
		issuer, issuerKey = parent.cert, parent.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, signer.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, signer: signer, pem: block("CERTIFICATE", der), key: block("PRIVATE KEY", pkcs8(t, signer))}
}

func block(blockType string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}

func pkcs8(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func leafOf(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }

// chain returns root, intermediate and leaf.
func chain(t *testing.T) (root, middle, leaf *authority) {
	t.Helper()
	root = issue(t, "root", nil, nil)
	middle = issue(t, "intermediate", root, nil)
	return root, middle, issue(t, "leaf", middle, leafOf)
}

func TestFilterPEM(t *testing.T) {
	a, b := issue(t, "a", nil, nil), issue(t, "b", nil, nil)
	cases := []struct{ reason, blockType, text, want string }{
		{"the certificate behind a key", "CERTIFICATE", a.key + a.pem, a.pem},
		{"all of a type, in their order", "CERTIFICATE", b.pem + a.key + a.pem, b.pem + a.pem},
		{"the case of the type does not matter", "private key", a.pem + a.key, a.key},
		{"none of the type", "PUBLIC KEY", a.pem, ""},
		{"text before and behind", "PRIVATE KEY", "subject: a\n" + a.key + "--- end ---", a.key},
		{"text before, on the same line", "CERTIFICATE", "subject: a " + a.pem + b.pem, a.pem + b.pem},
		{"line ends of Windows", "CERTIFICATE", strings.ReplaceAll(a.key+a.pem, "\n", "\r\n"), a.pem},
		{"another type that is malformed", "CERTIFICATE", a.pem + "junk" + a.key, a.pem},
		{"an empty text", "CERTIFICATE", "", ""},
		{"white space", "CERTIFICATE", " \n", ""},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got := mustRender(t, `{{ .text | filterPEM .type }}`, map[string]string{"text": tc.text, "type": tc.blockType})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	checkFailures(t, []failing{
		{"no PEM at all", `{{ filterPEM "CERTIFICATE" "hunter2" }}`, nil, "no PEM block"},
		{"a block that does not start on its own line", `{{ filterPEM "CERTIFICATE" . }}`, a.key + "junk" + a.pem, "malformed"},
		{"one block of several that is cut short", `{{ filterPEM "CERTIFICATE" . }}`, a.pem[:len(a.pem)-5] + "\n" + b.pem, "malformed"},
	})
}

func TestFilterCertChain(t *testing.T) {
	root, middle, leaf := chain(t)
	other := issue(t, "other", nil, nil)
	cases := []struct{ reason, role, text, want string }{
		{"the leaf", "leaf", leaf.pem + middle.pem + root.pem, leaf.pem},
		{"the leaf wherever it stands", "leaf", root.pem + leaf.pem + middle.pem, leaf.pem},
		{"the leaf alone", "leaf", leaf.pem, leaf.pem},
		{"a root is no leaf", "leaf", root.pem, ""},
		{"the intermediate", "intermediate", middle.pem + root.pem + leaf.pem, middle.pem},
		{"the intermediate without a root", "intermediate", leaf.pem + middle.pem, middle.pem},
		{"no intermediate", "intermediate", leaf.pem, ""},
		{"the root", "root", leaf.pem + middle.pem + root.pem, root.pem},
		{"the root alone", "root", root.pem, root.pem},
		{"no root", "root", leaf.pem + middle.pem, ""},
		{"a certificate that stands twice", "root", leaf.pem + middle.pem + root.pem + root.pem, root.pem},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got := mustRender(t, `{{ .text | filterCertChain .role }}`, map[string]string{"text": tc.text, "role": tc.role})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	checkFailures(t, []failing{
		{"nothing", `{{ filterCertChain "leaf" "" }}`, nil, "no PEM block"},
		{"a key among the certificates", `{{ filterCertChain "leaf" . }}`, leaf.pem + leaf.key, "block 2 is not a certificate"},
		{"a damaged certificate", `{{ filterCertChain "leaf" . }}`, block("CERTIFICATE", []byte("hunter2")), "block 1 is a malformed"},
		{"two chains", `{{ filterCertChain "leaf" . }}`, leaf.pem + middle.pem + root.pem + other.pem, "do not form one chain"},
		{"an unknown role", `{{ filterCertChain "trunk" . }}`, leaf.pem, `must be "leaf"`},
	})
}

func TestCertSANs(t *testing.T) {
	home, err := url.Parse("https://example.com/home")
	if err != nil {
		t.Fatal(err)
	}
	full := issue(t, "full", nil, func(c *x509.Certificate) {
		c.URIs = []*url.URL{home}
		c.EmailAddresses = []string{"admin@example.com"}
		c.IPAddresses = []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1")}
		c.DNSNames = []string{"example.com", "www.example.com"}
	})
	got := mustRender(t, `{{ . | certSANs | join "," }}`, "text in front\n"+full.pem)
	if want := "example.com,www.example.com,192.0.2.1,2001:db8::1,admin@example.com,https://example.com/home"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := mustRender(t, `{{ certSANs . | toJson }}`, issue(t, "bare", nil, nil).pem); got != "[]" {
		t.Errorf("a certificate without names: got %s, want an empty list", got)
	}
	checkFailures(t, []failing{
		{"no PEM", `{{ certSANs "hunter2" }}`, nil, "no PEM block"},
		{"a key", `{{ certSANs . }}`, full.key, "not a certificate"},
	})
}
