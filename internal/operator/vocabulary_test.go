package operator_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/operator"
	"github.com/sluice-operator/sluice/test/env/lab"
)

type options = operator.Options

var newManager = operator.New

// defaults returns the options of an operator without flags, changed so that nothing listens.
func defaults(operatorNamespace string) options {
	GinkgoHelper()
	var o options
	flags := flag.NewFlagSet("sluice", flag.ContinueOnError)
	o.Bind(flags)
	Expect(flags.Parse(nil)).To(Succeed())
	o.MetricsAddr, o.LiveAddr, o.OperatorNamespace = "0", "0", operatorNamespace
	return o
}

// place is a namespace that tests work in.
type place struct{ name string }

func newPlace(ctx context.Context) place {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-"}}
	Expect(admin.Create(ctx, namespace)).To(Succeed())
	return place{namespace.Name}
}

// create creates objects here; those without a namespace of their own where they belong.
func (p place) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		namespaced, err := admin.IsObjectNamespaced(o)
		Expect(err).NotTo(HaveOccurred())
		if namespaced {
			o.SetNamespace(p.name)
		}
		Expect(admin.Create(ctx, o)).To(Succeed())
	}
}

// edit changes an object by a patch.
func edit[O client.Object](ctx context.Context, o O, change func(O)) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	before := o.DeepCopyObject().(client.Object)
	change(o)
	Expect(admin.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
}

// secret returns what a Secret holds; nothing while there is none.
func (p place) secret(ctx context.Context, name string) func() map[string]string {
	return func() map[string]string {
		var secret corev1.Secret
		if err := admin.Get(ctx, client.ObjectKey{Namespace: p.name, Name: name}, &secret); err != nil {
			return nil
		}
		return lab.Texts(secret.Data)
	}
}

// version returns the version of a Secret, which moves with every write.
func (p place) version(ctx context.Context, name string) string {
	GinkgoHelper()
	var secret corev1.Secret
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: p.name, Name: name}, &secret)).To(Succeed())
	return secret.ResourceVersion
}

// ready returns the Ready condition of an object; an empty one while it has none for its present generation.
func ready(ctx context.Context, o client.Object) func() metav1.Condition {
	return func() metav1.Condition {
		if err := admin.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return metav1.Condition{}
		}
		var conditions []metav1.Condition
		switch o := o.(type) {
		case *esv1.ExternalSecret:
			conditions = o.Status.Conditions
		case *esv1.ClusterExternalSecret:
			conditions = o.Status.Conditions
		case *esv1alpha1.PushSecret:
			conditions = o.Status.Conditions
		case *esv1alpha1.ClusterPushSecret:
			conditions = o.Status.Conditions
		case *genv1alpha1.GeneratorState:
			conditions = o.Status.Conditions
		case esv1.GenericStore:
			conditions = o.StoreStatus().Conditions
		}
		if c := meta.FindStatusCondition(conditions, esv1.ConditionReady); c != nil && c.ObservedGeneration == o.GetGeneration() {
			return *c
		}
		return metav1.Condition{}
	}
}

func beTrue() OmegaMatcher { return HaveField("Status", metav1.ConditionTrue) }

func beFalse(message string) OmegaMatcher {
	return SatisfyAll(HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring(message)))
}

// account makes a ServiceAccount here that may do everything with the Secrets of a namespace, for stores.
func (p place) account(ctx context.Context, name, secretsOf string) {
	GinkgoHelper()
	p.create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}})
	p.allow(ctx, name, secretsOf, secretsRule("*"))
}

// allow gives a ServiceAccount of this place rights in a namespace.
func (p place) allow(ctx context.Context, account, namespace string, rules ...rbacv1.PolicyRule) {
	GinkgoHelper()
	name := metav1.ObjectMeta{Namespace: namespace, Name: p.name + "-" + account}
	Expect(admin.Create(ctx, &rbacv1.Role{ObjectMeta: name, Rules: rules})).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: *name.DeepCopy(),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: p.name, Name: account}},
	})).To(Succeed())
}

// identity makes a ServiceAccount here that may do everything in the given namespaces and read our kinds everywhere, and
// returns a configuration that acts as it.
func (p place) identity(ctx context.Context, name string, namespaces ...string) *rest.Config {
	GinkgoHelper()
	p.create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}})
	for _, namespace := range namespaces {
		p.allow(ctx, name, namespace, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}})
	}
	everywhere := metav1.ObjectMeta{Name: p.name + "-" + name}
	groups := []string{esv1.GroupVersion().Group, "generators." + esv1.GroupVersion().Group}
	Expect(admin.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: everywhere, Rules: []rbacv1.PolicyRule{
		{APIGroups: groups, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}},
	}})).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: *everywhere.DeepCopy(),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: everywhere.Name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: p.name, Name: name}},
	})).To(Succeed())
	path, err := cluster.KubeconfigFor(ctx, p.name, name)
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.BuildConfigFromFlags("", path)
	Expect(err).NotTo(HaveOccurred())
	return config
}

// token returns a token of a ServiceAccount of this place.
func (p place) token(ctx context.Context, account string) string {
	GinkgoHelper()
	path, err := cluster.KubeconfigFor(ctx, p.name, account)
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.BuildConfigFromFlags("", path)
	Expect(err).NotTo(HaveOccurred())
	return config.BearerToken
}

// tokenAuth signs in with the token in the Secret "token", in the namespace that the store or its user is in.
func tokenAuth() *esv1.KubernetesAuth {
	return &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: metametav1.SecretKeySelector{Name: "token", Key: "token"}}}
}

// named returns an object of a place by which it can be read.
func named[O client.Object](p place, o O) O {
	o.SetNamespace(p.name)
	return o
}

func numbered(name string, i int) string { return fmt.Sprintf("%s-%d", name, i) }

// syncedVersion returns the state of an object that was last acted on.
func syncedVersion(ctx context.Context, o client.Object) func() string {
	return func() string {
		GinkgoHelper()
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		switch o := o.(type) {
		case *esv1.ExternalSecret:
			return o.Status.SyncedResourceVersion
		case *esv1alpha1.PushSecret:
			return o.Status.SyncedResourceVersion
		}
		return ""
	}
}

func secretsRule(verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs}
}

// witness remembers every value that the Secrets of a namespace have had under one key.
type witness struct {
	mu     sync.Mutex
	values map[string]map[string]bool
}

// watchValues begins to watch the Secrets of a place, until the spec ends.
func (p place) watchValues(ctx context.Context, key string) *witness {
	GinkgoHelper()
	w := &witness{values: map[string]map[string]bool{}}
	changes, err := admin.Watch(ctx, &corev1.SecretList{}, client.InNamespace(p.name))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(changes.Stop)
	go func() {
		for change := range changes.ResultChan() {
			if secret, ok := change.Object.(*corev1.Secret); ok {
				w.note(secret.Name, string(secret.Data[key]))
			}
		}
	}()
	return w
}

func (w *witness) note(name, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.values[name] == nil {
		w.values[name] = map[string]bool{}
	}
	w.values[name][value] = true
}

// names lists the Secrets that were seen.
func (w *witness) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.values))
}

// most is the largest number of values that one Secret has had; different, the number of different ones in all.
func (w *witness) most() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := 0
	for _, values := range w.values {
		most = max(most, len(values))
	}
	return most
}

func (w *witness) different() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]bool{}
	for _, values := range w.values {
		maps.Copy(all, values)
	}
	return len(all)
}

func configMapsRule() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}
}

func everythingOf(group string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{"*"}, Verbs: []string{"*"}}
}

// page returns the lines that a URL serves.
func page(ctx context.Context, url string) []string {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return strings.Split(string(body), "\n")
}
