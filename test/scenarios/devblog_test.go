package scenarios_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/env"
)

const (
	devblog        = "config/demo/devblog.yaml"
	storage        = "demo-eso-secret-storage"
	appNamespace   = "demo-where-app-lives"
	consumer       = "demo-eso-create-secret-for-use-by-app"
	secondConsumer = "demo-eso-create-alternative-secret-for-use-by-app"
	pushName       = "demo-pushsecret-app-password"
)

// held is what the manifest has made: the password in the store and the Secrets of its two consumers.
type held struct {
	stored, app, alternative *corev1.Secret
}

func hold(ctx context.Context) held {
	GinkgoHelper()
	return held{
		stored:      secret(ctx, storage, "app-password-secret"),
		app:         secret(ctx, appNamespace, "demo-app-credentials"),
		alternative: secret(ctx, appNamespace, "demo-alternative-app-credentials"),
	}
}

func (h held) password() string { return string(h.stored.Data["app-password-secret-key"]) }

// versions are the resource versions of all three.
func (h held) versions() []string {
	return []string{h.stored.ResourceVersion, h.app.ResourceVersion, h.alternative.ResourceVersion}
}

// expectShared expects that all three hold the same password.
func (h held) expectShared() {
	GinkgoHelper()
	Expect(string(h.app.Data["password"])).To(Equal(h.password()))
	Expect(string(h.alternative.Data["connectionString"])).To(ContainSubstring(h.password()))
}

// expectSettled waits until the operator has acted on every object as it is now.
func expectSettled(ctx context.Context) {
	GinkgoHelper()
	for _, name := range []string{consumer, secondConsumer} {
		Eventually(ready(ctx, &esv1.ExternalSecret{}, appNamespace, name)).Should(haveStatus(metav1.ConditionTrue))
	}
	var ps esv1alpha1.PushSecret
	Eventually(ready(ctx, &ps, storage, pushName)).Should(haveStatus(metav1.ConditionTrue))
}

var _ = Describe("the first user's manifest", Label("devblog"), Ordered, func() {
	var first held

	It("is the one that was published", func() {
		content, err := os.ReadFile(world.Path(devblog))
		Expect(err).NotTo(HaveOccurred())
		sum := sha256.Sum256(content)
		Expect(hex.EncodeToString(sum[:])).To(Equal(devblogSum))
	})

	It("gives both consumers the same password within five seconds", func(ctx context.Context) {
		Expect(world.Apply(ctx, devblog)).To(Succeed())
		applied := time.Now()
		first = hold(ctx)
		Expect(time.Since(applied)).To(BeNumerically("<", 5*time.Second))
		first.expectShared()
		expectSettled(ctx)
		expectStored(ctx, objectsOf(devblog)...)
		expectUnchanged(ctx, objectsOf(devblog), "apply", "-f", world.Path(devblog))

		password := first.password()
		Expect(password).To(HaveLen(42))
		Expect(countOf(password, "0123456789")).To(Equal(5), "digits")
		Expect(countOf(password, "-_$@")).To(Equal(5), "symbols")
		Expect(countOf(password, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")).To(Equal(32), "letters")
		Expect(first.app.Type).To(Equal(corev1.SecretTypeBasicAuth))
		Expect(first.app.Labels).To(HaveKeyWithValue("cnpg.io/reload", "true"))
		Expect(string(first.app.Data["username"])).To(Equal("apps-username-for-instance"))
	})

	It("writes nothing when every object is labelled and annotated", func(ctx context.Context) {
		for _, change := range [][]string{{"annotate", "argocd.argoproj.io/tracking-id=demo:x", "note=y"}, {"label", "team=blue"}} {
			before := seen(ctx)
			kubectl(ctx, append(change, "--overwrite", "-f", world.Path(devblog))...)
			for place, state := range before {
				Eventually(func() string { return seen(ctx)[place] }).ShouldNot(Equal(state), "the operator looks at %s", place)
			}
			expectSettled(ctx)
			Expect(hold(ctx).versions()).To(Equal(first.versions()))
		}
	})

	It("keeps the password when the operator is stopped, or killed, and started again", func(ctx context.Context) {
		for _, end := range []func(*env.Process) error{(*env.Process).Stop, (*env.Process).Kill} {
			Expect(end(operator)).To(Succeed())
			startOperator(ctx)
			for _, place := range []string{consumer, secondConsumer} {
				Eventually(func() string { return seen(ctx)[place] }).ShouldNot(BeEmpty(), "the new process looks at %s", place)
			}
			// What is annotated now is seen by the new process.
			before := seen(ctx)[pushName]
			kubectl(ctx, "annotate", "--overwrite", "pushsecret", "-n", storage, pushName, "note="+before)
			Eventually(func() string { return seen(ctx)[pushName] }).ShouldNot(Equal(before))
			Expect(hold(ctx).versions()).To(Equal(first.versions()))
		}
	})

	It("keeps the password when the PushSecret is deleted and applied again", func(ctx context.Context) {
		kubectl(ctx, "delete", "pushsecret", "-n", storage, pushName)
		Expect(world.Apply(ctx, devblog)).To(Succeed())
		expectSettled(ctx)
		Expect(hold(ctx).versions()).To(Equal(first.versions()))
	})

	It("keeps the password when the status of every object is lost", func(ctx context.Context) {
		kubectl(ctx, "patch", "pushsecret", "-n", storage, pushName, "--subresource=status", "--type=merge", "-p", `{"status":null}`)
		for _, name := range []string{consumer, secondConsumer} {
			kubectl(ctx, "patch", "externalsecret", "-n", appNamespace, name, "--subresource=status", "--type=merge", "-p", `{"status":null}`)
		}
		// A status alone wakes nobody: a label does.
		kubectl(ctx, "label", "--overwrite", "-f", world.Path(devblog), "team=green")
		expectSettled(ctx)
		Expect(hold(ctx).password()).To(Equal(first.password()))
		hold(ctx).expectShared()
	})

	It("keeps the password when the ExternalSecrets are deleted and applied again", func(ctx context.Context) {
		kubectl(ctx, "delete", "externalsecret", "-n", appNamespace, consumer, secondConsumer)
		Eventually(func() error {
			return world.Client.Get(ctx, types.NamespacedName{Namespace: appNamespace, Name: "demo-app-credentials"}, &corev1.Secret{})
		}).ShouldNot(Succeed(), "the owned Secret goes with its owner")
		Expect(world.Apply(ctx, devblog)).To(Succeed())
		expectSettled(ctx)
		now := hold(ctx)
		now.expectShared()
		Expect(now.password()).To(Equal(first.password()))
	})

	It("leaves the pushed password when the PushSecret goes", func(ctx context.Context) {
		kubectl(ctx, "delete", "pushsecret", "-n", storage, pushName)
		Expect(hold(ctx).versions()[0]).To(Equal(first.versions()[0]))
	})
})

// seen tells by name whether the operator has looked at an object: the result for it changes. For the PushSecret that is the
// state that was last pushed, for an ExternalSecret how many nanoseconds the running process last took for it; empty means never.
func seen(ctx context.Context) map[string]string {
	GinkgoHelper()
	var ps esv1alpha1.PushSecret
	Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: storage, Name: pushName}, &ps)).To(Succeed())
	metrics, err := get(ctx, "http://"+metricsAddress+"/metrics")
	Expect(err).NotTo(HaveOccurred())
	states := map[string]string{pushName: ps.Status.SyncedResourceVersion}
	for _, name := range []string{consumer, secondConsumer} {
		series := fmt.Sprintf("externalsecret_reconcile_duration{name=%q,namespace=%q} ", name, appNamespace)
		_, after, _ := strings.Cut(metrics, series)
		states[name], _, _ = strings.Cut(after, "\n")
	}
	return states
}

func countOf(text, set string) int {
	count := 0
	for _, r := range text {
		if strings.ContainsRune(set, r) {
			count++
		}
	}
	return count
}

// devblogSum is the SHA-256 of the manifest as it was published.
const devblogSum = "97148cacf12bb030f79dd9b46656410fbc79f4933e92dc16cbf5b61f63abc157"
