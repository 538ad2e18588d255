package sshkey

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
)

type spec = genv1alpha1.SSHKeySpec

func object(s spec) *genv1alpha1.SSHKey { return &genv1alpha1.SSHKey{Spec: s} }

func TestContract(t *testing.T) {
	s := spec{KeyType: genv1alpha1.SSHKeyEd25519, Comment: "app@example.com"}
	generatortest.Run(t, generatortest.Harness{
		Together:  true,
		Generator: New(),
		Object:    object(s),
		Cluster:   genv1alpha1.GeneratorSpec{SSHKeySpec: &s},
		Keys:      []string{"privateKey", "publicKey"},
		Fresh:     []string{"privateKey", "publicKey"},
		Refused: []generatortest.Refusal{
			{Name: "an unknown type", Object: object(spec{KeyType: "dsa"}), Says: `spec.keyType "dsa" must be rsa, ecdsa or ed25519`},
			{Name: "a weak key", Object: object(spec{KeySize: new(1023)}), Says: "spec.keySize 1023 must be between 1024 and 8192 for rsa"},
			{Name: "a huge key", Object: object(spec{KeySize: new(8193)}), Says: "spec.keySize 8193 must be between 1024 and 8192 for rsa"},
			{Name: "a negative size", Object: object(spec{KeyType: "rsa", KeySize: new(-1)}), Says: "spec.keySize -1"},
			{
				Name:   "a comment that is another entry",
				Object: object(spec{KeyType: genv1alpha1.SSHKeyEd25519, Comment: "app\nssh-ed25519 AAAA"}),
				Says:   "spec.comment must be one line",
			},
		},
	})
}

func pair(t *testing.T, s spec) (private, public []byte) {
	t.Helper()
	result, err := New().Bind(object(s)).Generate(t.Context(), generators.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return result.Data["privateKey"], result.Data["publicKey"]
}

// sizeOf returns the algorithm of a private key and its size in bits.
func sizeOf(t *testing.T, key any) (string, int) {
	t.Helper()
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return "rsa", k.N.BitLen()
	case *ecdsa.PrivateKey:
		return "ecdsa", k.Curve.Params().BitSize
	case *ed25519.PrivateKey:
		return "ed25519", 8 * len(k.Seed())
	}
	t.Fatalf("a key of type %T", key)
	return "", 0
}

func TestGenerateMeetsTheSpec(t *testing.T) {
	for _, tt := range []struct {
		reason     string
		spec       spec
		size       int
		algorithm  string
		authorized string
	}{
		{"the defaults", spec{}, 2048, "rsa", ssh.KeyAlgoRSA},
		{"another size", spec{KeyType: "rsa", KeySize: new(3072)}, 3072, "rsa", ssh.KeyAlgoRSA},
		{"the smallest size", spec{KeySize: new(1024)}, 1024, "rsa", ssh.KeyAlgoRSA},
		{"a curve", spec{KeyType: "ecdsa"}, 256, "ecdsa", ssh.KeyAlgoECDSA256},
		{"the curve by its size", spec{KeyType: "ecdsa", KeySize: new(256)}, 256, "ecdsa", ssh.KeyAlgoECDSA256},
		{"a larger curve", spec{KeyType: "ecdsa", KeySize: new(384)}, 384, "ecdsa", ssh.KeyAlgoECDSA384},
		{"the largest curve", spec{KeyType: "ecdsa", KeySize: new(521)}, 521, "ecdsa", ssh.KeyAlgoECDSA521},
		{"no curve has that size", spec{KeyType: "ecdsa", KeySize: new(2048)}, 256, "ecdsa", ssh.KeyAlgoECDSA256},
		{"one size only", spec{KeyType: "ed25519", KeySize: new(4096)}, 256, "ed25519", ssh.KeyAlgoED25519},
		{"a comment", spec{KeyType: "ed25519", Comment: "app, key of 2030"}, 256, "ed25519", ssh.KeyAlgoED25519},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			private, public := pair(t, tt.spec)
			if !strings.HasPrefix(string(private), "-----BEGIN OPENSSH PRIVATE KEY-----\n") {
				t.Error("the private key is not in the form of OpenSSH")
			}
			key, err := ssh.ParseRawPrivateKey(private)
			if err != nil {
				t.Fatal(err)
			}
			if algorithm, size := sizeOf(t, key); algorithm != tt.algorithm || size != tt.size {
				t.Errorf("a key of %s with %d bits, want %s with %d", algorithm, size, tt.algorithm, tt.size)
			}
			authorized, comment, _, rest, err := ssh.ParseAuthorizedKey(public)
			if err != nil || comment != tt.spec.Comment || len(rest) > 0 || authorized.Type() != tt.authorized {
				t.Errorf("the public key has the type %v, the comment %q and %d bytes more, %v", authorized, comment, len(rest), err)
			}
			if strings.Count(string(public), "\n") != 1 || !strings.HasSuffix(string(public), "\n") {
				t.Error("the public key is not one line")
			}
			own, err := ssh.NewPublicKey(key.(interface{ Public() crypto.PublicKey }).Public())
			if err != nil || string(own.Marshal()) != string(authorized.Marshal()) {
				t.Errorf("the two keys do not belong together: %v", err)
			}
		})
	}
}

func TestGenerateEndsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New().Bind(object(spec{})).Generate(ctx, generators.Env{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
}

// TestKeysDiffer looks at every bit of the seeds of many keys: none is always the same.
func TestKeysDiffer(t *testing.T) {
	const keys = 256
	var ones [8 * ed25519.SeedSize]int
	seen := map[string]bool{}
	for range keys {
		private, _ := pair(t, spec{KeyType: genv1alpha1.SSHKeyEd25519})
		key, err := ssh.ParseRawPrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		seed := key.(*ed25519.PrivateKey).Seed()
		seen[string(seed)] = true
		for i := range ones {
			ones[i] += int(seed[i/8] >> (i % 8) & 1)
		}
	}
	if len(seen) != keys {
		t.Errorf("%d different keys among %d", len(seen), keys)
	}
	// That a fair coin falls on one side 256 times happens once in 2^255.
	for i, n := range ones {
		if n == 0 || n == keys {
			t.Errorf("bit %d of the seed is always the same", i)
		}
	}
}
