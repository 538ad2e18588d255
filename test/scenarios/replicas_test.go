package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/env"
	"github.com/sluice-operator/sluice/test/story"
)

// holders returns how many shards each replica holds, by its name.
func holders(ctx context.Context) func() map[string]int {
	return func() map[string]int {
		GinkgoHelper()
		var leases coordinationv1.LeaseList
		Expect(world.Client.List(ctx, &leases, client.InNamespace(story.OperatorNamespace))).To(Succeed())
		held := map[string]int{}
		for i := range leases.Items {
			if holder := ptr.Deref(leases.Items[i].Spec.HolderIdentity, ""); holder != "" && strings.Contains(leases.Items[i].Name, "-shard-") {
				held[holder]++
			}
		}
		return held
	}
}

var _ = Describe("replicas that share the work", Label("install"), Ordered, func() {
	const lost = 20 * time.Second // the lease duration, and two retry periods

	var (
		places []string
		args   []string
	)
	begin := func(ctx context.Context) *env.Process {
		GinkgoHelper()
		replica, err := world.StartOperator(ctx, args...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(replica.Kill()).To(Succeed()) })
		return replica
	}
	deliver := func(ctx context.Context, name string, patience time.Duration) {
		GinkgoHelper()
		for _, place := range places {
			applyIn(ctx, place, `{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: `+name+`}, spec: {dataFrom: [{sourceRef:
  {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: maker}}}]}}`)
		}
		for _, place := range places {
			Eventually(ready(ctx, &esv1.ExternalSecret{}, place, name)).WithTimeout(patience).Should(haveStatus(metav1.ConditionTrue))
		}
	}
	values := func(ctx context.Context, name string) (all []string) {
		GinkgoHelper()
		for _, place := range places {
			all = append(all, string(secret(ctx, place, name).Data["password"]))
		}
		return all
	}

	BeforeAll(func(ctx context.Context) {
		// A control plane of its own: no other operator works there.
		others := world
		DeferCleanup(func() { world = others })
		var err error
		world, err = story.Start(ctx, "", GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(world.Stop)
		kubectl(ctx, "apply", "-k", world.Path("config/shards"))
		args = strings.Fields(kubectl(ctx, "get", "deployment", "sluice", "-n", story.OperatorNamespace,
			"-o", `jsonpath={range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}`))
		Expect(args).To(Equal([]string{"--shards=16"}))
		for i := range 6 {
			place := namespace(ctx, fmt.Sprintf("shared-%d", i))
			applyIn(ctx, place, `{apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, metadata: {name: maker}, spec: {length: 20}}`)
			places = append(places, place)
		}
	})

	It("take over from one that is killed, and from one that is stopped", func(ctx context.Context) {
		first := begin(ctx)
		second := begin(ctx)
		Eventually(holders(ctx)).Should(SatisfyAll(HaveLen(2), HaveEach(8)))
		deliver(ctx, "before", story.Patience)
		before := values(ctx, "before")

		Expect(first.Kill()).To(Succeed())
		deliver(ctx, "orphan", lost+story.Patience)
		Expect(holders(ctx)()).To(SatisfyAll(HaveLen(1), HaveEach(16)))

		third := begin(ctx)
		Eventually(holders(ctx)).Should(SatisfyAll(HaveLen(2), HaveEach(8)))
		Expect(second.Stop()).To(Succeed())
		Eventually(holders(ctx)).Should(SatisfyAll(HaveLen(1), HaveEach(16)))
		deliver(ctx, "after", story.Patience)
		Expect(values(ctx, "before")).To(Equal(before))
		Expect(third.Stop()).To(Succeed())
		Expect(holders(ctx)()).To(BeEmpty())
	})
})
