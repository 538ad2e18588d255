package credentials_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/credentials"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// marked is in every value, so that an error text that quotes one is found.
const marked = "do-not-quote"

func secret(namespace string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "creds"}, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func service(funcs interceptor.Funcs, objects ...client.Object) *credentials.Service {
	c := fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	return credentials.New(c, c)
}

func TestNamespaces(t *testing.T) {
	s := service(interceptor.Funcs{}, secret("a", map[string]string{"k": "from a"}), secret("b", map[string]string{"k": "from b"}))
	tests := []struct {
		reason    string
		referrer  credentials.Referrer
		namespace *string
		want      string
		kind      fault.Kind
		message   string
		consumer  bool
	}{
		{
			reason:   "a SecretStore reads in its own namespace",
			referrer: credentials.Referrer{Kind: "SecretStore", Namespace: "a"},
			want:     "from a",
		},
		{
			reason:    "its own namespace may be written out",
			referrer:  credentials.Referrer{Kind: "SecretStore", Namespace: "a"},
			namespace: new("a"),
			want:      "from a",
		},
		{
			reason:    "an empty namespace is none",
			referrer:  credentials.Referrer{Kind: "SecretStore", Namespace: "a"},
			namespace: new(""),
			want:      "from a",
		},
		{
			reason:    "a SecretStore may not reach out",
			referrer:  credentials.Referrer{Kind: "SecretStore", Namespace: "a"},
			namespace: new("b"),
			kind:      fault.Invalid,
			message:   `may only refer to namespace "a"`,
		},
		{
			reason:    "a ClusterSecretStore may name any namespace",
			referrer:  credentials.Referrer{Kind: "ClusterSecretStore", Consumer: "a"},
			namespace: new("b"),
			want:      "from b",
		},
		{
			reason:    "also without a consumer",
			referrer:  credentials.Referrer{Kind: "ClusterSecretStore"},
			namespace: new("b"),
			want:      "from b",
		},
		{
			reason: "without a namespace the consumer's counts", referrer: credentials.Referrer{Kind: "ClusterSecretStore", Consumer: "a"},
			want: "from a",
		},
		{
			reason: "without both nobody can tell", referrer: credentials.Referrer{Kind: "ClusterSecretStore"},
			kind: fault.Invalid, message: "namespace of the object that uses", consumer: true,
		},
		{
			reason: "a generator reads in its namespace", referrer: credentials.Referrer{Kind: "Password", Namespace: "a", Consumer: "a"},
			want: "from a",
		},
		{
			reason:    "a generator may not reach out",
			referrer:  credentials.Referrer{Kind: "Password", Namespace: "a", Consumer: "a"},
			namespace: new("b"),
			kind:      fault.Invalid,
			message:   `may only refer to namespace "a"`,
		},
		{
			reason: "a ClusterGenerator reads where it is used", referrer: credentials.Referrer{Kind: "ClusterGenerator", Consumer: "b"},
			want: "from b",
		},
		{
			reason:    "a ClusterGenerator may not reach out",
			referrer:  credentials.Referrer{Kind: "ClusterGenerator", Consumer: "b"},
			namespace: new("a"),
			kind:      fault.Invalid,
			message:   `may only refer to namespace "b"`,
		},
		{
			reason: "a ClusterGenerator needs a user", referrer: credentials.Referrer{Kind: "ClusterGenerator"}, namespace: new("a"),
			kind: fault.Invalid, message: "namespace of the object that uses", consumer: true,
		},
		{
			reason:   "a namespaced referrer is not used from elsewhere",
			referrer: credentials.Referrer{Kind: "SecretStore", Namespace: "a", Consumer: "b"},
			kind:     fault.Invalid,
			message:  "cannot be used from",
		},
		{
			reason: "nothing is resolved for nobody", referrer: credentials.Referrer{Consumer: "a"},
			kind: fault.Invalid, message: "cannot be used from",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			ref := metametav1.SecretKeySelector{Name: "creds", Namespace: tt.namespace, Key: "k"}
			got, err := s.For(tt.referrer).SecretKey(t.Context(), ref)
			if tt.message == "" {
				if err != nil || string(got) != tt.want {
					t.Fatalf("got %q, %v; want %q", got, err, tt.want)
				}
				return
			}
			expectFault(t, err, tt.kind, tt.message)
			if errors.Is(err, providers.ErrNeedsConsumer) != tt.consumer {
				t.Errorf("ErrNeedsConsumer in the chain: want %t", tt.consumer)
			}
		})
	}
}

func TestSecretKeyFailures(t *testing.T) {
	failing := func(err error) interceptor.Funcs {
		return interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return err
		}}
	}
	resource := schema.GroupResource{Resource: "secrets"}
	tests := []struct {
		reason  string
		funcs   interceptor.Funcs
		ref     metametav1.SecretKeySelector
		kind    fault.Kind
		message string
		after   time.Duration
	}{
		{
			reason: "a missing secret is not an absent remote secret", ref: metametav1.SecretKeySelector{Name: "none", Key: "k"},
			kind: fault.Denied, message: `secret "a/none" does not exist`,
		},
		{
			reason: "nor is a missing key, and other keys are not told", ref: metametav1.SecretKeySelector{Name: "creds", Key: "none"},
			kind: fault.Denied, message: `secret "a/creds" has no key "none"`,
		},
		{
			reason:  "a key is needed",
			ref:     metametav1.SecretKeySelector{Name: "creds"},
			kind:    fault.Invalid,
			message: "needs a name and a key",
		},
		{
			reason: "a missing right is named",
			funcs:  failing(apierrors.NewForbidden(resource, "creds", errors.New(marked))),
			ref: metametav1.SecretKeySelector{
				Name: "creds",
				Key:  "k",
			},
			kind:    fault.Denied,
			message: `grant it the verb "get" on secrets in namespace "a"`,
		},
		{
			reason: "a wait that the API server asks for is kept", funcs: failing(apierrors.NewTooManyRequests(marked, 7)),
			ref: metametav1.SecretKeySelector{Name: "creds", Key: "k"}, kind: fault.Throttled, message: "too busy", after: 7 * time.Second,
		},
		{
			reason: "any other failure passes",
			funcs:  failing(errors.New(marked)),
			ref: metametav1.SecretKeySelector{
				Name: "creds",
				Key:  "k",
			},
			kind:    fault.Unavailable,
			message: `could not get secrets ("a/creds")`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			s := service(tt.funcs, secret("a", map[string]string{"k": marked, "other": marked}))
			_, err := s.For(credentials.Referrer{Kind: "SecretStore", Namespace: "a"}).SecretKey(t.Context(), tt.ref)
			expectFault(t, err, tt.kind, tt.message)
			if got := fault.RetryAfter(err); got != tt.after {
				t.Errorf("retry after %v, want %v", got, tt.after)
			}
			if strings.Contains(err.Error(), "other") {
				t.Errorf("the error lists keys: %v", err)
			}
		})
	}
}

func TestServiceAccountToken(t *testing.T) {
	expiry := metav1.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var asked *authenticationv1.TokenRequest
	var at client.ObjectKey
	create := func(_ context.Context, _ client.Client, sub string, obj, request client.Object, _ ...client.SubResourceCreateOption) error {
		if sub != "token" {
			return errors.New("unexpected subresource")
		}
		asked, at = request.(*authenticationv1.TokenRequest), client.ObjectKeyFromObject(obj)
		switch obj.GetName() {
		case "none":
			return apierrors.NewNotFound(schema.GroupResource{Resource: "serviceaccounts"}, obj.GetName())
		case "forbidden":
			return apierrors.NewForbidden(schema.GroupResource{Resource: "serviceaccounts"}, obj.GetName(), nil)
		case "invalid":
			return apierrors.NewBadRequest(marked)
		}
		asked.Status = authenticationv1.TokenRequestStatus{Token: "t", ExpirationTimestamp: expiry}
		return nil
	}
	resolver := service(interceptor.Funcs{SubResourceCreate: create}).For(credentials.Referrer{Kind: "ClusterSecretStore", Consumer: "a"})

	robot := metametav1.ServiceAccountSelector{Name: "robot", Namespace: new("b"), Audiences: []string{"x"}}
	token, err := resolver.ServiceAccountToken(t.Context(), robot)
	if err != nil || token.Value != "t" || !token.ExpiresAt.Equal(expiry.Time) {
		t.Fatalf("got %v, %v", token, err)
	}
	seconds := ptr.Deref(asked.Spec.ExpirationSeconds, 0)
	if at != (client.ObjectKey{Namespace: "b", Name: "robot"}) || seconds != 3600 || asked.Spec.Audiences[0] != "x" {
		t.Errorf("asked for %v at %v", asked.Spec, at)
	}

	failures := []struct {
		reason, name string
		kind         fault.Kind
		message      string
	}{
		{"a missing account is named", "none", fault.Denied, `service account "a/none" does not exist`},
		{"a missing right is named", "forbidden", fault.Denied, `grant it the verb "create" on serviceaccounts/token in namespace "a"`},
		{"a refused request is the user's to mend", "invalid", fault.Invalid, "as invalid"},
		{"a name is needed", "", fault.Invalid, "needs a name"},
	}
	for _, tt := range failures {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := resolver.ServiceAccountToken(t.Context(), metametav1.ServiceAccountSelector{Name: tt.name})
			expectFault(t, err, tt.kind, tt.message)
		})
	}
}

func TestCABundle(t *testing.T) {
	pem := certificate(t)
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "ca"},
		Data:       map[string]string{"ca.crt": pem, "bad": marked},
	}
	s := service(interceptor.Funcs{}, configMap, secret("a", map[string]string{"ca.crt": pem, "bad": marked}))
	store, cluster := credentials.Referrer{
		Kind:      "SecretStore",
		Namespace: "a",
	}, credentials.Referrer{
		Kind:     "ClusterSecretStore",
		Consumer: "a",
	}
	tests := []struct {
		reason   string
		referrer credentials.Referrer
		bundle   string
		provider *esv1.CAProvider
		want     string
		kind     fault.Kind // Invalid when it is not set
		message  string
	}{
		{reason: "nothing is asked for", referrer: store},
		{reason: "a PEM", referrer: store, bundle: pem, want: pem},
		{reason: "Base64 of a PEM", referrer: store, bundle: base64.StdEncoding.EncodeToString([]byte(pem)) + "\n", want: pem},
		{
			reason:   "the bundle wins",
			referrer: store,
			bundle:   pem,
			provider: &esv1.CAProvider{Type: "Secret", Name: "none", Key: "k"},
			want:     pem,
		},
		{reason: "no PEM", referrer: store, bundle: marked, message: "caBundle holds no certificate"},
		{
			reason:   "a PEM that holds no certificate",
			referrer: store,
			bundle:   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
			message:  "caBundle holds no certificate",
		},
		{reason: "from a ConfigMap", referrer: store, provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt"}, want: pem},
		{reason: "from a Secret", referrer: store, provider: &esv1.CAProvider{Type: "Secret", Name: "creds", Key: "ca.crt"}, want: pem},
		{
			reason: "a cluster store names the namespace", referrer: cluster,
			provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt", Namespace: new("a")},
			want:     pem,
		},
		{
			reason:   "a cluster store must name it",
			referrer: cluster,
			provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt"},
			message:  "caProvider.namespace must be set",
		},
		{
			reason: "a store must not", referrer: store,
			provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt", Namespace: new("a")},
			message:  "caProvider.namespace must be empty",
		},
		{
			reason: "a generator may name its own", referrer: credentials.Referrer{Kind: "Webhook", Namespace: "a", Consumer: "a"},
			provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt", Namespace: new("a")},
			want:     pem,
		},
		{
			reason: "and no other", referrer: credentials.Referrer{Kind: "Webhook", Namespace: "a", Consumer: "a"},
			provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "ca.crt", Namespace: new("b")},
			message:  `a Webhook may only refer to namespace "a"`,
		},
		{
			reason:   "the key of a bad value is named",
			referrer: store,
			provider: &esv1.CAProvider{Type: "Secret", Name: "creds", Key: "bad"},
			message:  `key "bad" of secret "a/creds" holds no certificate`,
		},
		{
			reason: "a missing ConfigMap is named", referrer: store, provider: &esv1.CAProvider{Type: "ConfigMap", Name: "none", Key: "k"},
			kind: fault.Denied, message: `config map "a/none" does not exist`,
		},
		{
			reason: "a missing key is named", referrer: store, provider: &esv1.CAProvider{Type: "ConfigMap", Name: "ca", Key: "none"},
			kind: fault.Denied, message: `config map "a/ca" has no key "none"`,
		},
		{
			reason: "an unknown type", referrer: store, provider: &esv1.CAProvider{Type: "File", Name: "x", Key: "y"},
			message: "must be Secret or ConfigMap",
		},
		{
			reason:   "a key is needed",
			referrer: store,
			provider: &esv1.CAProvider{Type: "Secret", Name: "creds"},
			message:  "needs a name and a key",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := s.For(tt.referrer).CABundle(t.Context(), []byte(tt.bundle), tt.provider)
			if tt.message != "" {
				expectFault(t, err, cmp.Or(tt.kind, fault.Invalid), tt.message)
			} else if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func expectFault(t *testing.T, err error, kind fault.Kind, message string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), message) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.KindOf(err), kind, message)
	}
	if strings.Contains(err.Error(), marked) {
		t.Errorf("the error quotes a value: %v", err)
	}
}
