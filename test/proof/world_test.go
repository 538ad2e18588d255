package proof_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
	"github.com/sluice-operator/sluice/test/witness"
)

// The namespaces: of the objects, and of the two stores.
const (
	home  = "home"
	left  = "left"
	right = "right"
)

// world is an API server in memory with the objects of one case, two stores on it, and the operator.
type world struct {
	subject
	witness.Witness

	name   string
	server *server
	// admin is the API server, as somebody who may do everything sees it.
	admin   client.WithWatch
	clock   *clocktesting.FakeClock
	process *process
	starts  int

	// calls are all that the operator has made so far; effects are those that change something.
	calls   []call
	effects int
	// disturbance is yet to come, struck is the call that it came to.
	disturbance *disturbance
	struck      call
	// down says for how many looks a store is out of reach.
	down map[string]int
	// recreate says that a deleted object is to be created anew.
	recreate bool
	// deaf says that the notice of a change gets lost.
	deaf   bool
	minted int
	// torn says that a process has died between the values of one run.
	torn bool
	// past are the states of what the cache holds, each after a change; step is where the present step of the play began.
	past []snapshot
	step int
}

// place is a key of a Secret.
type place struct{ namespace, secret, key string }

func (p place) String() string { return p.namespace + "/" + p.secret + "/" + p.key }

// subject is the object that a case is about.
type subject struct {
	controller string
	object     client.Object
	// values are the names of the generated values and where each of them goes.
	values map[string][]place
	// request is the annotation that asks for a rotation, and wish the beginning of its value; requested are the values that it
	// is about.
	request, wish string
	requested     []string
	// due says that the interval asks for a rotation of all values.
	due bool
	// previous is where the text goes on to stand that value "a" had before; its key is empty when that is nowhere.
	previous place
	// removes says that the values go with the object.
	removes bool
	flaw    flaw
}

// flaw is something that the operator relies on and that does not hold.
type flaw string

const (
	// blind stores show nothing of what they hold.
	blind flaw = "blind"
	// credulous processes believe their cache in place of the API server, which takes a status that was made from an old one.
	credulous flaw = "credulous"
	// forgetful processes recognise nothing that an earlier one has made.
	forgetful flaw = "forgetful"
	// wasteful processes run the generator twice for each value.
	wasteful flaw = "wasteful"
)

func newWorld(server *server, name string, s subject) *world {
	w := &world{
		subject: s, name: name, server: server, down: map[string]int{},
		clock: clocktesting.NewFakeClock(time.Now().Truncate(time.Second)),
		admin: fake.NewClientBuilder().WithScheme(server.scheme).WithTypeConverters(server.converters...).
			WithReturnManagedFields().WithGlobalResourceVersionCounter().
			WithStatusSubresource(&esv1alpha1.PushSecret{}, &esv1.ExternalSecret{}).Build(),
	}
	for value, places := range s.values {
		names := make([]string, 0, len(places))
		for _, p := range places {
			names = append(names, p.String())
		}
		w.Follow(value, names...)
	}
	for _, o := range []client.Object{
		gen.KubernetesStore(left, left, "reader"), gen.KubernetesStore(right, right, "reader"),
		gen.Fake("g", map[string]string{"a": "a", "b": "b"}),
	} {
		o.SetNamespace(home)
		o.SetUID(types.UID("uid of " + o.GetName()))
		w.do(w.admin.Create(context.Background(), o))
	}
	w.object = s.object.DeepCopyObject().(client.Object)
	w.start(nil)
	return w
}

// do is for what cannot go wrong in this world.
func (w *world) do(err error) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", w.name, err))
	}
}

// create puts the object into the world, with an identity of its own.
func (w *world) create() {
	o := w.object.DeepCopyObject().(client.Object)
	o.SetUID(types.UID(fmt.Sprintf("uid %d", len(w.past))))
	o.SetGeneration(1)
	w.do(w.admin.Create(context.Background(), o))
	w.remember()
}

// annotate sets an annotation, in the manifest and in the world.
func (w *world) annotate(key, value string) {
	annotations := maps.Clone(w.object.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	w.object.SetAnnotations(annotations)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
	err := w.admin.Patch(context.Background(), w.object.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, patch))
	w.do(client.IgnoreNotFound(err))
	w.remember()
}

// live returns the object as it is; nil when it is not there.
func (w *world) live() client.Object {
	o := reflect.New(reflect.TypeOf(w.object).Elem()).Interface().(client.Object)
	err := w.admin.Get(context.Background(), client.ObjectKeyFromObject(w.object), o)
	w.do(client.IgnoreNotFound(err))
	if err != nil {
		return nil
	}
	return o
}

// wipe takes the status away.
func (w *world) wipe() {
	switch o := w.live().(type) {
	case *esv1alpha1.PushSecret:
		o.Status = esv1alpha1.PushSecretStatus{}
		w.do(w.admin.Status().Update(context.Background(), o))
	case *esv1.ExternalSecret:
		o.Status = esv1.ExternalSecretStatus{}
		w.do(w.admin.Status().Update(context.Background(), o))
	}
	w.remember()
}

// delete takes the object away, to be created anew as soon as it is gone.
func (w *world) delete() {
	w.release()
	o := w.live()
	if o == nil {
		return
	}
	w.do(w.admin.Delete(context.Background(), o))
	w.recreate = true
	w.remember()
	w.revive()
}

// release announces that the values go, if they do.
func (w *world) release() {
	if !w.removes {
		return
	}
	for value := range w.values {
		w.Release(value)
	}
}

// revive creates the object anew when it has gone. What is owned by one that is gone goes, whenever it was made.
func (w *world) revive() {
	present := w.live()
	if w.recreate && present == nil {
		w.recreate = false
		w.create()
		present = w.live()
	}
	var secrets corev1.SecretList
	w.do(w.admin.List(context.Background(), &secrets, client.InNamespace(home)))
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if metav1.GetControllerOf(secret) != nil && (present == nil || !metav1.IsControlledBy(secret, present)) {
			w.release()
			w.do(w.admin.Delete(context.Background(), secret))
			w.look()
			w.remember()
		}
	}
}

// look shows the witness every place.
func (w *world) look() {
	secrets := map[types.NamespacedName]*corev1.Secret{}
	for _, value := range sortedKeys(w.values) {
		for _, at := range w.values[value] {
			w.Saw(at.String(), w.text(secrets, at))
		}
	}
}

func (w *world) text(secrets map[types.NamespacedName]*corev1.Secret, at place) string {
	name := types.NamespacedName{Namespace: at.namespace, Name: at.secret}
	if secrets[name] == nil {
		secrets[name] = &corev1.Secret{}
		w.do(client.IgnoreNotFound(w.admin.Get(context.Background(), name, secrets[name])))
	}
	return string(secrets[name].Data[at.key])
}

// snapshot is what the operator's cache holds of what changes.
type snapshot map[string]client.Object

func nameIn(o client.Object, key client.ObjectKey) string { return fmt.Sprintf("%T %s", o, key) }

func (snapshot) knows(o client.Object) bool {
	switch o.(type) {
	case *esv1alpha1.PushSecret, *esv1.ExternalSecret, *corev1.Secret:
		return true
	default:
		return false
	}
}

func (s snapshot) get(key client.ObjectKey, into client.Object) error {
	known := s[nameIn(into, key)]
	if known == nil {
		return apierrors.NewNotFound(corev1.Resource("things"), key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(known.DeepCopyObject()).Elem())
	return nil
}

// remember keeps the present state of what the cache holds.
func (w *world) remember() {
	s := snapshot{}
	if o := w.live(); o != nil {
		s[nameIn(o, client.ObjectKeyFromObject(o))] = o
	}
	target := &corev1.Secret{}
	key := types.NamespacedName{Namespace: home, Name: w.object.GetName()}
	if w.admin.Get(context.Background(), key, target) == nil && managedOnly(target) == nil {
		s[nameIn(target, key)] = target
	}
	w.past = append(w.past, s)
}

// mostLooks is how many looks at an object must be enough for it to come to rest.
const mostLooks = 40

// drive lets the operator look at the object until it comes to rest, and starts it again whenever it has died. It returns
// what is wrong.
func (w *world) drive() string {
	key := client.ObjectKeyFromObject(w.object)
	for range mostLooks {
		if w.process.dead {
			w.start(nil)
		}
		w.revive()
		before, p := version(w.live()), w.process
		past := p.past != nil
		result, err := p.reconcilers[w.controller].Reconcile(context.Background(), ctrl.Request{NamespacedName: key})
		p.past = nil
		for store := range w.down {
			w.down[store] = max(0, w.down[store]-1)
		}
		switch after := w.live(); {
		case p.dead, past, after == nil:
		case err != nil:
			w.clock.Step(time.Second)
		case version(after) != before && !w.deaf, w.recreate:
		case !isReady(after) && result.RequeueAfter > 0 && result.RequeueAfter <= 5*time.Minute:
			w.clock.Step(result.RequeueAfter)
		default:
			return ""
		}
	}
	return fmt.Sprintf("no rest after %d looks: %s", mostLooks, said(w.live()))
}

func version(o client.Object) string {
	if o == nil {
		return ""
	}
	return string(o.GetUID()) + o.GetResourceVersion()
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *esv1alpha1.PushSecret:
		return o.Status.Conditions
	case *esv1.ExternalSecret:
		return o.Status.Conditions
	default:
		return nil
	}
}

func isReady(o client.Object) bool {
	return meta.IsStatusConditionTrue(conditionsOf(o), esv1.ConditionReady)
}

func said(o client.Object) string {
	if ready := meta.FindStatusCondition(conditionsOf(o), esv1.ConditionReady); ready != nil {
		return string(ready.Status) + " " + ready.Message
	}
	return "no condition"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
