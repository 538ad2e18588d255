package stores_test

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/stores"
)

func TestOpen(t *testing.T) {
	gate := []stores.OpenOption{stores.RequireReady()}
	tests := []struct {
		reason  string
		store   client.Object
		ref     esv1.SecretStoreRef
		opts    []stores.OpenOption
		kind    fault.Kind
		message string
	}{
		{reason: "a store of the namespace", store: store(), ref: esv1.SecretStoreRef{Name: "main"}},
		{reason: "a cluster store", store: clusterStore(), ref: esv1.SecretStoreRef{Kind: "ClusterSecretStore", Name: "shared"}},
		{
			reason: "a missing store is never a missing secret", store: store(), ref: esv1.SecretStoreRef{Name: "none"},
			kind: fault.Invalid, message: `SecretStore "none" does not exist in namespace "app"`,
		},
		{
			reason: "nor is a missing cluster store", store: store(), ref: esv1.SecretStoreRef{Kind: "ClusterSecretStore", Name: "main"},
			kind: fault.Invalid, message: `ClusterSecretStore "main" does not exist`,
		},
		{
			reason: "a store of another namespace does not count", store: store(func(s *esv1.SecretStore) { s.Namespace = "other" }),
			ref:  esv1.SecretStoreRef{Name: "main"},
			kind: fault.Invalid, message: "does not exist",
		},
		{
			reason: "a reference that names none", store: store(), ref: esv1.SecretStoreRef{Kind: "ClusterSecretStore"},
			kind: fault.Invalid, message: "set spec.secretStoreRef.name",
		},
		{
			reason: "an unknown kind", store: store(), ref: esv1.SecretStoreRef{Kind: "Vault", Name: "main"},
			kind: fault.Invalid, message: `secretStoreRef.kind is "Vault"`,
		},
		{
			reason:  "no provider",
			store:   store(func(s *esv1.SecretStore) { s.Spec.Provider = nil }),
			ref:     esv1.SecretStoreRef{Name: "main"},
			kind:    fault.Invalid,
			message: `SecretStore "main": spec.provider names no provider`,
		},
		{
			reason: "bad retry settings name their field", ref: esv1.SecretStoreRef{Name: "main"},
			store: store(func(s *esv1.SecretStore) {
				s.Spec.RetrySettings = &esv1.SecretStoreRetrySettings{RetryInterval: new("soon")}
			}),
			kind: fault.Invalid, message: "spec.retrySettings.retryInterval",
		},
		{reason: "a ready store passes the gate", store: store(), ref: esv1.SecretStoreRef{Name: "main"}, opts: gate},
		{
			reason: "one that is not ready does not, and says why", ref: esv1.SecretStoreRef{Name: "main"}, opts: gate,
			store: store(func(s *esv1.SecretStore) {
				s.Status.Conditions[0] = metav1.Condition{Type: esv1.ConditionReady, Status: metav1.ConditionFalse, Message: "no token"}
			}),
			kind: fault.Unavailable, message: `SecretStore "main" is not ready: no token`,
		},
		{
			reason: "one that was never checked does not",
			ref:    esv1.SecretStoreRef{Name: "main"},
			opts:   gate,
			store: store(
				func(s *esv1.SecretStore) { s.Status = esv1.SecretStoreStatus{} },
			),
			kind:    fault.Unavailable,
			message: "not been checked",
		},
		{
			reason: "nor one that has changed since", ref: esv1.SecretStoreRef{Name: "main"}, opts: gate,
			store: store(func(s *esv1.SecretStore) { s.Generation = 2 }), kind: fault.Unavailable, message: "not been checked",
		},
		{
			reason: "without the gate readiness does not matter", ref: esv1.SecretStoreRef{Name: "main"},
			store: store(func(s *esv1.SecretStore) { s.Status = esv1.SecretStoreStatus{} }),
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, tt.store)
			session, err := w.pool.Open(t.Context(), "app", tt.ref, tt.opts...)
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil || session.Store().Name != tt.ref.Name {
				t.Errorf("got %v, %v", session, err)
			}
		})
	}
}

func TestNamespaceConditions(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "app", Labels: map[string]string{"team": "a"}}}
	denied := `using cluster store "shared" is not allowed from namespace "app": denied by spec.condition`
	team := func(name string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"team": name}}
	}
	type conditions = []esv1.ClusterSecretStoreCondition
	tests := []struct {
		reason     string
		conditions conditions
		kind       fault.Kind
		message    string
	}{
		{reason: "no conditions, no limits"},
		{reason: "by name", conditions: conditions{{Namespaces: []string{"x", "app"}}}},
		{reason: "another name", conditions: conditions{{Namespaces: []string{"ap"}}}, kind: fault.Denied, message: denied},
		{reason: "a part of the name is enough for a regex", conditions: conditions{{NamespaceRegexes: []string{"p+"}}}},
		{
			reason:     "a regex that does not match",
			conditions: conditions{{NamespaceRegexes: []string{"^p"}}},
			kind:       fault.Denied,
			message:    denied,
		},
		{reason: "by label", conditions: conditions{{NamespaceSelector: team("a")}}},
		{reason: "another label", conditions: conditions{{NamespaceSelector: team("b")}}, kind: fault.Denied, message: denied},
		{reason: "an empty selector selects everything", conditions: conditions{{NamespaceSelector: &metav1.LabelSelector{}}}},
		{reason: "an empty condition selects nothing", conditions: conditions{{}}, kind: fault.Denied, message: denied},
		{reason: "one condition of several is enough", conditions: conditions{
			{Namespaces: []string{"x"}}, {NamespaceSelector: team("b")}, {NamespaceRegexes: []string{"x", "^app$"}},
		}},
		{reason: "one part of a condition is enough", conditions: conditions{{Namespaces: []string{"app"}, NamespaceSelector: team("b")}}},
		{
			reason:     "a bad regex is named, also where another condition matches",
			conditions: conditions{{Namespaces: []string{"app"}}, {NamespaceRegexes: []string{"x", "("}}},
			kind:       fault.Invalid, message: `ClusterSecretStore "shared": spec.conditions[1].namespaceRegexes[1] "(" is not`,
		},
		{
			reason: "a bad selector is named",
			conditions: conditions{{NamespaceSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "?"}},
			}}},
			kind: fault.Invalid, message: "spec.conditions[0].namespaceSelector is not",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, namespace, clusterStore(func(s *esv1.ClusterSecretStore) { s.Spec.Conditions = tt.conditions }))
			_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Kind: "ClusterSecretStore", Name: "shared"})
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOtherClass(t *testing.T) {
	theirs := clusterStore(func(s *esv1.ClusterSecretStore) {
		s.Spec.Controller = "theirs"
		s.Spec.Conditions = []esv1.ClusterSecretStoreCondition{{}}
	})
	w := newWorld(t, theirs, store(func(s *esv1.SecretStore) { s.Spec.Controller = stores.DefaultClass }))
	_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Kind: "ClusterSecretStore", Name: "shared"})
	if !errors.Is(err, stores.ErrOtherClass) {
		t.Errorf("a store of another class is not judged any further: %v", err)
	}
	if _, err := w.pool.OpenStore(t.Context(), theirs); !errors.Is(err, stores.ErrOtherClass) {
		t.Errorf("a store of another class is not checked: %v", err)
	}
	w.open()
}

func TestUnreadableStore(t *testing.T) {
	resource := schema.GroupResource{Group: esv1.Group, Resource: "secretstores"}
	tests := []struct {
		reason  string
		err     error
		kind    fault.Kind
		message string
	}{
		{"a missing right is named", apierrors.NewForbidden(resource, "main", errors.New(marked)), fault.Denied, `grant it the verb "get"`},
		{"anything else passes", errors.New(marked), fault.Unavailable, `could not get SecretStore "main"`},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t, store())
			w.get = func(client.Object) error { return tt.err }
			_, err := w.pool.Open(t.Context(), "app", esv1.SecretStoreRef{Name: "main"})
			expectFault(t, err, tt.kind, tt.message)
		})
	}
}
