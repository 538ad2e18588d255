package funcs_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

// The keys of RFC 7517, appendix A.2.
const (
	rfcEC = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
		"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"}`
	rfcRSA = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj` +
		`hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08q` +
		`NLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB",` +
		`"d":"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4do` +
		`Fk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0Gjs` +
		`kDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q",` +
		`"p":"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZ` +
		`Yk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs",` +
		`"q":"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-` +
		`1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk"}`
)

// The key of RFC 8037, appendix A.1, and its well-known PEM forms.
const (
	rfcEd25519 = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",` +
		`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfcEd25519Private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
	rfcEd25519Public  = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
)

// The public key of RFC 8037, appendix A.6, whose private part is in RFC 7748, section 6.1.
const rfcX25519 = `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","d":"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}`

func der(t *testing.T, text, blockType string) []byte {
	t.Helper()
	b, rest := pem.Decode([]byte(text))
	if b == nil || b.Type != blockType || len(rest) > 0 {
		t.Fatalf("got %q, want one block of type %s", text, blockType)
	}
	return b.Bytes
}

// member returns a number of a JSON Web Key.
func member(t *testing.T, jwk, name string) *big.Int {
	t.Helper()
	var members map[string]string
	if err := json.Unmarshal([]byte(jwk), &members); err != nil {
		t.Fatal(err)
	}
	octets, err := base64.RawURLEncoding.DecodeString(members[name])
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(octets)
}

func TestJWKOfRFC7517RSA(t *testing.T) {
	key, err := x509.ParsePKCS8PrivateKey(der(t, mustRender(t, `{{ jwkPrivateKeyPem . }}`, rfcRSA), "PRIVATE KEY"))
	private, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		t.Fatalf("got %T, %v", key, err)
	}
	if private.D.Cmp(member(t, rfcRSA, "d")) != 0 || private.N.Cmp(member(t, rfcRSA, "n")) != 0 {
		t.Error("the private key has other numbers")
	}
	public, err := x509.ParsePKIXPublicKey(der(t, mustRender(t, `{{ . | jwkPublicKeyPem }}`, rfcRSA), "PUBLIC KEY"))
	if err != nil || !private.PublicKey.Equal(public) {
		t.Errorf("the public key does not belong to the private key: %v", err)
	}
}

func TestJWKOfRFC7517EC(t *testing.T) {
	key, err := x509.ParsePKCS8PrivateKey(der(t, mustRender(t, `{{ jwkPrivateKeyPem . }}`, rfcEC), "PRIVATE KEY"))
	private, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		t.Fatalf("got %T, %v", key, err)
	}
	octets, err := private.Bytes()
	if err != nil || new(big.Int).SetBytes(octets).Cmp(member(t, rfcEC, "d")) != 0 {
		t.Error("the private key has another number")
	}
	public, err := x509.ParsePKIXPublicKey(der(t, mustRender(t, `{{ jwkPublicKeyPem . }}`, rfcEC), "PUBLIC KEY"))
	if err != nil || !private.PublicKey.Equal(public) {
		t.Errorf("the public key does not belong to the private key: %v", err)
	}
}

func TestJWKOfRFC8037(t *testing.T) {
	if got := mustRender(t, `{{ jwkPrivateKeyPem . }}`, rfcEd25519); got != rfcEd25519Private {
		t.Errorf("got private key %s", got)
	}
	if got := mustRender(t, `{{ jwkPublicKeyPem . }}`, rfcEd25519); got != rfcEd25519Public {
		t.Errorf("got public key %s", got)
	}
	key, err := x509.ParsePKCS8PrivateKey(der(t, mustRender(t, `{{ jwkPrivateKeyPem . }}`, rfcX25519), "PRIVATE KEY"))
	private, ok := key.(*ecdh.PrivateKey)
	if err != nil || !ok {
		t.Fatalf("got %T, %v", key, err)
	}
	public, err := x509.ParsePKIXPublicKey(der(t, mustRender(t, `{{ jwkPublicKeyPem . }}`, rfcX25519), "PUBLIC KEY"))
	if err != nil || !private.PublicKey().Equal(public) {
		t.Errorf("the public key does not belong to the private key: %v", err)
	}
}

func TestJWKFailures(t *testing.T) {
	publicOnly := strings.Replace(rfcEC, `"d"`, `"other"`, 1)
	foreign := strings.Replace(rfcEC, "870M", "870N", 1)
	checkFailures(t, []failing{
		{"not JSON", `{{ jwkPublicKeyPem "hunter2" }}`, nil, "not a JSON Web Key"},
		{"not base64url", `{{ jwkPublicKeyPem . }}`, `{"kty":"RSA","n":"%%"}`, "not a JSON Web Key"},
		{"a symmetric key", `{{ jwkPublicKeyPem . }}`, `{"kty":"oct","k":"aGk"}`, "must be RSA, EC or OKP"},
		{"no private part", `{{ jwkPrivateKeyPem . }}`, publicOnly, "no private key"},
		{"a private number of another key", `{{ jwkPrivateKeyPem . }}`, foreign, "does not belong"},
		{"a point off the curve", `{{ jwkPublicKeyPem . }}`, `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, "not on the curve"},
		{"another curve", `{{ jwkPublicKeyPem . }}`, `{"kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ"}`, "must be P-256"},
		{"an RSA key without factors", `{{ jwkPrivateKeyPem . }}`, `{"kty":"RSA","n":"1w","e":"AQAB","d":"Aw"}`, "prime factors"},
		{
			"RSA numbers that do not fit",
			`{{ jwkPrivateKeyPem . }}`,
			`{"kty":"RSA","n":"1w","e":"AQAB","d":"Aw","p":"Aw","q":"BQ"}`,
			"do not fit",
		},
		{
			"an RSA key that takes long to check", `{{ jwkPublicKeyPem . }}`,
			`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("A", 4000) + `"}`, "more than 16384 bits",
		},
		{"a short Edwards key", `{{ jwkPublicKeyPem . }}`, `{"kty":"OKP","crv":"Ed25519","x":"AQ"}`, "32 octets"},
		{
			"a curve that is no key for signing or agreement", `{{ jwkPrivateKeyPem . }}`,
			`{"kty":"OKP","crv":"X448","x":"AQ","d":"AQ"}`, "32 octets",
		},
	})
}
