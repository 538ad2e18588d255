package funcs

import (
	"bytes"
	"crypto/x509"
	"slices"
)

// filterCertChain returns the certificates of one role in the chain that text holds, the empty string when there is none. The order in
// text does not matter.
func filterCertChain(role, text string) (string, error) {
	all, err := blocks(text, anyBlock)
	if err != nil {
		return "", err
	}
	certs, err := certificates(all)
	if err != nil {
		return "", err
	}
	chain, ok := ordered(certs)
	if !ok {
		return "", invalid("the certificates do not form one chain")
	}
	belongs, err := roleOf(role, chain[0])
	if err != nil {
		return "", err
	}
	return encodeCertificates(slices.DeleteFunc(chain, func(c *x509.Certificate) bool { return !belongs(c) })), nil
}

func roleOf(role string, first *x509.Certificate) (func(*x509.Certificate) bool, error) {
	switch role {
	case "leaf":
		return func(c *x509.Certificate) bool { return c == first && !isRoot(c) }, nil
	case "intermediate":
		return func(c *x509.Certificate) bool { return c != first && !isRoot(c) }, nil
	case "root":
		return isRoot, nil
	}
	return nil, invalid(`the role must be "leaf", "intermediate" or "root"`)
}

func isRoot(c *x509.Certificate) bool { return issued(c, c) }

// issued compares names and key identifiers. It does not verify the signature: what users order here they need not trust yet.
func issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	return len(child.AuthorityKeyId) == 0 || len(parent.SubjectKeyId) == 0 || bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId)
}

// ordered returns the certificates from leaf to root, each once. It is false when they are not exactly one chain.
func ordered(certs []*x509.Certificate) ([]*x509.Certificate, bool) {
	left := unique(certs)
	next := func(child *x509.Certificate) int {
		return slices.IndexFunc(left, func(c *x509.Certificate) bool { return c != child && issued(c, child) })
	}
	parents := map[*x509.Certificate]bool{}
	for _, c := range left {
		if i := next(c); i >= 0 {
			parents[left[i]] = true
		}
	}
	start := slices.IndexFunc(left, func(c *x509.Certificate) bool { return !parents[c] })
	var chain []*x509.Certificate
	for i := start; i >= 0; i = next(chain[len(chain)-1]) {
		chain = append(chain, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return chain, len(chain) > 0 && len(left) == 0
}

func unique(certs []*x509.Certificate) []*x509.Certificate {
	var some []*x509.Certificate
	for _, c := range certs {
		if !slices.ContainsFunc(some, c.Equal) {
			some = append(some, c)
		}
	}
	return some
}
