package funcs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	certificateBlock = "CERTIFICATE"
	privateKeyBlock  = "PRIVATE KEY"
	publicKeyBlock   = "PUBLIC KEY"
)

func pemFunctions() map[string]any {
	return map[string]any{"filterPEM": filterPEM, "filterCertChain": filterCertChain, "certSANs": certSANs}
}

// filterPEM returns the blocks of the given type in their order, the empty string when there is none. The case of the type does not matter.
func filterPEM(blockType, text string) (string, error) {
	all, err := blocks(text)
	if err != nil {
		return "", err
	}
	return encode(ofType(all, blockType)...), nil
}

// certSANs returns the subject alternative names of the first block, which must be a certificate: DNS names, IP addresses, mail
// addresses, URIs, in this order.
func certSANs(text string) ([]string, error) {
	all, err := blocks(text)
	if err != nil {
		return nil, err
	}
	certs, err := certificates(all[:1])
	if err != nil {
		return nil, err
	}
	names := append([]string{}, certs[0].DNSNames...)
	for _, address := range certs[0].IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, certs[0].EmailAddresses...)
	for _, uri := range certs[0].URIs {
		names = append(names, uri.String())
	}
	return names, nil
}

// blocks returns all PEM blocks of text, at least one. Text around them is ignored, unless it hides a block.
func blocks(text string) ([]*pem.Block, error) {
	var all []*pem.Block
	rest := []byte(text)
	for block, after := pem.Decode(rest); block != nil; block, after = pem.Decode(rest) {
		all, rest = append(all, block), after
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return nil, invalid("a PEM block is malformed, or does not start on a line of its own")
	}
	if len(all) == 0 {
		return nil, invalid("the text holds no PEM block")
	}
	return all, nil
}

func ofType(all []*pem.Block, blockType string) []*pem.Block {
	var some []*pem.Block
	for _, block := range all {
		if strings.EqualFold(block.Type, blockType) {
			some = append(some, block)
		}
	}
	return some
}

func encode(all ...*pem.Block) string {
	var text strings.Builder
	for _, block := range all {
		text.Write(pem.EncodeToMemory(block))
	}
	return text.String()
}

func encodeCertificates(certs []*x509.Certificate) string {
	var text strings.Builder
	for _, cert := range certs {
		text.WriteString(encode(&pem.Block{Type: certificateBlock, Bytes: cert.Raw}))
	}
	return text.String()
}

func encodePrivateKey(key crypto.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", invalid("the private key is of a kind that PKCS#8 does not know")
	}
	return encode(&pem.Block{Type: privateKeyBlock, Bytes: der}), nil
}

// certificates returns the certificates in all, each block of which must be one.
func certificates(all []*pem.Block) ([]*x509.Certificate, error) {
	if len(all) == 0 {
		return nil, invalid("the text holds no certificate")
	}
	certs := make([]*x509.Certificate, len(all))
	for i, block := range all {
		if block.Type != certificateBlock {
			return nil, invalid("PEM block %d is not a certificate", i+1)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, invalid("PEM block %d is a malformed certificate", i+1)
		}
		certs[i] = cert
	}
	return certs, nil
}

// privateKey returns the first private key in a PEM text: PKCS#8, PKCS#1 or SEC 1, not encrypted.
func privateKey(text string) (crypto.PrivateKey, error) {
	all, err := blocks(text)
	if err != nil {
		return nil, err
	}
	for _, block := range all {
		if strings.HasSuffix(block.Type, privateKeyBlock) {
			return parsePrivateKey(block)
		}
	}
	return nil, invalid("the text holds no private key")
}

func parsePrivateKey(block *pem.Block) (crypto.PrivateKey, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, invalid("the private key is encrypted")
	}
	if len(block.Bytes) > maxKeyDER {
		return nil, invalid("the private key is larger than %d KiB", maxKeyDER>>10)
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, invalid("the private key is malformed, or neither PKCS#8, PKCS#1 nor SEC 1")
}
