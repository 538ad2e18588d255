package funcs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"slices"

	"software.sslmate.com/src/go-pkcs12"
)

const (
	// maxIterations bounds the work that an archive asks for before it can be opened: about a second for each of its parts.
	maxIterations = 2_000_000
	// maxArchive is the size in bytes of the largest archive: a key in it is checked before its own size can be seen.
	maxArchive = 256 << 10
)

func pkcs12Functions() map[string]any {
	return map[string]any{
		"pkcs12key":      func(archive string) (string, error) { return pkcs12Key("", archive) },
		"pkcs12keyPass":  pkcs12Key,
		"pkcs12cert":     func(archive string) (string, error) { return pkcs12Cert("", archive) },
		"pkcs12certPass": pkcs12Cert,

		"pemToPkcs12":               func(cert, key string) (string, error) { return pemToPKCS12(cert, key, "") },
		"pemToPkcs12Pass":           pemToPKCS12,
		"fullPemToPkcs12":           func(certs, key string) (string, error) { return fullPEMToPKCS12(certs, key, "") },
		"fullPemToPkcs12Pass":       fullPEMToPKCS12,
		"pemTruststoreToPKCS12":     func(certs string) (string, error) { return pemTruststoreToPKCS12(certs, "") },
		"pemTruststoreToPKCS12Pass": pemTruststoreToPKCS12,
	}
}

// pkcs12Key returns the private key of an archive in PKCS#8 PEM.
func pkcs12Key(password, archive string) (string, error) {
	if err := openable(archive); err != nil {
		return "", err
	}
	key, _, _, err := pkcs12.DecodeChain([]byte(archive), password)
	if err != nil {
		return "", notOpened()
	}
	return encodePrivateKey(key)
}

// pkcs12Cert returns the certificates of an archive in PEM, from leaf to root where they are one chain, else as they stand.
func pkcs12Cert(password, archive string) (string, error) {
	if err := openable(archive); err != nil {
		return "", err
	}
	_, leaf, others, err := pkcs12.DecodeChain([]byte(archive), password)
	certs := append([]*x509.Certificate{leaf}, others...)
	if err != nil {
		if certs, err = pkcs12.DecodeTrustStore([]byte(archive), password); err != nil {
			return "", notOpened()
		}
	}
	if chain, ok := ordered(certs); ok {
		certs = chain
	}
	return encodeCertificates(certs), nil
}

func notOpened() error {
	return invalid("unable to decode pkcs12: the password is wrong, or the archive is damaged, still base64, or without exactly one key")
}

// pemToPKCS12 returns an archive of one certificate and its key in base64.
func pemToPKCS12(cert, key, password string) (string, error) {
	parsedKey, certs, err := keyPair(cert, key)
	if err != nil {
		return "", err
	}
	return archive(parsedKey, certs[:1], password)
}

// fullPEMToPKCS12 returns an archive of a certificate, its chain and its key in base64.
func fullPEMToPKCS12(certs, key, password string) (string, error) {
	parsedKey, parsed, err := keyPair(certs, key)
	if err != nil {
		return "", err
	}
	return archive(parsedKey, parsed, password)
}

// keyPair returns a key and certificates with the one first that the key belongs to, where there is one.
func keyPair(certText, keyText string) (crypto.PrivateKey, []*x509.Certificate, error) {
	all, err := blocks(certText, isCertificate)
	if err != nil {
		return nil, nil, err
	}
	certs, err := certificates(all)
	if err != nil {
		return nil, nil, err
	}
	key, err := privateKey(keyText)
	if err != nil {
		return nil, nil, err
	}
	own := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return belong(key, c) })
	if own > 0 {
		first := certs[own]
		certs = slices.Insert(slices.Delete(certs, own, own+1), 0, first)
	}
	return key, certs, nil
}

func belong(key crypto.PrivateKey, cert *x509.Certificate) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	return err == nil && bytes.Equal(der, cert.RawSubjectPublicKeyInfo)
}

func archive(key crypto.PrivateKey, certs []*x509.Certificate, password string) (string, error) {
	der, err := pkcs12.Modern2023.Encode(key, certs[0], certs[1:], password)
	if err != nil {
		return "", invalid("the archive cannot be made from this key and password")
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

// pemTruststoreToPKCS12 returns an archive of trusted certificates without a key, as Java reads them, in base64.
func pemTruststoreToPKCS12(text, password string) (string, error) {
	all, err := blocks(text, isCertificate)
	if err != nil {
		return "", err
	}
	certs, err := certificates(all)
	if err != nil {
		return "", err
	}
	der, err := pkcs12.Modern2023.EncodeTrustStore(certs, password)
	if err != nil {
		return "", invalid("the archive cannot be made with this password")
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

func openable(archive string) error {
	if len(archive) > maxArchive {
		return invalid("the archive is larger than %d KiB", maxArchive>>10)
	}
	if demanding([]byte(archive), 0) {
		return invalid("the archive asks for more than %d rounds of key derivation", maxIterations)
	}
	return nil
}

// demanding reports whether der holds a number of rounds above the limit. In every key derivation of PKCS#12 it stands behind the salt,
// an octet string. Parts that are encrypted themselves cannot be seen here.
func demanding(der []byte, depth int) bool {
	afterSalt := false
	for len(der) > 0 && depth < maxDepth {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			return false
		}
		if afterSalt && element.Tag == asn1.TagInteger && tooMany(element.FullBytes) {
			return true
		}
		afterSalt = element.Class == asn1.ClassUniversal && element.Tag == asn1.TagOctetString
		if (element.IsCompound || afterSalt) && demanding(element.Bytes, depth+1) {
			return true
		}
		der = rest
	}
	return false
}

func tooMany(integer []byte) bool {
	var rounds int64
	_, err := asn1.Unmarshal(integer, &rounds)
	return err != nil || rounds > maxIterations
}
