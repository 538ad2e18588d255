package funcs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"hash"
	"testing"
)

func TestRSADecrypt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keyText := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	hashes := map[string]hash.Hash{
		"SHA1": sha1.New(), "SHA256": sha256.New(), "SHA512": sha512.New(), "": sha256.New(), "None": sha256.New(),
		"sha-512": sha512.New(),
	}
	for name, digest := range hashes {
		ciphertext, err := rsa.EncryptOAEP(digest, rand.Reader, &key.PublicKey, []byte("plain \x00 text"), nil)
		if err != nil {
			t.Fatal(err)
		}
		data := map[string]string{
			"hash": name,
			"key":  keyText,
			"raw":  string(ciphertext),
			"b64":  base64.StdEncoding.EncodeToString(ciphertext),
		}
		if got := mustRender(t, `{{ rsaDecrypt "RSA-OAEP" .hash .raw .key }}`, data); got != "plain \x00 text" {
			t.Errorf("hash %q: got %q", name, got)
		}
		if got := mustRender(t, `{{ .key | rsaDecrypt "RSA-OAEP" .hash (.b64 | b64dec) }}`, data); got != "plain \x00 text" {
			t.Errorf("hash %q with a piped key: got %q", name, got)
		}
	}
	if got := mustRender(t, `{{ rsaDecrypt "None" "SHA256" "as it is" "no key" }}`, nil); got != "as it is" {
		t.Errorf("scheme None: got %q", got)
	}
	ec := issue(t, "ec", nil, nil)
	checkFailures(t, []failing{
		{"an unknown scheme", `{{ rsaDecrypt "ROT13" "SHA256" "hunter2" . }}`, keyText, "scheme must be"},
		{"an unknown hash", `{{ rsaDecrypt "RSA-OAEP" "MD5" "hunter2" . }}`, keyText, "hash must be"},
		{"no key", `{{ rsaDecrypt "RSA-OAEP" "SHA256" "hunter2" "nothing" }}`, nil, "no PEM block"},
		{"a key of another kind", `{{ rsaDecrypt "RSA-OAEP" "SHA256" "hunter2" . }}`, ec.key, "not an RSA key"},
		{"text that was not encrypted", `{{ rsaDecrypt "RSA-OAEP" "SHA256" "hunter2" . }}`, keyText, "cannot be decrypted"},
	})
}
