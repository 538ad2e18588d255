package generatorstate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/env/lab"
)

// crash is what a process dies of: a panic that no controller recovers from.
type crash struct{}

// boundary lets a process die at one of its calls to the API server.
type boundary struct {
	// at is the number of calls that are left, -1 for no crash; answered says that the last of them reaches the API server.
	at       int
	answered bool
	// booking says that the process died before it had written down what it had obtained, which nothing can undo.
	booking bool
	// written says that the target had been written before.
	written bool
}

// call makes one call, unless the process dies of it.
func (b *boundary) call(booking, writes bool, do func() error) error {
	if b.at == 0 && !b.answered {
		b.booking = booking
		panic(crash{})
	}
	err := do()
	b.written = b.written || (writes && err == nil)
	if b.at == 0 {
		panic(crash{})
	}
	if b.at > 0 {
		b.at--
	}
	return err
}

// client returns a client of c at whose calls a process can die.
func (b *boundary) client(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return b.call(false, false, func() error { return c.Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return b.call(false, false, func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			_, booking := o.(*genv1alpha1.GeneratorState)
			return b.call(booking, false, func() error { return c.Create(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return b.call(false, false, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return b.call(false, true, func() error { return c.Apply(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return b.call(false, false, func() error { return c.Delete(ctx, o, opts...) })
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, name string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption,
		) error {
			return b.call(false, false, func() error { return c.SubResource(name).Patch(ctx, o, p, opts...) })
		},
	})
}

// mortal is a world whose process can die.
type mortal struct {
	*world

	boundary *boundary
	// lost are the runs that the process had obtained and not written down when it died.
	lost []int
}

func newMortal() *mortal {
	GinkgoHelper()
	b := &boundary{at: -1}
	return &mortal{world: worldOf(b.client(admin)), boundary: b}
}

// look lets a controller look at an object, and starts the operator anew when it dies of that. It reports whether it did.
func (m *mortal) look(r reconcile.Reconciler, name types.NamespacedName) (died bool) {
	GinkgoHelper()
	*m.boundary = boundary{at: m.boundary.at, answered: m.boundary.answered}
	defer func() {
		m.boundary.at = -1
		if failure := recover(); failure != nil {
			if _, ok := failure.(crash); !ok {
				panic(failure)
			}
			if m.boundary.booking {
				m.lost = append(m.lost, m.unwritten()...)
			}
			died = true
			m.restart()
		}
	}()
	_, _ = r.Reconcile(context.Background(), reconcile.Request{NamespacedName: name})
	return false
}

// inForce returns the numbers of the runs that are neither given back, nor ended, nor lost.
func (m *mortal) inForce() []int {
	return slices.DeleteFunc(m.Generator.InForce(m.Clock.Now()), func(run int) bool { return slices.Contains(m.lost, run) })
}

// unwritten returns those of them that no state tells of, of which there is one when a process dies before it has written it down.
func (m *mortal) unwritten() []int {
	GinkgoHelper()
	states := m.states()
	runs := slices.DeleteFunc(m.inForce(), func(run int) bool {
		return slices.ContainsFunc(states, func(s genv1alpha1.GeneratorState) bool {
			return string(s.Spec.State.Raw) == fmt.Sprintf(`{"lease":%d}`, run)
		})
	})
	Expect(runs).To(HaveLen(1))
	return runs
}

// delivered returns the number of the run that the target has its value from; zero when there is no target.
func (m *mortal) delivered(es *esv1.ExternalSecret) int {
	GinkgoHelper()
	var secret corev1.Secret
	if err := admin.Get(context.Background(), client.ObjectKeyFromObject(es), &secret); err != nil {
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		return 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(string(secret.Data["password"]), "pw-"))
	Expect(err).NotTo(HaveOccurred())
	return n
}

// settle lets everything come to rest: the owner decides, deadlines pass, and the collector collects.
func (m *mortal) settle(es *esv1.ExternalSecret) {
	GinkgoHelper()
	for range 3 {
		m.look(m.owner, client.ObjectKeyFromObject(es))
		m.Clock.Step(16 * time.Minute)
		m.look(m.owner, client.ObjectKeyFromObject(es))
		m.collect()
	}
	// What the last look may have replaced.
	m.Clock.Step(lab.Grace)
	m.collect()
}

// expectBalance expects that of all that was obtained what the target has is left, and what was lost, and nothing else.
func (m *mortal) expectBalance(es *esv1.ExternalSecret) {
	GinkgoHelper()
	Expect(m.inForce()).To(Equal([]int{m.delivered(es)}), "obtained and not given back is to be what the target has, and no more")
	Expect(m.states()).To(HaveLen(1))
}

var _ = Describe("A process that dies", func() {
	// calls is about as many as one look makes.
	const calls = 20

	// atEach tries f with a process that dies at the first call, at the second, and so on, until it lives.
	atEach := func(f func(at int) (died bool)) {
		GinkgoHelper()
		at := 0
		for f(at) {
			at++
		}
		Expect(at).To(BeNumerically(">", 2), "calls at which to die")
	}

	for _, answered := range []bool{false, true} {
		when := map[bool]string{false: "before", true: "after"}[answered]
		It("at any call of a first delivery, "+when+" it, loses nothing and obtains nothing twice", func() {
			atEach(func(at int) bool {
				m := newMortal()
				es := generated().ExternalSecret
				m.Create(es)
				return m.dies(es, at, answered)
			})
		})

		It("at any call of a rotation, "+when+" it, loses nothing and obtains nothing twice", func() {
			atEach(func(at int) bool {
				m := newMortal()
				es := generated().ExternalSecret
				m.sync(es)
				m.Clock.Step(time.Minute)
				m.rotate(es, "1")
				died := m.dies(es, at, answered)
				Expect(m.Generator.Live()).NotTo(ContainElement(1), "what was replaced was given back")
				return died
			})
		})

		It("at any call of a renewal, "+when+" it, loses nothing and obtains nothing twice", func() {
			atEach(func(at int) bool {
				m := newMortal()
				m.Generator.Lifetime = 10 * time.Hour
				es := generated().ExternalSecret
				m.sync(es)
				m.Clock.Step(8*time.Hour + time.Minute)
				died := m.dies(es, at, answered)
				Expect(m.Generator.Live()).NotTo(ContainElement(1), "what was replaced was given back")
				return died
			})
		})

		It("at any call of a collection, "+when+" it, gives back all the same", func() {
			atEach(func(at int) bool {
				m := newMortal()
				es := generated().ExternalSecret
				m.sync(es)
				m.rotate(es, "1")
				m.Reconcile(m.owner, es)
				m.Clock.Step(lab.Grace)
				m.boundary.at, m.boundary.answered = at, answered
				died := m.look(m.collector, client.ObjectKeyFromObject(m.oldest()))
				m.settle(es)
				m.expectBalance(es)
				Expect(m.Generator.Minted()).To(Equal(2))
				return died
			})
		})
	}

	It("again and again, at any moment, loses nothing and never gives back what is in use", func() {
		seed := uint64(time.Now().UnixNano())
		By(fmt.Sprintf("drawing from seed %d", seed))
		random := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			m := newMortal()
			m.Generator.Lifetime = []time.Duration{0, 3 * time.Hour}[random.IntN(2)]
			es := generated().Every(2 * time.Hour).ExternalSecret
			m.Create(es)
			for step := range 60 {
				m.happens(random, es, step)
				for _, name := range m.all(es) {
					if random.IntN(3) == 0 {
						m.boundary.at, m.boundary.answered = random.IntN(calls), random.IntN(2) == 0
					}
					m.look(m.reconciler(name, es), name)
				}
				if n := m.delivered(es); n > 0 {
					Expect(m.Generator.Live()).To(ContainElement(n), "seed %d, step %d: what the target has was given back", seed, step)
				}
			}
			m.Refuse(nil)
			m.settle(es)
			m.expectBalance(es)

			By("giving back the last one when the owner goes")
			m.Delete(es)
			m.Delete(m.state()) // as the garbage collector does
			m.collect()
			Expect(m.inForce()).To(BeEmpty(), "seed %d", seed)
		}
	})
})

// dies lets the process die at one call of a look at es, and expects that the next one completes what it was about.
func (m *mortal) dies(es *esv1.ExternalSecret, at int, answered bool) (died bool) {
	GinkgoHelper()
	before := m.Generator.Minted()
	m.boundary.at, m.boundary.answered = at, answered
	died = m.look(m.owner, client.ObjectKeyFromObject(es))
	want := 1
	if died && m.Generator.Minted() > before && !m.boundary.written {
		want = 2 // the values died with the process
	}
	m.look(m.owner, client.ObjectKeyFromObject(es))
	Expect(m.Generator.Minted()-before).To(Equal(want), "call %d", at)
	m.settle(es)
	m.expectBalance(es)
	return died
}

// happens lets something happen to the world.
func (m *mortal) happens(random *rand.Rand, es *esv1.ExternalSecret, step int) {
	GinkgoHelper()
	switch random.IntN(7) {
	case 0:
		m.rotate(es, strconv.Itoa(step))
	case 1:
		m.Annotate(es, "note", strconv.Itoa(step))
	case 2:
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: es.Namespace, Name: es.Name}}
		Expect(client.IgnoreNotFound(admin.Delete(context.Background(), secret))).To(Succeed())
	case 3:
		refused := []string{lab.VerbApply, lab.VerbPatch, lab.VerbStatus, lab.VerbCreate}[random.IntN(4)]
		m.Refuse(func(verb string, _ client.Object) error {
			if verb == refused {
				return context.DeadlineExceeded
			}
			return nil
		})
	case 4:
		m.Refuse(nil)
	default:
		m.Clock.Step(time.Duration(random.IntN(40)) * time.Minute)
	}
}

// all returns the names of the ExternalSecret and of all states.
func (m *mortal) all(es *esv1.ExternalSecret) []types.NamespacedName {
	GinkgoHelper()
	names := []types.NamespacedName{client.ObjectKeyFromObject(es)}
	for _, state := range m.states() {
		names = append(names, client.ObjectKeyFromObject(&state))
	}
	return slices.Clip(names)
}

func (m *mortal) reconciler(name types.NamespacedName, es *esv1.ExternalSecret) reconcile.Reconciler {
	if name == client.ObjectKeyFromObject(es) {
		return m.owner
	}
	return m.collector
}
