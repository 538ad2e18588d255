package operator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

func TestShardsExclude(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason string
		change func(*options)
	}{
		{"no shards are too few", func(o *options) { o.Shards = 0 }},
		{"one leader, or a leader of each shard", func(o *options) { o.LeaderElection.Enabled = true }},
		{"one namespace cannot be divided", func(o *options) { o.Namespace = "apps" }},
		{"a label has no such value", func(o *options) { o.LeaderElection.ID = "a name of many words" }},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			o := options{Shards: 3}
			o.LeaderElection.ID = "sluice"
			tt.change(&o)
			if _, err := newManager(t.Context(), &rest.Config{}, o); err == nil {
				t.Error("it begins nevertheless")
			}
		})
	}
}

// cable connects an operator with the API server.
type cable struct{ cut atomic.Bool }

// config returns the cluster's, by way of the cable.
func (c *cable) config() *rest.Config {
	config := rest.CopyConfig(cluster.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return routed{c, next} })
	return config
}

type routed struct {
	*cable
	next http.RoundTripper
}

func (r routed) RoundTrip(request *http.Request) (*http.Response, error) {
	if r.cut.Load() {
		return nil, errors.New("the cable is cut")
	}
	return r.next.RoundTrip(request)
}

// labelled returns the values of a label of a metric.
func (r *running) labelled(metric, label string) (values []string) {
	GinkgoHelper()
	families, err := r.metrics.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			i := slices.IndexFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == label })
			values = append(values, m.GetLabel()[i].GetValue())
		}
	}
	return values
}

// shares returns how many shards each operator works on, sorted.
func shares(operators ...*running) func() []int {
	return func() (all []int) {
		for _, r := range operators {
			all = append(all, len(r.labelled("sluice_shard_held", "shard")))
		}
		slices.Sort(all)
		return all
	}
}

// workers returns how many operators look after the ExternalSecrets of a place.
func (p place) workers(operators ...*running) func() int {
	return func() (n int) {
		for _, r := range operators {
			if slices.Contains(r.labelled("externalsecret_reconcile_duration", "namespace"), p.name) {
				n++
			}
		}
		return n
	}
}

// shared returns the options of an operator that shares the work with others.
func shared(home place) options {
	o := defaults(home.name)
	o.Shards = 4
	o.LeaderElection.LeaseDuration, o.LeaderElection.RenewDeadline, o.LeaderElection.RetryPeriod = 4*time.Second, 2*time.Second, 200*time.Millisecond
	return o
}

var _ = Describe("Replicas that share the work", func() {
	It("each work in namespaces of their own, and make each value once, whoever comes and goes", func(ctx SpecContext) {
		const many = 8
		home := newPlace(ctx)
		places, seen := make([]place, many), make([]*witness, many)
		for i := range many {
			places[i] = newPlace(ctx)
			seen[i] = places[i].watchValues(ctx, "password")
			places[i].create(ctx, gen.Password("maker"))
		}
		deliver := func(ctx context.Context, name string) {
			GinkgoHelper()
			var made []client.Object
			for _, here := range places {
				es := gen.NewExternalSecret(name).Generate(genv1alpha1.KindPassword, "maker").ExternalSecret
				here.create(ctx, es)
				made = append(made, es)
			}
			for _, es := range made {
				Eventually(ready(ctx, es)).Should(beTrue())
			}
		}

		a := begin(cluster.Config, shared(home))
		Eventually(shares(a)).Should(Equal([]int{4}))
		deliver(ctx, "alone")

		line := &cable{}
		b := begin(line.config(), shared(home))
		Eventually(shares(a, b)).Should(Equal([]int{2, 2}))
		deliver(ctx, "two")
		for _, here := range places {
			Eventually(here.workers(a, b)).Should(Equal(1), here.name)
		}

		c := begin(cluster.Config, shared(home))
		Eventually(shares(a, b, c)).Should(Equal([]int{1, 1, 2}))
		deliver(ctx, "three")
		for _, here := range places {
			Eventually(here.workers(a, b, c)).Should(Equal(1), here.name)
		}

		By("losing one, which does not reach the API server any more")
		line.cut.Store(true)
		deliver(ctx, "orphans")
		Eventually(b.ended).Should(Receive(MatchError(ContainSubstring("lost a lease"))))
		b.ended = nil
		Eventually(shares(a, c)).Should(Equal([]int{2, 2}))

		By("stopping one")
		a.stop()
		Eventually(shares(c)).Should(Equal([]int{4}))
		deliver(ctx, "last")
		for i, here := range places {
			Expect(here.workers(c)()).To(Equal(1), here.name)
			Eventually(seen[i].names).Should(ContainElements("alone", "two", "three", "orphans", "last"))
			Expect(seen[i].most()).To(Equal(1), "the most values that one Secret has had")
		}
	})

	It("hear of what changes in a store while a shard is nobody's", func(ctx SpecContext) {
		const many = 8
		home, vault := newPlace(ctx), newPlace(ctx)
		vault.account(ctx, "reader", vault.name)
		vault.create(ctx, gen.Secret("db", map[string]string{"password": "first"}))
		store := gen.ClusterSecretStore(vault.name, nil)
		store.Spec.Provider = gen.KubernetesStore("", vault.name, "reader").Spec.Provider
		store.Spec.Provider.Kubernetes.Auth.ServiceAccount.Namespace = new(vault.name)
		vault.create(ctx, store)

		line := &cable{}
		a, b := begin(cluster.Config, shared(home)), begin(line.config(), shared(home))
		Eventually(shares(a, b)).Should(Equal([]int{2, 2}))
		var places []place
		for range many {
			here := newPlace(ctx)
			here.create(ctx, gen.NewExternalSecret("app").ClusterStore(store.Name).Data("password", "db", "password").ExternalSecret)
			places = append(places, here)
		}
		for _, here := range places {
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "first"}))
			Eventually(here.workers(a, b)).Should(Equal(1), here.name)
		}

		line.cut.Store(true)
		edit(ctx, named(vault, gen.Secret("db", nil)), func(s *corev1.Secret) { s.Data["password"] = []byte("second") })
		for _, here := range places {
			Eventually(here.secret(ctx, "app")).Should(Equal(map[string]string{"password": "second"}), here.name)
		}
		Eventually(b.ended).Should(Receive(MatchError(ContainSubstring("lost a lease"))))
		b.ended = nil
	})

	It("share what has no namespace", func(ctx SpecContext) {
		const many = 12
		home := newPlace(ctx)
		a, b := begin(cluster.Config, shared(home)), begin(cluster.Config, shared(home))
		Eventually(shares(a, b)).Should(Equal([]int{2, 2}))
		var stores []string
		for i := range many {
			store := gen.ClusterSecretStore(fmt.Sprintf("%s-%d", home.name, i), map[string]string{"db": "s3cret"})
			home.create(ctx, store)
			Eventually(ready(ctx, store)).Should(beTrue())
			stores = append(stores, store.Name)
		}
		checked := func(r *running) (names []string) {
			all := r.labelled("clustersecretstore_reconcile_duration", "name")
			return slices.DeleteFunc(all, func(name string) bool { return !slices.Contains(stores, name) })
		}
		Expect(append(checked(a), checked(b)...)).To(ConsistOf(stores))
		Expect(checked(a)).NotTo(BeEmpty())
		Expect(checked(b)).NotTo(BeEmpty())

		By("being used by objects in all shards")
		for i := range 4 {
			here := newPlace(ctx)
			es := gen.NewExternalSecret("app").ClusterStore(stores[i]).Data("password", "db", "").ExternalSecret
			here.create(ctx, es)
			Eventually(ready(ctx, es)).Should(beTrue())
		}
	})
})
