package kubernetes_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/kubernetes"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env"
)

var realClock = clock.RealClock{}

// The identities of the tests, by what they may do with the Secrets of their namespace.
const (
	writer  = "writer"
	getter  = "getter"
	lister  = "lister"
	nothing = "nothing"
)

// world is a real API server with one namespace that holds the remote Secrets.
type world struct {
	admin     clientset.Interface
	config    *rest.Config
	namespace string
	// secrets are what the store's spec can refer to, by name and key.
	secrets map[string][]byte

	mu sync.Mutex
	// calls that succeeded, by name.
	calls map[string]int
	// afterCall, when set, runs once, after the next call of a client.
	afterCall func()
}

func TestAPIServer(t *testing.T) {
	if _, err := env.AssetsDir(); err != nil {
		t.Skip(err)
	}
	controlPlane, err := env.Start(t.Context(), env.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := controlPlane.Stop(); err != nil {
			t.Error(err)
		}
	})
	for name, test := range map[string]func(*testing.T, *world){
		"conformance": testConformance, "created by": testCreatedBy, "metadata": testMetadata, "types": testTypes, "takeover": testTakeover,
		"inheritance": testInheritance,
		"whole":       testWhole, "delete": testDelete, "remote namespace": testRemoteNamespace, "rights": testRights, "connection": testConnection,
		"identities": testIdentities, "list": testList, "calls": testCalls, "refused input": testRefusedInput, "interference": testInterference,
		"watch": testWatch,
	} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, controlPlane.Config)) })
	}
}

func newWorld(t *testing.T, config *rest.Config) *world {
	t.Helper()
	admin, err := clientset.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{admin: admin, config: config, calls: map[string]int{}, secrets: map[string][]byte{}}
	w.namespace = w.newNamespace(t)
	return w
}

// newNamespace makes a namespace and, in it, the identities and their rights. The writer may write to every namespace that was made so.
func (w *world) newNamespace(t *testing.T) string {
	t.Helper()
	wanted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "remote-"}}
	namespace, err := w.admin.CoreV1().Namespaces().Create(t.Context(), wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	home := w.namespace
	if home == "" {
		home = namespace.Name
	}
	w.grant(t, home, namespace.Name, writer, "get", "list", "watch", "create", "patch", "delete")
	if home == namespace.Name {
		w.grant(t, home, home, getter, "get")
		w.grant(t, home, home, lister, "get", "list")
		w.grant(t, home, home, nothing)
	}
	return namespace.Name
}

func (w *world) grant(t *testing.T, home, namespace, account string, verbs ...string) {
	t.Helper()
	if home == namespace {
		wanted := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}
		if _, err := w.admin.CoreV1().ServiceAccounts(home).Create(t.Context(), wanted, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(verbs) == 0 {
		return
	}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs}},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: home}},
	}
	if _, err := w.admin.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.waitForRight(t, "system:serviceaccount:"+home+":"+account, verbs[0], namespace)
}

// waitForRight waits for the authorizer of the API server, which learns of a new role a moment after it has been created.
func (w *world) waitForRight(t *testing.T, user, verb, namespace string) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Resource: "secrets", Namespace: namespace},
	}}
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		answer, err := w.admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
	if err != nil {
		t.Fatalf("wait for the right of %s: %v", user, err)
	}
}

// SecretKey implements providers.Resolver from w.secrets, by name and key.
func (w *world) SecretKey(_ context.Context, ref metametav1.SecretKeySelector) ([]byte, error) {
	value, exists := w.secrets[ref.Name+"/"+ref.Key]
	if !exists {
		return nil, fault.New(fault.Invalid, "secret %q does not exist", ref.Name)
	}
	return value, nil
}

// ServiceAccountToken implements providers.Resolver.
func (w *world) ServiceAccountToken(ctx context.Context, ref metametav1.ServiceAccountSelector) (providers.Token, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: ref.Audiences}}
	answer, err := w.admin.CoreV1().ServiceAccounts(w.namespace).CreateToken(ctx, ref.Name, request, metav1.CreateOptions{})
	if err != nil {
		return providers.Token{}, fault.Wrap(fault.Invalid, err, "no token")
	}
	return providers.Token{Value: answer.Status.Token, ExpiresAt: answer.Status.ExpirationTimestamp.Time}, nil
}

// CABundle implements providers.Resolver.
func (w *world) CABundle(_ context.Context, bundle []byte, _ *esv1.CAProvider) ([]byte, error) {
	return bundle, nil
}

func (w *world) spec(account string) *esv1.KubernetesProvider {
	return &esv1.KubernetesProvider{
		RemoteNamespace: w.namespace,
		Auth:            &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: account}},
	}
}

// client is every ability that a client of this provider has.
type client struct {
	providers.Client
	providers.Locator
	providers.Reader
	providers.Lister
	providers.Writer
	providers.Checker
	providers.Watcher
}

func (w *world) open(t *testing.T, spec *esv1.KubernetesProvider) client {
	t.Helper()
	opened, err := w.tryOpen(t, spec)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return client{
		opened, opened.(providers.Locator), opened.(providers.Reader), opened.(providers.Lister), opened.(providers.Writer),
		opened.(providers.Checker), opened.(providers.Watcher),
	}
}

func (w *world) tryOpen(t *testing.T, spec *esv1.KubernetesProvider) (providers.Client, error) {
	t.Helper()
	return kubernetes.New(w.config).Open(t.Context(), &esv1.SecretStoreProvider{Kubernetes: spec}, providers.Env{
		Store: cluster, Resolver: w, Clock: realClock,
		Observe: func(call string, err error) {
			w.mu.Lock()
			if err == nil {
				w.calls[call]++
			}
			interfere := w.afterCall
			w.afterCall = nil
			w.mu.Unlock()
			if interfere != nil {
				interfere()
			}
		},
	})
}

// seed creates a Secret under another field manager.
func (w *world) seed(t *testing.T, s *corev1.Secret) {
	t.Helper()
	options := metav1.CreateOptions{FieldManager: "kubectl-create"}
	if _, err := w.admin.CoreV1().Secrets(w.namespace).Create(t.Context(), s, options); err != nil {
		t.Fatal(err)
	}
}

func (w *world) read(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	s, err := w.admin.CoreV1().Secrets(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func named(name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func options(t *testing.T, spec map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(
		map[string]any{"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec},
	)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func testConformance(t *testing.T, w *world) {
	providertest.Run(t, providertest.Harness{
		Open: func(t *testing.T) providers.Client { return w.open(t, w.spec(writer)) },
		Seed: func(t *testing.T, key string, s providers.Secret) {
			t.Helper()
			w.seed(t, named(key, s.Fields))
		},
	})
}
