package kubernetes

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// callTimeout ends a call to a server that accepts connections and never answers.
const callTimeout = 30 * time.Second

// The names of the calls in metrics.
const (
	callGet    = "GetSecret"
	callList   = "ListSecrets"
	callCreate = "CreateSecret"
	callUpdate = "UpdateSecret"
	callDelete = "DeleteSecret"
	callRules  = "CreateSelfSubjectRulesReview"
	callAccess = "CreateSelfSubjectAccessReview"
	callWatch  = "WatchSecrets"
	callSelf   = "CreateSelfSubjectReview"
)

// serviceAccountAnnotations is the prefix of annotations that tie a Secret to a ServiceAccount.
const serviceAccountAnnotations = "kubernetes.io/service-account."

// client serves one store.
type client struct {
	secrets corev1client.SecretsGetter
	reviews authorizationclient.AuthorizationV1Interface
	self    authenticationclient.SelfSubjectReviewsGetter
	// host is the address of the API server, for messages.
	host string
	// namespace holds the Secrets.
	namespace string
	store     providers.Store
	observe   func(call string, err error)
	clock     clock.Clock
}

var (
	_ providers.Locator = (*client)(nil)
	_ providers.Reader  = (*client)(nil)
	_ providers.Lister  = (*client)(nil)
	_ providers.Writer  = (*client)(nil)
	_ providers.Checker = (*client)(nil)
	_ providers.Watcher = (*client)(nil)
)

// Close implements providers.Client. Connections are shared and end by themselves.
func (*client) Close(context.Context) error { return nil }

// operation is one call to the API server.
type operation struct {
	// call is its name in metrics; verb and resource are those of the right that it needs.
	call, verb, resource string
	// namespace and name of the object; name is empty for a list.
	namespace, name string
}

// do makes one call, counts it and explains its error.
func (c *client) do(ctx context.Context, op operation, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := explain(f(ctx), op, c.host)
	c.observe(op.call, err)
	return err
}

// target is one Secret.
type target struct{ namespace, name string }

func (c *client) target(key, namespace string) (target, error) {
	if problems := validation.NameIsDNSSubdomain(key, false); len(problems) > 0 {
		return target{}, fault.New(fault.Invalid, "%q is not a valid name of a secret: lower-case letters, digits, '-' and '.', at most 253",
			key)
	}
	if namespace == "" {
		namespace = c.namespace
	}
	return target{namespace: namespace, name: key}, nil
}

func (t target) op(call, verb string) operation {
	return operation{call: call, verb: verb, resource: "secrets", namespace: t.namespace, name: t.name}
}

func (t target) String() string { return t.namespace + "/" + t.name }

// refused reports types that give access to the cluster itself and are neither read nor written.
func refused(t corev1.SecretType) bool {
	return t == corev1.SecretTypeServiceAccountToken || t == corev1.SecretTypeBootstrapToken
}

func refuse(at target, t corev1.SecretType) error {
	return fault.New(fault.Invalid, "secret %q has type %s, which is neither read nor written: it gives access to the cluster itself",
		at, t)
}

func portable(annotation, _ string) bool {
	return !strings.HasPrefix(annotation, serviceAccountAnnotations)
}
