package operator

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-operator/sluice/internal/fingerprint"
)

// The Secret in the operator's namespace that holds the key of the fingerprints.
const (
	keySecret = "sluice-fingerprint-key" //nolint:gosec // a name, not a credential
	keyField  = "key"
)

// hasher returns a hasher with the key that is kept in the cluster, which is made at the first start. Where the operator has
// no namespace, or no right to the key, a key for this process is used: the next process cannot tell then what this one
// delivered, and reads every source once. Any other failure is an error, so that no key takes the place of one that is there.
func hasher(ctx context.Context, c client.Client, namespace string) (fingerprint.Hasher, error) {
	key, err := storedKey(ctx, c, namespace)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		logf.FromContext(ctx).Info("using a key of fingerprints that ends with this process",
			"namespace", namespace, "secret", keySecret, "reason", err.Error())
		return fingerprint.New(newKey()), nil
	case err != nil:
		return fingerprint.Hasher{}, err
	default:
		return fingerprint.New(key), nil
	}
}

func storedKey(ctx context.Context, c client.Client, namespace string) ([]byte, error) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: keySecret}}
	err := c.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if apierrors.IsNotFound(err) {
		secret.Data = map[string][]byte{keyField: newKey()}
		if err = c.Create(ctx, secret); apierrors.IsAlreadyExists(err) {
			err = c.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read or create the key: %w", err)
	}
	if len(secret.Data[keyField]) < fingerprint.KeySize {
		return nil, fmt.Errorf("secret %s has no key of %d bytes under %q", keySecret, fingerprint.KeySize, keyField)
	}
	return secret.Data[keyField], nil
}

func newKey() []byte {
	key := make([]byte, fingerprint.KeySize)
	_, _ = rand.Read(key) // never fails: it would end the process
	return key
}
