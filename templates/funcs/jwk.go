package funcs

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
)

func jwkFunctions() map[string]any {
	return map[string]any{"jwkPublicKeyPem": jwkPublicKeyPEM, "jwkPrivateKeyPem": jwkPrivateKeyPEM}
}

// jwk is a JSON Web Key of RFC 7517 and RFC 8037, as far as asymmetric keys need it.
type jwk struct {
	Kty, Crv         string
	N, E, D, P, Q, X number
	Y                number
}

// number is an unsigned number or a string of octets in base64url.
type number []byte

// UnmarshalText accepts padding, which the standard forbids.
func (n *number) UnmarshalText(text []byte) error {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(text), "="))
	*n = decoded
	return err
}

func (n number) int() *big.Int { return new(big.Int).SetBytes(n) }

// jwkPublicKeyPEM returns the public part of a JSON Web Key as a PKIX PEM block.
func jwkPublicKeyPEM(text string) (string, error) {
	key, err := parseJWK(text)
	if err != nil {
		return "", err
	}
	public, err := key.public()
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", invalid("the public key cannot be written as PKIX")
	}
	return encode(&pem.Block{Type: publicKeyBlock, Bytes: der}), nil
}

// jwkPrivateKeyPEM returns the private key of a JSON Web Key as a PKCS#8 PEM block.
func jwkPrivateKeyPEM(text string) (string, error) {
	key, err := parseJWK(text)
	if err != nil {
		return "", err
	}
	if len(key.D) == 0 {
		return "", invalid("the JSON Web Key holds no private key")
	}
	private, err := key.private()
	if err != nil {
		return "", err
	}
	return encodePrivateKey(private)
}

func parseJWK(text string) (*jwk, error) {
	var key jwk
	if err := json.Unmarshal([]byte(text), &key); err != nil { //nolint:musttag // the fields have the names of the standard
		return nil, invalid("the text is not a JSON Web Key")
	}
	if len(key.N)*8 > maxModulus {
		return nil, invalid("the RSA key has more than %d bits", maxModulus)
	}
	return &key, nil
}

func (k *jwk) public() (crypto.PublicKey, error) {
	switch k.Kty {
	case "RSA":
		return k.publicRSA()
	case "EC":
		return k.publicEC()
	case "OKP":
		return k.publicOKP()
	}
	return nil, invalid("the key type (kty) must be RSA, EC or OKP")
}

func (k *jwk) private() (crypto.PrivateKey, error) {
	switch k.Kty {
	case "RSA":
		return k.privateRSA()
	case "EC":
		return k.privateEC()
	case "OKP":
		return k.privateOKP()
	}
	return nil, invalid("the key type (kty) must be RSA, EC or OKP")
}

func (k *jwk) publicRSA() (*rsa.PublicKey, error) {
	if exponent := k.E.int(); len(k.N) > 0 && exponent.BitLen() > 1 && exponent.BitLen() < 32 {
		return &rsa.PublicKey{N: k.N.int(), E: int(exponent.Int64())}, nil
	}
	return nil, invalid("the RSA key has no valid modulus (n) and exponent (e)")
}

func (k *jwk) privateRSA() (*rsa.PrivateKey, error) {
	public, err := k.publicRSA()
	if err != nil {
		return nil, err
	}
	if len(k.P) == 0 || len(k.Q) == 0 {
		return nil, invalid("the RSA key lacks its prime factors (p and q)")
	}
	key := &rsa.PrivateKey{PublicKey: *public, D: k.D.int(), Primes: []*big.Int{k.P.int(), k.Q.int()}}
	if err := key.Validate(); err != nil {
		return nil, invalid("the numbers of the RSA key do not fit together")
	}
	key.Precompute()
	return key, nil
}

func (k *jwk) publicEC() (*ecdsa.PublicKey, error) {
	curve, size, err := k.curve()
	if err != nil {
		return nil, err
	}
	if len(k.X) > size || len(k.Y) > size {
		return nil, invalid("the point (x, y) is not on the curve")
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed
	k.X.int().FillBytes(point[1 : 1+size])
	k.Y.int().FillBytes(point[1+size:])
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, invalid("the point (x, y) is not on the curve")
	}
	return key, nil
}

func (k *jwk) privateEC() (*ecdsa.PrivateKey, error) {
	public, err := k.publicEC()
	if err != nil {
		return nil, err
	}
	size := (public.Curve.Params().BitSize + 7) / 8
	if len(k.D) > size {
		return nil, invalid("the private number (d) does not fit the curve")
	}
	key, err := ecdsa.ParseRawPrivateKey(public.Curve, k.D.int().FillBytes(make([]byte, size)))
	if err != nil || !key.PublicKey.Equal(public) {
		return nil, invalid("the private number (d) does not belong to the point (x, y)")
	}
	return key, nil
}

// curve returns the curve and the size in bytes of its coordinates.
func (k *jwk) curve() (elliptic.Curve, int, error) {
	switch k.Crv {
	case "P-256":
		return elliptic.P256(), 32, nil
	case "P-384":
		return elliptic.P384(), 48, nil
	case "P-521":
		return elliptic.P521(), 66, nil
	}
	return nil, 0, invalid("the curve (crv) must be P-256, P-384 or P-521")
}

func (k *jwk) publicOKP() (crypto.PublicKey, error) {
	switch {
	case k.Crv == "Ed25519" && len(k.X) == ed25519.PublicKeySize:
		return ed25519.PublicKey(k.X), nil
	case k.Crv == "X25519":
		if key, err := ecdh.X25519().NewPublicKey(k.X); err == nil {
			return key, nil
		}
	}
	return nil, invalid("the key must have a curve (crv) of Ed25519 or X25519 and 32 octets (x)")
}

func (k *jwk) privateOKP() (crypto.PrivateKey, error) {
	switch {
	case k.Crv == "Ed25519" && len(k.D) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(k.D), nil
	case k.Crv == "X25519":
		if key, err := ecdh.X25519().NewPrivateKey(k.D); err == nil {
			return key, nil
		}
	}
	return nil, invalid("the key must have a curve (crv) of Ed25519 or X25519 and 32 octets (d)")
}
