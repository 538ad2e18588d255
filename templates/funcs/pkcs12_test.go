package funcs_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("the archive is not base64: %v", err)
	}
	return der
}

func TestPEMToPKCS12(t *testing.T) {
	root, middle, leaf := chain(t)
	data := map[string]string{"leaf": leaf.pem, "chain": middle.pem + leaf.pem + root.pem, "key": leaf.key, "both": leaf.key + leaf.pem}
	cases := []struct {
		reason, text, password string
		others                 []*x509.Certificate
	}{
		{"certificate and key", `{{ pemToPkcs12 .leaf .key }}`, "", nil},
		{"with a password, which comes last", `{{ pemToPkcs12Pass .leaf .key "pw" }}`, "pw", nil},
		{"only the key's own certificate of a chain", `{{ pemToPkcs12 .chain .key }}`, "", nil},
		{
			"a whole chain, the key's own certificate first",
			`{{ fullPemToPkcs12 .chain .key }}`,
			"",
			[]*x509.Certificate{middle.cert, root.cert},
		},
		{"a whole chain with a password", `{{ fullPemToPkcs12Pass .chain .key "pw" }}`, "pw", []*x509.Certificate{middle.cert, root.cert}},
		{"certificate and key in one text", `{{ pemToPkcs12 .both .both }}`, "", nil},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			key, cert, others, err := pkcs12.DecodeChain(decoded(t, mustRender(t, tc.text, data)), tc.password)
			if err != nil {
				t.Fatal(err)
			}
			if private, ok := key.(*ecdsa.PrivateKey); !ok || !private.Equal(leaf.signer) {
				t.Error("the archive holds another key")
			}
			if !cert.Equal(leaf.cert) {
				t.Errorf("got the certificate of %s first", cert.Subject)
			}
			if diff := cmp.Diff(tc.others, others); diff != "" {
				t.Error(diff)
			}
		})
	}
	checkFailures(t, []failing{
		{"no certificate", `{{ pemToPkcs12 .key .key }}`, data, "no certificate"},
		{"no key", `{{ pemToPkcs12 .leaf .leaf }}`, data, "no private key"},
		{"no PEM", `{{ pemToPkcs12 "hunter2" .key }}`, data, "no PEM block"},
		{"a damaged key", `{{ pemToPkcs12 . "-----BEGIN PRIVATE KEY-----\naGk=\n-----END PRIVATE KEY-----\n" }}`, leaf.pem, "malformed"},
		{
			"an encrypted key",
			`{{ pemToPkcs12 . "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGk=\n-----END ENCRYPTED PRIVATE KEY-----\n" }}`,
			leaf.pem,
			"encrypted",
		},
	})
}

func TestKeysOfEveryEncodingAreRead(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, "leaf", nil, leafOf)
	ecKey, ok := leaf.signer.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("the test's key is not ECDSA")
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ reason, key, want string }{
		{"PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), block("PRIVATE KEY", pkcs8(t, rsaKey))},
		{"PKCS#8", block("PRIVATE KEY", pkcs8(t, rsaKey)), block("PRIVATE KEY", pkcs8(t, rsaKey))},
		{"SEC 1", block("EC PRIVATE KEY", sec1), leaf.key},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got := mustRender(t, `{{ pemToPkcs12 .cert .key | b64dec | pkcs12key }}`, map[string]string{"cert": leaf.pem, "key": tc.key})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPKCS12ToPEM(t *testing.T) {
	root, middle, leaf := chain(t)
	other := issue(t, "other", nil, nil)
	archive := func(encoder *pkcs12.Encoder, password string, others ...*x509.Certificate) string {
		der, err := encoder.Encode(leaf.signer, leaf.cert, others, password)
		if err != nil {
			t.Fatal(err)
		}
		return string(der)
	}
	trusted, err := pkcs12.Modern2023.EncodeTrustStore([]*x509.Certificate{root.cert}, "pw")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ reason, text, archive, want string }{
		{"the key", `{{ . | pkcs12key }}`, archive(pkcs12.Modern2023, ""), leaf.key},
		{"the key with a password, which comes first", `{{ . | pkcs12keyPass "pw" }}`, archive(pkcs12.Modern2023, "pw"), leaf.key},
		{
			"certificates are put in order",
			`{{ . | pkcs12cert }}`,
			archive(pkcs12.Modern2023, "", root.cert, middle.cert),
			leaf.pem + middle.pem + root.pem,
		},
		{
			"certificates that are no chain stay as they are", `{{ pkcs12cert . }}`,
			archive(pkcs12.Modern2023, "", root.cert, other.cert), leaf.pem + root.pem + other.pem,
		},
		{"the ciphers of old tools", `{{ pkcs12certPass "pw" . }}`, archive(pkcs12.LegacyRC2, "pw"), leaf.pem},
		{"no encryption", `{{ pkcs12key . }}`, archive(pkcs12.Passwordless, ""), leaf.key},
		{"a trust store", `{{ pkcs12certPass "pw" . }}`, string(trusted), root.pem},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mustRender(t, tc.text, tc.archive)); diff != "" {
				t.Error(diff)
			}
		})
	}
	good := archive(pkcs12.Modern2023, "pw")
	checkFailures(t, []failing{
		{"a wrong password", `{{ pkcs12keyPass "wrong" . }}`, good, "unable to decode pkcs12"},
		{"a wrong password for the certificates", `{{ pkcs12certPass "wrong" . }}`, good, "unable to decode pkcs12"},
		{"an archive that is still base64", `{{ pkcs12keyPass "pw" . }}`, base64.StdEncoding.EncodeToString([]byte(good)), "still base64"},
		{"a trust store has no key", `{{ pkcs12keyPass "pw" . }}`, string(trusted), "without exactly one key"},
		{
			"an archive that keeps the processor busy", `{{ pkcs12keyPass "pw" . }}`,
			archive(pkcs12.Modern2023.WithIterations(3_000_000), "pw"), "rounds of key derivation",
		},
	})
}

func TestTruststore(t *testing.T) {
	a, b := issue(t, "a", nil, nil), issue(t, "b", nil, nil)
	data := map[string]string{"pem": a.pem + b.pem}
	for password, text := range map[string]string{"": `{{ .pem | pemTruststoreToPKCS12 }}`, "pw": `{{ pemTruststoreToPKCS12Pass .pem "pw" }}`} {
		certs, err := pkcs12.DecodeTrustStore(decoded(t, mustRender(t, text, data)), password)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*x509.Certificate{a.cert, b.cert}, certs); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
