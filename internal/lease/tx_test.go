package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/lease"
)

const slot = "source"

// desk is where leases are obtained by the owner "app" from the generator "one".
type desk struct {
	*lease.Runner

	t      *testing.T
	system *generatortest.Counting
	clock  *clocktesting.FakeClock
	client client.Client
	owner  lease.Owner
	// request is what asks for values.
	request string
}

func newDesk(t *testing.T, funcs interceptor.Funcs) *desk {
	t.Helper()
	system := &generatortest.Counting{}
	r := runner(t, system.Generator(), funcs, generator("one", genv1alpha1.FakeSpec{}))
	c, ok := r.Reader.(client.Client)
	if !ok {
		t.Fatal("the reader cannot write")
	}
	clock := clocktesting.NewFakeClock(time.Unix(1_000_000, 0))
	r.Clock, r.Ledger = clock, &lease.Ledger{Client: c, Live: c, Grace: time.Minute}
	return &desk{Runner: r, t: t, system: system, clock: clock, client: c, owner: lease.Owner{
		Object: &metav1.ObjectMeta{Namespace: "app", Name: "app", UID: "one"}, Kind: esv1.GroupVersion().WithKind(esv1.KindExternalSecret),
	}}
}

// run obtains values in a transaction, which it returns.
func (d *desk) run() (string, *lease.Tx) {
	d.t.Helper()
	bound, err := d.Bind(d.t.Context(), "app", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
	if err != nil {
		d.t.Fatal(err)
	}
	tx := d.Begin(d.owner, d.request)
	values, err := tx.Run(d.t.Context(), slot, bound)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(values["value"]), tx
}

func (d *desk) states() []lease.State {
	d.t.Helper()
	states, err := d.Current(d.t.Context(), d.owner)
	if err != nil {
		d.t.Fatal(err)
	}
	return states
}

func (d *desk) edit(state lease.State, change func(*genv1alpha1.GeneratorState)) {
	d.t.Helper()
	change(state.GeneratorState)
	if err := d.client.Update(d.t.Context(), state.GeneratorState); err != nil {
		d.t.Fatal(err)
	}
}

func TestAnotherTry(t *testing.T) {
	tests := []struct {
		reason  string
		between func(d *desk)
		want    string
	}{
		{"delivers what the first has obtained", func(*desk) {}, "value-1"},
		{"also after a long time, as long as one try follows another", func(d *desk) {
			for range 10 {
				d.clock.Step(5 * time.Minute)
				d.run()
			}
		}, "value-1"},
		{"obtains another one when the generator was edited", func(d *desk) {
			var g genv1alpha1.Fake
			if err := errors.Join(
				d.client.Get(d.t.Context(), types.NamespacedName{Namespace: "app", Name: "one"}, &g),
				func() error { g.Generation++; return d.client.Update(d.t.Context(), &g) }(),
			); err != nil {
				d.t.Fatal(err)
			}
		}, "value-2"},
		{"obtains another one for another owner of the same name", func(d *desk) {
			d.owner.Object = &metav1.ObjectMeta{Namespace: "app", Name: "app", UID: "two"}
		}, "value-2"},
		{"obtains another one for another request", func(d *desk) { d.request = "another" }, "value-2"},
		{"obtains another one when the owner was gone in between", func(d *desk) {
			d.Forget(esv1.KindExternalSecret, types.NamespacedName{Namespace: "app", Name: "app"})
		}, "value-2"},
		{"obtains another one when the first was given back", func(d *desk) {
			d.edit(d.states()[0], func(s *genv1alpha1.GeneratorState) { delete(s.Annotations, genv1alpha1.AnnotationUndelivered) })
		}, "value-2"},
		{"obtains another one when the first is being given back", func(d *desk) {
			if err := d.client.Delete(d.t.Context(), d.states()[0].GeneratorState); err != nil {
				d.t.Fatal(err)
			}
		}, "value-2"},
		{"obtains another one when half of the time of the first has passed", func(d *desk) {
			d.clock.Step(6 * time.Hour)
		}, "value-2"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			d := newDesk(t, interceptor.Funcs{})
			d.system.Lifetime = 10 * time.Hour
			d.run()
			tt.between(d)
			value, tx := d.run()
			if value != tt.want {
				t.Errorf("got %q, want %q", value, tt.want)
			}
			if err := tx.Deliver(t.Context(), nil, nil); err != nil {
				t.Fatal(err)
			}
			var live []lease.State
			for _, state := range d.states() {
				if state.Live() {
					live = append(live, state)
				}
			}
			if len(live) != 1 || !tx.Yielded(live[0], map[string][]byte{"value": []byte(tt.want)}) {
				t.Errorf("in use are %v, want that of %s alone", live, tt.want)
			}
			if next, _ := d.run(); next == tt.want {
				t.Error("a value that was delivered is delivered once more")
			}
		})
	}
}

func TestLeaselessTryIsRemembered(t *testing.T) {
	d := newDesk(t, interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		t.Error("an object is created")
		return nil
	}})
	d.system.Leaseless = true
	d.run()
	if value, _ := d.run(); value != "value-1" {
		t.Errorf("another try got %q, want what the first one got", value)
	}
}

func TestWhatIsObtainedIsWrittenDownAtTheEnd(t *testing.T) {
	d := newDesk(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.Create(ctx, o, opts...)
	}})
	bound, err := d.Bind(t.Context(), "app", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Begin(d.owner, "").Run(ctx, slot, bound); err != nil {
		t.Errorf("an operator that is told to stop loses what it has obtained: %v", err)
	}
	if len(d.states()) != 1 {
		t.Error("nothing is written down")
	}
}

func TestWhatIsOfNoUseIsGivenBack(t *testing.T) {
	useless := &fault.Error{Kind: fault.Invalid, Message: "the answer has no password"}
	for _, refused := range []error{nil, fault.New(fault.Denied, "the token may not revoke")} {
		d := newDesk(t, interceptor.Funcs{})
		d.system.FailUseless(useless)
		d.system.FailRevoke(refused)
		bound, err := d.Bind(t.Context(), "app", esv1.GeneratorRef{Kind: "Fake", Name: "one"})
		if err != nil {
			t.Fatal(err)
		}
		tx := d.Begin(d.owner, "")
		_, err = tx.Run(t.Context(), slot, bound)
		expectFault(t, err, fault.Invalid, `generator Fake "one": the answer has no password`)
		if !fault.Costly(err) {
			t.Error("it is not said that each try costs something")
		}
		if len(tx.Booked()) > 0 {
			t.Error("it can be delivered")
		}
		states := d.states()
		if refused == nil && (len(states) > 0 || len(d.system.Live()) > 0) {
			t.Errorf("%v are written down, %v in force, of what was given back", states, d.system.Live())
		}
		if refused != nil && (len(states) != 1 || states[0].Undelivered() || !states[0].Overdue(d.clock.Now())) {
			t.Errorf("%v is written down of what could not be given back, want it to be tried again", states)
		}
	}
}

func TestDeliverOfWhatIsGone(t *testing.T) {
	for _, finalizers := range [][]string{{genv1alpha1.FinalizerGeneratorState}, nil} {
		d := newDesk(t, interceptor.Funcs{})
		_, tx := d.run()
		d.edit(d.states()[0], func(s *genv1alpha1.GeneratorState) { s.Finalizers = finalizers })
		if err := d.client.Delete(t.Context(), d.states()[0].GeneratorState); err != nil {
			t.Fatal(err)
		}
		err := tx.Deliver(t.Context(), nil, nil)
		expectFault(t, err, fault.Conflict, "was deleted before its values were delivered")
	}
}

func TestRefusedWritesAreSaid(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "generatorstates"}, "any", errors.New(marked))
	d := newDesk(t, interceptor.Funcs{Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		return forbidden
	}})
	_, tx := d.run()
	expectFault(t, tx.Close(t.Context()), fault.Denied, `grant it the verb "patch" on generatorstates`)
	expectFault(t, tx.Deliver(t.Context(), nil, nil), fault.Denied, `grant it the verb "patch" on generatorstates`)
}

func TestOwnersAreToldApart(t *testing.T) {
	d := newDesk(t, interceptor.Funcs{})
	d.run()
	others := map[string]lease.Owner{
		"of another name":      {Object: &metav1.ObjectMeta{Namespace: "app", Name: "b", UID: "b"}, Kind: d.owner.Kind},
		"of another namespace": {Object: &metav1.ObjectMeta{Namespace: "b", Name: "app", UID: "b"}, Kind: d.owner.Kind},
		"of another kind":      {Object: &metav1.ObjectMeta{Namespace: "app", Name: "app", UID: "b"}, Kind: schema.GroupVersionKind{Kind: "PushSecret"}},
	}
	stranger := &genv1alpha1.GeneratorState{ObjectMeta: metav1.ObjectMeta{
		Namespace: "app", Name: "unlabelled", OwnerReferences: []metav1.OwnerReference{{Kind: d.owner.Kind.Kind, Name: "old", UID: "old"}},
	}}
	if err := d.client.Create(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	old := lease.Owner{Object: &metav1.ObjectMeta{Namespace: "app", Name: "old", UID: "old"}, Kind: d.owner.Kind}
	for _, read := range []func(context.Context, lease.Owner) ([]lease.State, error){d.Current, d.States} {
		if states, err := read(t.Context(), old); err != nil || len(states) != 1 || states[0].Name != "unlabelled" {
			t.Errorf("an owner that has what the reference implementation made has %v, %v", states, err)
		}
		if states, err := read(t.Context(), d.owner); err != nil || len(states) != 1 || states[0].Name == "unlabelled" {
			t.Errorf("an owner has %v, %v, want its own alone", states, err)
		}
	}
	for which, owner := range others {
		if states, err := d.Current(t.Context(), owner); err != nil || len(states) > 0 {
			t.Errorf("an owner %s has %v, %v", which, states, err)
		}
	}
	again := lease.Owner{Object: &metav1.ObjectMeta{Namespace: "app", Name: "app", UID: "b"}, Kind: d.owner.Kind}
	if states, err := d.Current(t.Context(), again); err != nil || len(states) != 1 {
		t.Errorf("an owner that was made anew has %v, %v", states, err)
	}
}

func TestRevoke(t *testing.T) {
	refused := fault.New(fault.Denied, "no right")
	tests := []struct {
		reason, resource string
		back             error
		kind             fault.Kind
		message          string
	}{
		{reason: "a generator", resource: `{"kind":"Fake","metadata":{"name":"g"},"spec":{}}`},
		{
			reason:   "a cluster generator",
			resource: `{"kind":"ClusterGenerator","metadata":{"name":"g"},"spec":{"kind":"Fake","generator":{"fakeSpec":{}}}}`,
		},
		{
			reason: "a failure names the generator", resource: `{"kind":"Fake","metadata":{"name":"g"}}`, back: refused,
			kind: fault.Denied, message: `generator Fake "g": no right`,
		},
		{
			reason: "an unknown kind", resource: `{"kind":"Dice"}`,
			kind: fault.Invalid, message: `spec.resource: there is no generator of kind "Dice"`,
		},
		{
			reason: "an unknown kind in a cluster generator", resource: `{"kind":"ClusterGenerator","spec":{"kind":"Dice"}}`,
			kind: fault.Invalid, message: `spec.resource: there is no generator of kind "Dice"`,
		},
		{
			reason: "a cluster generator without its spec", resource: `{"kind":"ClusterGenerator","spec":{"kind":"Fake"}}`,
			kind: fault.Invalid, message: "spec.resource: ClusterGenerator",
		},
		{
			reason: "no generator", resource: `{"kind":"Fake","spec":"` + marked + `"}`,
			kind: fault.Invalid, message: "spec.resource: what stands there is no generator",
		},
		{reason: "nothing", kind: fault.Invalid, message: "spec.resource: what stands there is no generator"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			d := newDesk(t, interceptor.Funcs{})
			d.run()
			d.system.FailRevoke(tt.back)
			err := d.Revoke(t.Context(), &genv1alpha1.GeneratorState{Spec: genv1alpha1.GeneratorStateSpec{
				Resource: runtime.RawExtension{Raw: []byte(tt.resource)}, State: runtime.RawExtension{Raw: []byte(`{"lease":1}`)},
			}})
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil || len(d.system.Live()) > 0 {
				t.Errorf("%v, and live are %v", err, d.system.Live())
			}
		})
	}
}

func TestServes(t *testing.T) {
	d := newDesk(t, interceptor.Funcs{})
	tests := []struct {
		reason, resource string
		want             bool
	}{
		{"of no class", `{"kind":"Fake"}`, true},
		{"of our class", `{"kind":"Fake","spec":{"controller":"ours"}}`, true},
		{"of another class", `{"kind":"Fake","spec":{"controller":"theirs"}}`, false},
		{
			"of another class, in a cluster generator",
			`{"kind":"ClusterGenerator","spec":{"kind":"Fake","generator":{"fakeSpec":{"controller":"theirs"}}}}`, false,
		},
		{"of no class that anybody can read, to be complained about", `{}`, true},
	}
	for _, tt := range tests {
		state := &genv1alpha1.GeneratorState{Spec: genv1alpha1.GeneratorStateSpec{Resource: runtime.RawExtension{Raw: []byte(tt.resource)}}}
		if got := d.Serves(state); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.reason, got, tt.want)
		}
	}
}
