package sshkey

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
	"k8s.io/utils/ptr"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// The keys of the result.
const (
	privateKey = "privateKey"
	publicKey  = "publicKey"
)

const (
	defaultRSASize = 2048
	// minRSASize is the smallest that crypto/rsa makes; smaller ones are broken within hours.
	minRSASize = 1024
	// maxRSASize bounds the work, which grows with the fourth power of the size and cannot be interrupted.
	maxRSASize = 8192
)

// New returns the generator of kind SSHKey. It is safe for concurrent use. A spec that cannot be met is fault.Invalid and
// names the field; a context that is done before a key is made ends a run with fault.Unavailable.
func New() generators.Generator {
	return generators.Define(genv1alpha1.KindSSHKey,
		func(o *genv1alpha1.SSHKey) *genv1alpha1.SSHKeySpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.SSHKeySpec { return u.SSHKeySpec },
		generate,
		generators.Keys(func(*genv1alpha1.SSHKeySpec) []string { return []string{privateKey, publicKey} }),
		generators.Together[genv1alpha1.SSHKeySpec]())
}

func generate(ctx context.Context, spec *genv1alpha1.SSHKeySpec, _ generators.Env) (generators.Result, error) {
	if err := check(spec); err != nil {
		return generators.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return generators.Result{}, fault.Wrap(fault.Unavailable, err, "generating a key was interrupted")
	}
	key, err := newKey(spec)
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Unavailable, err, "the system's source of random numbers failed")
	}
	private, public, err := written(key, spec.Comment)
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Unknown, err, "a generated key could not be written")
	}
	return generators.Result{Data: map[string][]byte{privateKey: private, publicKey: public}}, nil
}

func check(spec *genv1alpha1.SSHKeySpec) error {
	switch spec.KeyType {
	case genv1alpha1.SSHKeyRSA, "":
		if size := rsaSize(spec); size < minRSASize || size > maxRSASize {
			return fault.New(fault.Invalid, "spec.keySize %d must be between %d and %d for rsa", size, minRSASize, maxRSASize)
		}
	case genv1alpha1.SSHKeyECDSA, genv1alpha1.SSHKeyEd25519:
	default:
		return fault.New(fault.Invalid, "spec.keyType %q must be rsa, ecdsa or ed25519", string(spec.KeyType))
	}
	// A line break would begin another entry of the file authorized_keys.
	if strings.ContainsFunc(spec.Comment, unicode.IsControl) {
		return fault.New(fault.Invalid, "spec.comment must be one line of text without control characters")
	}
	return nil
}

func rsaSize(spec *genv1alpha1.SSHKeySpec) int { return ptr.Deref(spec.KeySize, defaultRSASize) }

// newKey makes a private key. Its spec was checked.
func newKey(spec *genv1alpha1.SSHKeySpec) (crypto.Signer, error) {
	switch spec.KeyType {
	case genv1alpha1.SSHKeyECDSA:
		return ecdsa.GenerateKey(curve(ptr.Deref(spec.KeySize, 0)), rand.Reader)
	case genv1alpha1.SSHKeyEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return rsa.GenerateKey(rand.Reader, rsaSize(spec))
	}
}

// curve returns the curve of the given size; the smallest for any other size, as users of the API know it.
func curve(size int) elliptic.Curve {
	switch size {
	case 384:
		return elliptic.P384()
	case 521:
		return elliptic.P521()
	default:
		return elliptic.P256()
	}
}

// written returns a key in the form of a private key file of OpenSSH, and its public key as a line of authorized_keys.
func written(key crypto.Signer, comment string) (private, public []byte, err error) {
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, nil, err
	}
	own, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(own)), "\n")
	if comment != "" {
		line += " " + comment
	}
	return pem.EncodeToMemory(block), []byte(line + "\n"), nil
}
