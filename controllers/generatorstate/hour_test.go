package generatorstate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	generator "github.com/sluice-operator/sluice/generators/beyondtrustworkloadcredentialsdynamicsecret"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
	"github.com/sluice-operator/sluice/test/gen"
)

// hour is an ExternalSecret of credentials that live for 15 minutes, the shortest life that BeyondTrust Workload Credentials gives
// them, and what both controllers do with it while time goes by.
type hour struct {
	*world

	service *beyondtrust.WorkloadCredentials
	es      *esv1.ExternalSecret
	// due is when the owner's controller looks at it again.
	due time.Time
}

const (
	site   = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
	minted = "production/short"
	// backoff is as long as a controller waits between two of many failures.
	backoff = 15 * time.Second
)

func newHour(kind string) *hour {
	GinkgoHelper()
	h := &hour{world: newWorld()}
	h.service = beyondtrust.NewWorkloadCredentials(site, "token", h.Clock)
	DeferCleanup(h.service.Close)
	h.service.Define(minted, beyondtrust.Dynamic{Type: kind, Lifetime: 15 * time.Minute})
	h.Generators = append(h.Generators, generator.New())
	h.restart()
	of := gen.BeyondtrustDynamicSecret("short", h.service.APIURL(), site, "api", minted)
	h.Create(gen.Secret("api", map[string]string{"token": "token", "ca.crt": string(h.service.Authority())}), of)
	return h
}

// look lets the owner's controller look.
func (h *hour) look() {
	GinkgoHelper()
	result, err := h.Try(h.owner, h.es)
	if err != nil {
		result = ctrl.Result{RequeueAfter: backoff}
	}
	h.due = h.Clock.Now().Add(result.RequeueAfter)
}

// passes lets time go by, at each minute with something that happens, and looks at the target whenever anything could be different
// right after.
func (h *hour) passes(happens func(h *hour, minute int)) {
	GinkgoHelper()
	begin := h.Clock.Now()
	for minute := range 60 {
		for end := begin.Add(time.Duration(minute+1) * time.Minute); h.Clock.Now().Before(end); {
			next := h.Clock.Now().Add(backoff)
			if h.due.Before(next) && h.due.After(h.Clock.Now()) {
				next = h.due
			}
			h.Clock.SetTime(next)
			h.expectUsable()
			if !h.due.After(next) {
				h.look()
			}
			for _, state := range h.states() {
				_, _ = h.Try(h.collector, &state) // it tries again when it fails
			}
			h.expectUsable()
		}
		happens(h, minute)
	}
}

// expectUsable expects that the target has credentials that the service has issued, and which have not ended.
func (h *hour) expectUsable() {
	GinkgoHelper()
	now, data := h.Clock.Now(), h.Secret("app").Data
	until, err := time.Parse(time.RFC3339, string(data["expiration"]))
	Expect(err).NotTo(HaveOccurred())
	Expect(until).To(BeTemporally(">", now), "the target holds credentials that have ended")
	Expect(h.service.Leases()).To(ContainElement(SatisfyAll(
		HaveField("ID", string(data["leaseId"])), HaveField("Revoked", BeZero()), HaveField("Until", BeTemporally("==", until)),
	)), "the target holds credentials that were given back")
}

// lives makes the ExternalSecret, and lets an hour go by.
func (h *hour) lives(every time.Duration, happens func(*hour, int)) {
	GinkgoHelper()
	es := gen.NewExternalSecret("app").Generate(genv1alpha1.KindBeyondtrustWorkloadCredentialsDynamicSecret, "short")
	if every > 0 {
		es = es.Every(every)
	}
	h.es = es.ExternalSecret
	h.Create(h.es)
	h.look()
	h.passes(happens)
}

// expectAccounted expects that each lease was given back, has ended, or is written down, and that nothing else is.
func (h *hour) expectAccounted() {
	GinkgoHelper()
	states := h.states()
	written := make([]string, 0, len(states))
	for _, state := range states {
		var of struct {
			LeaseID string `json:"leaseId"`
		}
		Expect(json.Unmarshal(state.Spec.State.Raw, &of)).To(Succeed())
		written = append(written, of.LeaseID)
	}
	var inForce, owed []string
	for _, lease := range h.service.Leases() {
		// It is collected when it has ended for two minutes.
		if now := h.Clock.Now(); lease.Revoked.IsZero() && now.Before(lease.Until.Add(2*time.Minute+backoff)) {
			if inForce = append(inForce, lease.ID); lease.Owed(now) {
				owed = append(owed, lease.ID)
			}
		}
	}
	Expect(inForce).To(ContainElements(written), "what has ended is still written down")
	Expect(written).To(ContainElements(owed), "what is in force is written down nowhere")
	Expect(written).To(ContainElement(string(h.Secret("app").Data["leaseId"])))
}

var _ = Describe("An hour of credentials that live 15 minutes", func() {
	nothing := func(*hour, int) {}
	It("leaves nothing behind where the token may not give them back", func() {
		h := newHour(beyondtrust.TypeAzure)
		h.service.Deny("DELETE /leases")
		h.lives(0, nothing)
		Expect(h.service.Counts()).To(SatisfyAll(HaveField("Revoked", 0), HaveField("Expired", BeNumerically(">=", 4))))
		h.expectAccounted()
	})

	DescribeTable("shows no moment at which the target holds some that have ended",
		func(kind string, every time.Duration, least, most int, happens func(*hour, int)) {
			h := newHour(kind)
			h.lives(every, happens)
			counts := h.service.Counts()
			Expect(counts.Minted).To(SatisfyAll(BeNumerically(">=", least), BeNumerically("<=", most)))
			h.expectAccounted()
			if kind == beyondtrust.TypeAzure {
				Expect(counts.Expired).To(BeZero(), "what was replaced was not given back")
			} else {
				Expect(counts.Revoked).To(BeZero(), "these cannot be given back")
			}
		},
		// 60 minutes are between 5.0 and 5.3 times 75 to 80 % of 15.
		Entry("when nothing else happens", beyondtrust.TypeAzure, time.Duration(0), 5, 6, nothing),
		Entry("that cannot be given back", beyondtrust.TypeAWS, time.Duration(0), 5, 6, nothing),
		Entry("with an interval that is longer than their life", beyondtrust.TypeAWS, 45*time.Minute, 5, 7, nothing),
		Entry("with an interval that is shorter", beyondtrust.TypeAzure, 5*time.Minute, 11, 13, nothing),
		Entry("when the operator starts anew each minute", beyondtrust.TypeAzure, time.Duration(0), 5, 6, func(h *hour, _ int) {
			h.restart()
			h.look()
		}),
		Entry("when the template is edited each minute", beyondtrust.TypeAzure, time.Duration(0), 5, 6, func(h *hour, minute int) {
			lab.Edit(h.Lab, h.es, func(es *esv1.ExternalSecret) {
				es.Spec.Target.Template = &esv1.ExternalSecretTemplate{
					MergePolicy: esv1.MergePolicyMerge, Data: map[string]string{"url": fmt.Sprintf("%d:{{ .clientId }}", minute)},
				}
			})
			h.look()
			Expect(h.Secret("app").Data).To(HaveKeyWithValue("url", HavePrefix("%d:", minute)))
		}),
		Entry("when the service fails every other minute", beyondtrust.TypeAzure, time.Duration(0), 5, 6, func(h *hour, minute int) {
			h.service.Mend()
			if minute%2 == 0 {
				h.service.FailStatus(1000, http.StatusServiceUnavailable, "")
			}
		}),
		Entry("when somebody deletes the target", beyondtrust.TypeAzure, time.Duration(0), 5, 12, func(h *hour, minute int) {
			if minute%10 == 5 {
				h.Delete(h.Secret("app"))
				h.look()
			}
		}),
	)
})
