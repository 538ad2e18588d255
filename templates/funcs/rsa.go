package funcs

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSA-OAEP with SHA-1 is what many systems encrypt with; it is not broken in this use.
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

func rsaFunctions() map[string]any {
	return map[string]any{"rsaDecrypt": rsaDecrypt}
}

// rsaDecrypt decrypts the raw ciphertext with an RSA key in PEM. scheme "None" returns the ciphertext as it is.
func rsaDecrypt(scheme, hashName, ciphertext, keyText string) (string, error) {
	switch scheme {
	case "None":
		return ciphertext, nil
	case "RSA-OAEP":
	default:
		return "", invalid("the scheme must be None or RSA-OAEP")
	}
	digest, err := digest(hashName)
	if err != nil {
		return "", err
	}
	key, err := privateKey(keyText)
	if err != nil {
		return "", err
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return "", invalid("the private key is not an RSA key")
	}
	plain, err := rsa.DecryptOAEP(digest, nil, rsaKey, []byte(ciphertext), nil)
	if err != nil {
		return "", invalid("the text cannot be decrypted with this key and hash, or it is still base64")
	}
	return string(plain), nil
}

// digest does not mind how a name is written: SHA256, sha256, SHA-256.
func digest(name string) (hash.Hash, error) {
	switch strings.ReplaceAll(strings.ToUpper(name), "-", "") {
	case "SHA1":
		return sha1.New(), nil //nolint:gosec // as above
	case "", "NONE", "SHA256":
		return sha256.New(), nil
	case "SHA512":
		return sha512.New(), nil
	}
	return nil, invalid("the hash must be None, SHA1, SHA256 or SHA512")
}
