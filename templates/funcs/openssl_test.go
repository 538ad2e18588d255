package funcs_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// workshop is a directory in which openssl makes and reads files. Every test here holds our functions against a tool that knows nothing
// of the libraries they are made of.
type workshop struct {
	t   *testing.T
	dir string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	return workshop{t, t.TempDir()}
}

// run runs openssl with arguments that are separated by spaces, and returns what it printed.
func (w workshop) run(format string, args ...any) string {
	w.t.Helper()
	line := strings.Fields(fmt.Sprintf(format, args...))
	cmd := exec.CommandContext(w.t.Context(), "openssl", line...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("openssl %s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

func (w workshop) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w workshop) read(name string) string {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content)
}

// blocksOf returns the blocks of one type in what openssl printed, written anew: it prints further text around them.
func blocksOf(blockType, text string) string {
	var some strings.Builder
	for b, rest := pem.Decode([]byte(text)); b != nil; b, rest = pem.Decode(rest) {
		if b.Type == blockType {
			some.WriteString(block(b.Type, b.Bytes))
		}
	}
	return some.String()
}

// chain makes root.pem, middle.pem, leaf.pem and the leaf's key.pem, with a key as genpkey makes it, and returns the certificates.
func (w workshop) chain(key string) (root, middle, leaf string) {
	w.t.Helper()
	w.run("genpkey -algorithm ED25519 -out root.key")
	w.run("genpkey -algorithm ED25519 -out middle.key")
	w.run("genpkey %s -out key.pem", key)
	w.write("ca.ext", "basicConstraints=critical,CA:true\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
	w.write("leaf.ext", "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"+
		"subjectAltName=URI:https://example.com/,email:a@example.com,IP:2001:db8::1,DNS:b.example.com,IP:192.0.2.1,DNS:a.example.com\n")
	w.run("req -new -x509 -key root.key -subj /CN=root -days 9 -out root.pem")
	w.run("req -new -key middle.key -subj /CN=middle -out middle.csr")
	w.run("x509 -req -in middle.csr -CA root.pem -CAkey root.key -set_serial 2 -days 9 -extfile ca.ext -out middle.pem")
	w.run("req -new -key key.pem -subj /CN=leaf -out leaf.csr")
	w.run("x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -set_serial 3 -days 9 -extfile leaf.ext -out leaf.pem")
	return w.read("root.pem"), w.read("middle.pem"), w.read("leaf.pem")
}

// keyKinds are the arguments of genpkey for each kind of key.
func keyKinds() map[string]string {
	return map[string]string{
		"RSA":     "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
		"P-256":   "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
		"P-384":   "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
		"Ed25519": "-algorithm ED25519",
	}
}

func TestOpenSSLOpensTheArchives(t *testing.T) {
	for kind, arguments := range keyKinds() {
		w := newWorkshop(t)
		root, middle, leaf := w.chain(arguments)
		key := w.read("key.pem")
		data := map[string]string{"leaf": leaf, "chain": leaf + middle + root, "key": key}
		cases := []struct{ text, password, certs string }{
			{`{{ pemToPkcs12 .leaf .key }}`, "", leaf},
			{`{{ pemToPkcs12Pass .leaf .key "pw" }}`, "pw", leaf},
			{`{{ fullPemToPkcs12 .chain .key }}`, "", leaf + middle + root},
			{`{{ fullPemToPkcs12Pass .chain .key "pw" }}`, "pw", leaf + middle + root},
		}
		for _, tc := range cases {
			t.Run(kind+" "+tc.text, func(t *testing.T) {
				w := workshop{t, w.dir}
				w.write("archive.p12", string(decoded(t, mustRender(t, tc.text, data))))
				got := w.run("pkcs12 -in archive.p12 -nodes -passin pass:%s", tc.password)
				if diff := cmp.Diff(key, blocksOf("PRIVATE KEY", got)); diff != "" {
					t.Errorf("openssl reads another key: %s", diff)
				}
				if diff := cmp.Diff(tc.certs, blocksOf("CERTIFICATE", got)); diff != "" {
					t.Errorf("openssl reads other certificates: %s", diff)
				}
			})
		}
	}
}

// trustedByJava is the attribute without which Java does not take a certificate for a trusted one, as openssl prints it.
const trustedByJava = "2.16.840.1.113894.746875.1.1: <Unsupported tag 6>"

func TestOpenSSLOpensTheTruststores(t *testing.T) {
	w := newWorkshop(t)
	root, middle, _ := w.chain("-algorithm ED25519")
	for password, text := range map[string]string{"": `{{ pemTruststoreToPKCS12 . }}`, "changeit": `{{ pemTruststoreToPKCS12Pass . "changeit" }}`} {
		w.write("trust.p12", string(decoded(t, mustRender(t, text, root+middle))))
		got := w.run("pkcs12 -in trust.p12 -passin pass:%s", password)
		if diff := cmp.Diff(root+middle, blocksOf("CERTIFICATE", got)); diff != "" {
			t.Errorf("%s: openssl reads other certificates: %s", text, diff)
		}
		if count := strings.Count(got, trustedByJava); count != 2 {
			t.Errorf("%s: %d certificates are marked as trusted, want 2:\n%s", text, count, got)
		}
	}
}

func TestArchivesOfOpenSSLAreRead(t *testing.T) {
	for kind, arguments := range keyKinds() {
		w := newWorkshop(t)
		root, middle, leaf := w.chain(arguments)
		w.write("others.pem", root+middle)
		want := map[string]string{"key": w.read("key.pem"), "certs": leaf + middle + root}
		for _, password := range []string{"", "pw"} {
			w.run("pkcs12 -export -in leaf.pem -inkey key.pem -certfile others.pem -out archive.p12 -passout pass:%s", password)
			data := map[string]string{"raw": w.read("archive.p12"), "password": password}
			data["b64"] = base64.StdEncoding.EncodeToString([]byte(data["raw"]))
			checkArchive(t, kind+" with the password", `{{ .raw | pkcs12keyPass .password }}`, `{{ .b64 | b64dec | pkcs12certPass .password }}`, data, want)
			if password == "" {
				checkArchive(t, kind+" without a password", `{{ .b64 | b64dec | pkcs12key }}`, `{{ .raw | pkcs12cert }}`, data, want)
			}
		}
	}
}

func checkArchive(t *testing.T, reason, key, certs string, data, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want["key"], mustRender(t, key, data)); diff != "" {
		t.Errorf("%s: another key: %s", reason, diff)
	}
	if diff := cmp.Diff(want["certs"], mustRender(t, certs, data)); diff != "" {
		t.Errorf("%s: other certificates: %s", reason, diff)
	}
}

func TestChainsOfOpenSSLAreTakenApart(t *testing.T) {
	w := newWorkshop(t)
	root, middle, leaf := w.chain("-algorithm ED25519")
	everything := w.read("key.pem") + root + leaf + middle
	for role, want := range map[string]string{"leaf": leaf, "intermediate": middle, "root": root} {
		got := mustRender(t, `{{ .text | filterPEM "CERTIFICATE" | filterCertChain .role }}`, map[string]string{"text": everything, "role": role})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", role, diff)
		}
	}
	got := mustRender(t, `{{ . | filterPEM "CERTIFICATE" | filterCertChain "leaf" | certSANs | join "," }}`, everything)
	if want := "b.example.com,a.example.com,2001:db8::1,192.0.2.1,a@example.com,https://example.com/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if diff := cmp.Diff(w.read("key.pem"), mustRender(t, `{{ . | filterPEM "private key" }}`, everything)); diff != "" {
		t.Error(diff)
	}
}

func TestRSADecryptReadsWhatOpenSSLEncrypted(t *testing.T) {
	w := newWorkshop(t)
	w.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pkcs8.pem")
	w.run("rsa -in pkcs8.pem -traditional -out pkcs1.pem")
	w.write("plain", "plain text")
	for hash, name := range map[string]string{"sha1": "SHA1", "sha256": "SHA256", "sha512": "SHA512"} {
		w.run("pkeyutl -encrypt -inkey pkcs8.pem -in plain -out secret -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:%s", hash)
		for _, key := range []string{"pkcs1.pem", "pkcs8.pem"} {
			data := map[string]string{"hash": name, "key": w.read(key), "raw": w.read("secret")}
			data["b64"] = base64.StdEncoding.EncodeToString([]byte(data["raw"]))
			for _, text := range []string{
				`{{ rsaDecrypt "RSA-OAEP" .hash .raw .key }}`, `{{ .key | rsaDecrypt "RSA-OAEP" .hash (.b64 | b64dec) }}`,
			} {
				if got := mustRender(t, text, data); got != "plain text" {
					t.Errorf("%s with %s and %s: got %q", text, name, key, got)
				}
			}
		}
	}
}

// TestOpenSSLReadsTheKeysOfJSONWebKeys has openssl derive the public key from the private one.
func TestOpenSSLReadsTheKeysOfJSONWebKeys(t *testing.T) {
	w := newWorkshop(t)
	for name, key := range map[string]string{"RSA": rfcRSA, "EC": rfcEC, "Ed25519": rfcEd25519, "X25519": rfcX25519} {
		w.write("private.pem", mustRender(t, `{{ jwkPrivateKeyPem . }}`, key))
		if diff := cmp.Diff(mustRender(t, `{{ jwkPublicKeyPem . }}`, key), w.run("pkey -in private.pem -pubout")); diff != "" {
			t.Errorf("%s: openssl derives another public key: %s", name, diff)
		}
	}
}
