package funcs

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"strings"
)

const (
	certificateBlock = "CERTIFICATE"
	privateKeyBlock  = "PRIVATE KEY"
	publicKeyBlock   = "PUBLIC KEY"
)

var beginLine = regexp.MustCompile(`-----BEGIN ([^\n-]*)-----`)

func pemFunctions() map[string]any {
	return map[string]any{"filterPEM": filterPEM, "filterCertChain": filterCertChain, "certSANs": certSANs}
}

// filterPEM returns the blocks of the given type in their order, the empty string when there is none. The case of the type does not matter.
// A text without any block is refused, unless it is empty.
func filterPEM(blockType, text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	some, err := blocks(text, func(t string) bool { return strings.EqualFold(t, blockType) })
	return encode(some...), err
}

// certSANs returns the subject alternative names of the first block, which must be a certificate: DNS names, IP addresses, mail
// addresses, URIs, in this order.
func certSANs(text string) ([]string, error) {
	all, err := blocks(text, anyBlock)
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

// blocks returns the PEM blocks of the wanted types. Text around them is ignored, unless it hides one of them, and blocks of other types
// may be malformed. It is an error when there is no block of any type.
func blocks(text string, wanted func(blockType string) bool) ([]*pem.Block, error) {
	// Whatever stands in front of the first block, a block that follows has to start on a line of its own.
	if start := strings.Index(text, "-----BEGIN"); start > 0 {
		text = text[start:]
	}
	hidden := 0
	for _, line := range beginLine.FindAllStringSubmatch(text, -1) {
		if wanted(line[1]) {
			hidden++
		}
	}
	found := false
	var some []*pem.Block
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		found = true
		if wanted(block.Type) {
			some = append(some, block)
			hidden--
		}
	}
	switch {
	case hidden > 0:
		return nil, invalid("a PEM block is malformed, or does not start on a line of its own")
	case !found:
		return nil, invalid("the text holds no PEM block")
	}
	return some, nil
}

func anyBlock(string) bool { return true }

func isCertificate(blockType string) bool { return blockType == certificateBlock }

func isPrivateKey(blockType string) bool { return strings.HasSuffix(blockType, privateKeyBlock) }

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
	keys, err := blocks(text, isPrivateKey)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, invalid("the text holds no private key")
	}
	return parsePrivateKey(keys[0])
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
