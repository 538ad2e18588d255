package credentials

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// tokenSeconds is the lifetime that is asked for when a token is requested.
const tokenSeconds = 3600

var (
	_ providers.Resolver  = (*Resolver)(nil)
	_ generators.Resolver = (*Resolver)(nil)
)

// Resolver resolves the references of one referrer. It is safe for concurrent use and keeps nothing: every call reads anew.
//
// What is missing is fault.Denied, because it may appear without a change of the referrer, and never fault.NotFound, which is
// kept for secrets that are absent from a store. A right that the operator lacks is fault.Denied too, and names the verb.
type Resolver struct {
	service  *Service
	referrer Referrer
}

// SecretKey returns the value of one key of a Secret.
func (r *Resolver) SecretKey(ctx context.Context, ref metametav1.SecretKeySelector) ([]byte, error) {
	if ref.Name == "" || ref.Key == "" {
		return nil, fault.New(fault.Invalid, "a reference to a secret (name %q, key %q) needs a name and a key", ref.Name, ref.Key)
	}
	namespace, err := r.referrer.namespace(ref.Namespace, fmt.Sprintf("secret %q", ref.Name))
	if err != nil {
		return nil, err
	}
	return r.secretKey(ctx, namespace, ref.Name, ref.Key)
}

// ServiceAccountToken requests a token of a ServiceAccount for one hour.
func (r *Resolver) ServiceAccountToken(ctx context.Context, ref metametav1.ServiceAccountSelector) (providers.Token, error) {
	if ref.Name == "" {
		return providers.Token{}, fault.New(fault.Invalid, "a reference to a service account needs a name")
	}
	namespace, err := r.referrer.namespace(ref.Namespace, fmt.Sprintf("service account %q", ref.Name))
	if err != nil {
		return providers.Token{}, err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: ref.Name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences:         ref.Audiences,
		ExpirationSeconds: new(int64(tokenSeconds)),
	}}
	if err := r.service.tokens.SubResource("token").Create(ctx, account, request); err != nil {
		return providers.Token{}, apiFault(err, access{"create", "serviceaccounts/token", "service account", account})
	}
	return providers.Token{Value: request.Status.Token, ExpiresAt: request.Status.ExpirationTimestamp.Time}, nil
}

// LabelledSecret returns all values of a Secret that has the given label, with the given value.
func (r *Resolver) LabelledSecret(ctx context.Context, ref metametav1.SecretKeySelector, label, value string) (map[string][]byte, error) {
	if ref.Name == "" {
		return nil, fault.New(fault.Invalid, "a reference to a secret needs a name")
	}
	namespace, err := r.referrer.namespace(ref.Namespace, fmt.Sprintf("secret %q", ref.Name))
	if err != nil {
		return nil, err
	}
	secret, err := r.secret(ctx, namespace, ref.Name)
	if err != nil {
		return nil, err
	}
	if secret.Labels[label] != value {
		return nil, fault.New(fault.Denied, "secret %q may not be used by a %s: it lacks the label %s: %s",
			namespace+"/"+ref.Name, r.referrer.Kind, label, value)
	}
	return secret.Data, nil
}

func (r *Resolver) secretKey(ctx context.Context, namespace, name, key string) ([]byte, error) {
	secret, err := r.secret(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return valueOf(secret.Data, "secret", namespace, name, key)
}

func (r *Resolver) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := r.service.reader.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
		return nil, apiFault(err, access{"get", "secrets", "secret", secret})
	}
	return secret, nil
}

func (r *Resolver) configMapKey(ctx context.Context, namespace, name, key string) ([]byte, error) {
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := r.service.reader.Get(ctx, client.ObjectKeyFromObject(configMap), configMap); err != nil {
		return nil, apiFault(err, access{"get", "configmaps", "config map", configMap})
	}
	if text, ok := configMap.Data[key]; ok {
		return []byte(text), nil
	}
	return valueOf(configMap.BinaryData, "config map", namespace, name, key)
}

func valueOf(data map[string][]byte, noun, namespace, name, key string) ([]byte, error) {
	value, ok := data[key]
	if !ok {
		return nil, fault.New(fault.Denied, "%s %q has no key %q", noun, namespace+"/"+name, key)
	}
	return value, nil
}
