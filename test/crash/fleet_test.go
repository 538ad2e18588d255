package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
	"github.com/sluice-operator/sluice/test/story"
	"github.com/sluice-operator/sluice/test/witness"
)

// fleet is a namespace full of objects that make values, push them to two stores and read them there, and the witness who
// sees each state of each Secret.
type fleet struct {
	*witness.Witness

	// home has the objects and what is read, left and right are the stores.
	home, left, right string
	// pushed are the PushSecrets, and the values of each; given are the ExternalSecrets that generate one of the same name.
	pushed map[string][]string
	given  []string
	// asked is the last request to each object.
	asked     map[string]string
	rotations int
	// keys are the keys of each Secret that the witness follows.
	keys map[types.NamespacedName][]string
	// seen counts the events of Secrets.
	seen    atomic.Int64
	signals signals
	ended   chan error
}

// The kinds of writes that signals tell.
const (
	toLeft   = "a value in the first store"
	toRight  = "a value in the second store"
	toTarget = "a target"
	toStatus = "a status"
)

// newFleet makes the namespaces and stores of a fleet of n PushSecrets, and begins to watch. Nothing is pushed yet.
func newFleet(t *testing.T, name string, n int) *fleet {
	t.Helper()
	f := &fleet{
		Witness: &witness.Witness{}, home: name, left: name + "-left", right: name + "-right",
		pushed: map[string][]string{}, asked: map[string]string{}, keys: map[types.NamespacedName][]string{},
		signals: make(signals, 1000), ended: make(chan error, 1),
	}
	newHome(t, f.home, f.left, f.right)
	create(t, f.home, gen.Password("maker", "password", "token"))
	for i := range n {
		f.plan(i)
	}
	f.watch(t)
	return f
}

// newHome makes a namespace and stores in it, each of the Secrets of a namespace that has its name and is made too.
func newHome(t *testing.T, home string, stores ...string) {
	t.Helper()
	for _, namespace := range append(stores, home) {
		create(t, home, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	create(t, home, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "store"}})
	for _, namespace := range stores {
		at := metav1.ObjectMeta{Namespace: namespace, Name: "store"}
		create(t, home,
			&rbacv1.Role{ObjectMeta: at, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"*"}}}},
			&rbacv1.RoleBinding{
				ObjectMeta: at, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: at.Name},
				Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: home, Name: "store"}},
			},
			gen.KubernetesStore(namespace, namespace, "store"),
		)
	}
}

// create makes objects, in namespace where they name none.
func create(t *testing.T, namespace string, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
		if err := world.Client.Create(t.Context(), o); err != nil {
			t.Fatalf("create %s: %v", o.GetName(), err)
		}
	}
}

// plan tells the witness what there will be: two values of one generator, each at a place in two stores, the first of them
// read by an ExternalSecret from the first store, and another value that is made without a store.
func (f *fleet) plan(i int) {
	name := fmt.Sprintf("p%03d", i)
	f.pushed[name] = []string{name + " password", name + " token"}
	f.follow(name+" password", place{f.left, name, "password"}, place{f.right, name, "password"}, place{f.home, name, "password"})
	f.follow(name+" token", place{f.left, name + "-token", "token"}, place{f.right, name + "-token", "token"})
	given := fmt.Sprintf("g%03d", i)
	f.given = append(f.given, given)
	f.follow(given, place{f.home, given, "password"})
}

// place is a key of a Secret.
type place struct{ namespace, secret, key string }

func (p place) String() string { return p.namespace + "/" + p.secret + "/" + p.key }

func (f *fleet) follow(value string, places ...place) {
	names := make([]string, 0, len(places))
	for _, p := range places {
		names = append(names, p.String())
		secret := types.NamespacedName{Namespace: p.namespace, Name: p.secret}
		f.keys[secret] = append(f.keys[secret], p.key)
	}
	f.Follow(value, names...)
}

// launch creates the objects that were planned.
func (f *fleet) launch(t *testing.T) {
	t.Helper()
	policies := []esv1alpha1.PushSecretUpdatePolicy{"", esv1alpha1.UpdateReplace}
	given := []func(gen.ExternalSecret) gen.ExternalSecret{
		func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) },
		func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) },
		func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) },
		func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(time.Hour) },
	}
	for i, name := range f.names() {
		create(t, f.home,
			gen.NewPushSecret(name).Generate(genv1alpha1.KindPassword, "maker").To(f.left, f.right).
				Data("password", name, "password").Data("token", name+"-token", "token").Update(policies[i%len(policies)]).PushSecret,
			// What has changed in a store while there was no operator is read when its time has come.
			gen.NewExternalSecret(name).Store(f.left).Data("password", name, "password").Every(3*time.Second).ExternalSecret,
			given[i%len(given)](gen.NewExternalSecret(f.given[i]).Generate(genv1alpha1.KindPassword, "maker")).ExternalSecret,
		)
	}
}

// names are the names of the PushSecrets, sorted.
func (f *fleet) names() []string {
	names := make([]string, 0, len(f.pushed))
	for name := range f.pushed {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// watch shows the witness each state of each Secret, in order, until the test ends.
func (f *fleet) watch(t *testing.T) {
	t.Helper()
	watchSecrets(t, f.look, f.ended)
	f.listen(t)
}

// watchSecrets shows each state of each Secret, in order, until the test ends. When it loses sight it says so to ended.
func watchSecrets(t *testing.T, look func(watch.EventType, *corev1.Secret), ended chan<- error) {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(world.Config)
	if err != nil {
		t.Fatal(err)
	}
	secrets := clientset.CoreV1().Secrets(metav1.NamespaceAll)
	present, err := secrets.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	source := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		return secrets.Watch(ctx, options)
	}}
	watching, err := watchtools.NewRetryWatcherWithContext(t.Context(), present.ResourceVersion, source)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for event := range watching.ResultChan() {
			secret, ok := event.Object.(*corev1.Secret)
			if !ok {
				ended <- fmt.Errorf("the witness has lost sight: %v", event.Object)
				return
			}
			look(event.Type, secret)
		}
	}()
}

func (f *fleet) look(event watch.EventType, secret *corev1.Secret) {
	keys := f.keys[client.ObjectKeyFromObject(secret)]
	if keys == nil {
		return
	}
	f.seen.Add(1)
	for _, key := range keys {
		text := string(secret.Data[key])
		if event == watch.Deleted {
			text = ""
		}
		f.Saw(place{secret.Namespace, secret.Name, key}.String(), text)
	}
	f.signals.tell(map[string]string{f.left: toLeft, f.right: toRight, f.home: toTarget}[secret.Namespace])
}

// listen signals when the status of a PushSecret is written.
func (f *fleet) listen(t *testing.T) {
	t.Helper()
	watcher, err := client.NewWithWatch(world.Config, client.Options{Scheme: world.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	watching, err := watcher.Watch(t.Context(), &esv1alpha1.PushSecretList{}, client.InNamespace(f.home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watching.Stop)
	go func() {
		for event := range watching.ResultChan() {
			if event.Type == watch.Modified {
				f.signals.tell(toStatus)
			}
		}
	}()
}

// settled are the PushSecrets whose values are everywhere what was asked for, and which say so, and the ExternalSecrets
// that can be asked for another value and have the one that was asked for.
func (f *fleet) settled(t *testing.T) (pushed, given []string) {
	t.Helper()
	var pushSecrets esv1alpha1.PushSecretList
	var externalSecrets esv1.ExternalSecretList
	for _, list := range []client.ObjectList{&pushSecrets, &externalSecrets} {
		if err := world.Client.List(t.Context(), list, client.InNamespace(f.home)); err != nil {
			t.Fatal(err)
		}
	}
	says := func(name, handled string, conditions []metav1.Condition) bool {
		return handled == f.asked[name] && meta.IsStatusConditionTrue(conditions, esv1.ConditionReady)
	}
	for i := range pushSecrets.Items {
		ps := &pushSecrets.Items[i]
		if says(ps.Name, ps.Status.LastHandledForceSync, ps.Status.Conditions) && f.missing(ps.Name) == "" {
			pushed = append(pushed, ps.Name)
		}
	}
	for i := range externalSecrets.Items {
		es := &externalSecrets.Items[i]
		frozen := es.Spec.RefreshPolicy == esv1.RefreshCreatedOnce || es.Spec.RefreshIntervalOrDefault() == 0
		if !frozen && slices.Contains(f.given, es.Name) &&
			says(es.Name, es.Status.LastHandledForceSync, es.Status.Conditions) && f.Missing(es.Name) == "" {
			given = append(given, es.Name)
		}
	}
	return pushed, given
}

// missing says what the values of a PushSecret lack.
func (f *fleet) missing(name string) string {
	var all []string
	for _, value := range f.pushed[name] {
		if text := f.Missing(value); text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// rotate asks at most n of the settled PushSecrets, and as many ExternalSecrets, for new values.
func (f *fleet) rotate(t *testing.T, random *rand.Rand, n int) {
	t.Helper()
	pushed, given := f.settled(t)
	for _, name := range some(random, pushed, n) {
		f.request(t, gen.NewPushSecret(name).PushSecret, f.pushed[name]...)
	}
	for _, name := range some(random, given, n) {
		f.request(t, gen.NewExternalSecret(name).ExternalSecret, name)
	}
}

// some returns at most n of the names, in any order.
func some(random *rand.Rand, names []string, n int) []string {
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))]
}

// request asks an object for new values.
func (f *fleet) request(t *testing.T, o client.Object, values ...string) {
	t.Helper()
	f.rotations++
	f.asked[o.GetName()] = strconv.Itoa(f.rotations)
	for _, value := range values {
		f.Ask(value)
	}
	o.SetNamespace(f.home)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"force-sync":%q}}}`, f.asked[o.GetName()])
	if err := world.Client.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
}

// rest waits until all is settled, and expects that nothing happens any more.
func (f *fleet) rest(t *testing.T) {
	t.Helper()
	patience := time.After(4 * story.Patience)
	for tick := time.Tick(100 * time.Millisecond); !f.quiet(t); {
		select {
		case err := <-f.ended:
			t.Fatal(err)
		case <-patience:
			for _, name := range f.names() {
				if text := f.missing(name); text != "" {
					t.Error(text)
				}
			}
			pushed, _ := f.settled(t)
			t.Fatalf("%d of %d PushSecrets are settled", len(pushed), len(f.pushed))
		case <-tick:
		}
	}
	before := f.seen.Load()
	<-time.After(2 * time.Second)
	if more := f.seen.Load() - before; more > 0 {
		t.Errorf("%d more writes to Secrets when all was settled", more)
	}
}

func (f *fleet) quiet(t *testing.T) bool {
	t.Helper()
	unsettled := slices.ContainsFunc(f.given, func(value string) bool { return f.Missing(value) != "" })
	pushed, _ := f.settled(t)
	return !unsettled && len(pushed) == len(f.pushed)
}

// judge reports what was not in order.
func (f *fleet) judge(t *testing.T) {
	t.Helper()
	for _, violation := range f.Violations() {
		t.Error(violation)
	}
}

// figures says how large the fleet is and what it went through.
func (f *fleet) figures() string {
	return fmt.Sprintf("%d PushSecrets to 2 stores, %d ExternalSecrets that read them and %d that generate, %d rotations, %d states of Secrets seen",
		len(f.pushed), len(f.pushed), len(f.given), f.rotations, f.seen.Load())
}
