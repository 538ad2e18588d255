package crash_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
	"github.com/sluice-operator/sluice/test/gen"
	"github.com/sluice-operator/sluice/test/witness"
)

// lending is a namespace full of objects that borrow credentials of BeyondTrust Workload Credentials. The service, and a witness who
// has seen each state of each Secret and of each GeneratorState, know what became of every lease.
type lending struct {
	*witness.Witness

	service     *beyondtrust.WorkloadCredentials
	home, store string
	borrowers   map[string]*borrower
	requests    int
	// lives are the times at which an operator was started.
	lives []time.Time
	// lost and idle are the leases of each life that are written down nowhere, and that were delivered to nobody.
	lost, idle []int
	signals    signals
	ended      chan error

	mu sync.Mutex
	// written are the leases that a GeneratorState has ever told of.
	written map[string]bool
	// shown are the leases that Secrets have shown, with the time since when none of them does; zero while one does.
	shown map[string]time.Time
}

// borrower is an object that has its credentials in a Secret.
type borrower struct {
	// make returns the object; secret is where it brings what it borrows.
	make   func() client.Object
	secret types.NamespacedName
	// short says that its leases end while the test runs, so that it borrows again without being asked.
	short bool
	asked string
	// lease is what the Secret shows, away says that the object was deleted.
	lease string
	away  bool
}

// What is lent: credentials that can be given back, for an hour or for so short that they are replaced while the test runs, and
// credentials that nobody can end before their time.
const (
	lentLong, lentShort, lentFixed = "long", "short", "fixed"

	lifetime = 15 * time.Second
	// grace is how long what was replaced may still be used.
	grace = 2 * time.Second
	// workers is how many objects of one kind the operator works on at a time, and abreast how many of both kinds that borrow.
	workers = 2
	abreast = 2 * workers
)

// The kinds of writes that signals tell, besides those of a fleet.
const (
	toLender = "a lease"
	toState  = "a GeneratorState"
)

// newLending makes a namespace, a store, a service and its generators, and plans n borrowers. Nothing is borrowed yet.
func newLending(t *testing.T, name string, n int) *lending {
	t.Helper()
	const site, token = "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "CANARY-api-token"
	l := &lending{
		Witness: &witness.Witness{}, service: beyondtrust.NewWorkloadCredentials(site, token, clock.RealClock{}),
		home: name, store: name + "-store", borrowers: map[string]*borrower{}, signals: make(signals, 1000), ended: make(chan error, 2),
		written: map[string]bool{}, shown: map[string]time.Time{},
	}
	t.Cleanup(l.service.Close)
	newHome(t, l.home, l.store)
	create(t, l.home, gen.Secret("api", map[string]string{"token": token, "ca.crt": string(l.service.Authority())}))
	for path, d := range map[string]beyondtrust.Dynamic{
		lentLong:  {Type: beyondtrust.TypeAzure, Lifetime: time.Hour},
		lentShort: {Type: beyondtrust.TypeAzure, Lifetime: lifetime},
		lentFixed: {Type: beyondtrust.TypeAWS, Lifetime: time.Hour},
	} {
		l.service.Define(path, d)
		create(t, l.home, gen.BeyondtrustDynamicSecret(path, l.service.APIURL(), site, "api", path))
	}
	for i := range n {
		l.plan(i)
	}
	watchSecrets(t, l.look, l.ended)
	l.watchStates(t)
	l.watchLender(t)
	return l
}

// flags are those of an operator that gives back soon what was replaced.
func (*lending) flags() []string {
	return []string{"--concurrent", strconv.Itoa(workers), "--generator-gc-grace-period", grace.String()}
}

func (l *lending) plan(i int) {
	const kind = genv1alpha1.KindBeyondtrustWorkloadCredentialsDynamicSecret
	name := fmt.Sprintf("b%03d", i)
	b := &borrower{secret: types.NamespacedName{Namespace: l.home, Name: name}}
	take := func(path string) func() client.Object {
		return func() client.Object {
			return gen.NewExternalSecret(name).Generate(kind, path).Every(time.Hour).ExternalSecret
		}
	}
	switch i % 4 {
	case 0:
		b.make = take(lentLong)
	case 1:
		b.make, b.short = take(lentShort), true
	case 2:
		b.make = take(lentFixed)
	case 3:
		b.secret.Namespace = l.store
		b.make = func() client.Object {
			return gen.NewPushSecret(name).Generate(kind, lentLong).To(l.store).
				Data("leaseId", name, "leaseId").Deletion(esv1alpha1.DeletionDelete).PushSecret
		}
	}
	l.borrowers[name] = b
	if !b.short {
		l.Follow(name, b.secret.String())
	}
}

// launch creates the objects that were planned.
func (l *lending) launch(t *testing.T) {
	t.Helper()
	for _, b := range l.borrowers {
		create(t, l.home, b.make())
	}
}

// begin says that an operator was started.
func (l *lending) begin() { l.lives = append(l.lives, time.Now()) }

// look sees a state of a Secret.
func (l *lending) look(event watch.EventType, secret *corev1.Secret) {
	b := l.borrowers[secret.Name]
	if b == nil || b.secret != client.ObjectKeyFromObject(secret) {
		return
	}
	lease := string(secret.Data["leaseId"])
	if event == watch.Deleted {
		lease = ""
	}
	l.mu.Lock()
	l.shows(b, lease)
	l.mu.Unlock()
	l.Saw(b.secret.String(), lease)
	l.signals.tell(map[string]string{l.home: toTarget, l.store: toLeft}[secret.Namespace])
}

// shows says that a borrower's Secret shows a lease now. Whoever has deleted the borrower expects nothing of it any more.
func (l *lending) shows(b *borrower, lease string) {
	if b.lease != "" && b.lease != lease && !b.away {
		l.shown[b.lease] = time.Now()
	}
	b.lease = lease
	if _, known := l.shown[lease]; lease != "" && !b.away && !known {
		l.shown[lease] = time.Time{}
	}
}

// watchStates sees each state of each GeneratorState until the test ends.
func (l *lending) watchStates(t *testing.T) {
	t.Helper()
	watcher, err := client.NewWithWatch(world.Config, client.Options{Scheme: world.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	watching, err := watcher.Watch(t.Context(), &genv1alpha1.GeneratorStateList{}, client.InNamespace(l.home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watching.Stop)
	go func() {
		for event := range watching.ResultChan() {
			if state, ok := event.Object.(*genv1alpha1.GeneratorState); ok {
				l.mu.Lock()
				l.written[leaseOf(state)] = true
				l.mu.Unlock()
				l.signals.tell(toState)
			}
		}
		if t.Context().Err() == nil {
			l.ended <- errors.New("the witness has lost sight of GeneratorStates")
		}
	}()
}

// leaseOf is the lease that a state tells of.
func leaseOf(state *genv1alpha1.GeneratorState) string {
	var told struct {
		LeaseID string `json:"leaseId"`
	}
	_ = json.Unmarshal(state.Spec.State.Raw, &told) // then it tells of none, which is noticed
	return told.LeaseID
}

// watchLender signals when something was lent, at once.
func (l *lending) watchLender(t *testing.T) {
	t.Helper()
	go func() {
		minted := 0
		for tick := time.Tick(200 * time.Microsecond); t.Context().Err() == nil; <-tick {
			if n := l.service.Counts().Minted; n > minted {
				minted = n
				l.signals.tell(toLender)
			}
		}
	}()
}

// settled are the names of the borrowers that have what they were asked for last, and say so.
func (l *lending) settled(t *testing.T) []string {
	t.Helper()
	var externalSecrets esv1.ExternalSecretList
	var pushSecrets esv1alpha1.PushSecretList
	for _, list := range []client.ObjectList{&externalSecrets, &pushSecrets} {
		if err := world.Client.List(t.Context(), list, client.InNamespace(l.home)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	add := func(o client.Object, handled string, conditions []metav1.Condition) {
		b := l.borrowers[o.GetName()]
		l.mu.Lock()
		has := !b.away && b.lease != ""
		l.mu.Unlock()
		if has && handled == b.asked && meta.IsStatusConditionTrue(conditions, esv1.ConditionReady) && (b.short || l.Missing(o.GetName()) == "") {
			names = append(names, o.GetName())
		}
	}
	for i := range externalSecrets.Items {
		add(&externalSecrets.Items[i], externalSecrets.Items[i].Status.LastHandledForceSync, externalSecrets.Items[i].Status.Conditions)
	}
	for i := range pushSecrets.Items {
		add(&pushSecrets.Items[i], pushSecrets.Items[i].Status.LastHandledForceSync, pushSecrets.Items[i].Status.Conditions)
	}
	slices.Sort(names)
	return names
}

// request asks a borrower for other credentials.
func (l *lending) request(t *testing.T, name string) {
	t.Helper()
	b := l.borrowers[name]
	l.requests++
	b.asked = strconv.Itoa(l.requests)
	if !b.short {
		l.Ask(name)
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"force-sync":%q}}}`, b.asked)
	o := b.make()
	o.SetNamespace(l.home)
	if err := world.Client.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
}

// goAway deletes a borrower. From then on what it has may be given back.
func (l *lending) goAway(t *testing.T, name string) {
	t.Helper()
	b := l.borrowers[name]
	l.mu.Lock()
	b.away, b.asked = true, ""
	l.shown[b.lease] = time.Now()
	l.mu.Unlock()
	if !b.short {
		l.Release(name)
	}
	o := b.make()
	o.SetNamespace(l.home)
	if err := world.Client.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// comeBack makes the borrowers anew of whom nothing is left.
func (l *lending) comeBack(t *testing.T) {
	t.Helper()
	for _, b := range l.borrowers {
		l.mu.Lock()
		gone := b.away && b.lease == ""
		l.mu.Unlock()
		if !gone {
			continue
		}
		o := b.make()
		o.SetNamespace(l.home)
		if err := world.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			continue // it is still on its way out
		}
		l.mu.Lock()
		b.away = false
		l.mu.Unlock()
		create(t, l.home, b.make())
	}
}
