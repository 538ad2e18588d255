package operator_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// lent returns a GeneratorState as the reference implementation writes them, of the given resource.
func lent(resource string, deadline *metav1.Time) *genv1alpha1.GeneratorState {
	return &genv1alpha1.GeneratorState{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "gen-fake-g-", Finalizers: []string{genv1alpha1.FinalizerGeneratorState},
			Labels: map[string]string{genv1alpha1.LabelOwnerKey: "0123456789abcdef"},
		},
		Spec: genv1alpha1.GeneratorStateSpec{
			Resource:                  runtime.RawExtension{Raw: []byte(resource)},
			State:                     runtime.RawExtension{Raw: []byte(`{"id":1}`)},
			GarbageCollectionDeadline: deadline,
		},
	}
}

const fakeGenerator = `{"apiVersion":"generators.external-secrets.io/v1alpha1","kind":"Fake","metadata":{"name":"g"},"spec":{"data":{}}}`

var _ = Describe("Leases", func() {
	var home, here place
	BeforeEach(func(ctx SpecContext) { home, here = newPlace(ctx), newPlace(ctx) })

	It("are given back when their time has come", func(ctx SpecContext) {
		o := defaults(home.name)
		o.Namespace = here.name
		begin(home.identity(ctx, "sluice", home.name, here.name), o)

		over, soon := metav1.Now(), metav1.NewTime(time.Now().Add(2*time.Second))
		past, next, kept, unknown := lent(fakeGenerator, &over), lent(fakeGenerator, &soon), lent(fakeGenerator, nil), lent(`{"kind":"Dice"}`, &over)
		here.create(ctx, past, next, kept, unknown)
		gone := func(o client.Object) func() bool {
			return func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o)) }
		}
		Eventually(gone(past)).Should(BeTrue())
		Eventually(gone(next)).Should(BeTrue())
		Eventually(ready(ctx, unknown)).Should(HaveField("Message", ContainSubstring(`there is no generator of kind "Dice"`)))
		Eventually(ready(ctx, kept)).Should(HaveField("Reason", genv1alpha1.ReasonStateCreated))
		Expect(admin.Delete(ctx, kept)).To(Succeed())
		Eventually(gone(kept)).Should(BeTrue())
	})

	It("are left alone when their controller is turned off", func(ctx SpecContext) {
		o := defaults(home.name)
		o.Namespace, o.GeneratorStates = here.name, false
		begin(cluster.Config, o)
		over := metav1.Now()
		state := lent(fakeGenerator, &over)
		here.create(ctx, state)
		here.delivered(ctx, "app")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(state), state)).To(Succeed())
		Expect(state.Status.Conditions).To(BeEmpty())
	})
})
