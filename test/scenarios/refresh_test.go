package scenarios_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// reading is an ExternalSecret that takes the value v of the Secret remote, with further lines of its spec.
func reading(name, lines string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: ` + name + `
spec:
` + lines + `  secretStoreRef: {name: store}
  data:
  - secretKey: v
    remoteRef: {key: remote, property: v}
`
}

// remote is the Secret in the store, with its value.
func remote(value string) string {
	return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: remote}\nstringData: {v: CANARY-" + value + "}\n"
}

// valueOf returns what a target has under v.
func valueOf(ctx context.Context, ns, name string) func() string {
	return func() string { return strings.TrimPrefix(data(ctx, ns, name)()["v"], "CANARY-") }
}

var _ = Describe("refreshPolicy and refreshInterval", Label("refresh"), Ordered, func() {
	const ns = "refresh-policies"
	lines := map[string]string{
		"periodic":       "  refreshInterval: 1s\n",
		"named":          "  refreshPolicy: Periodic\n  refreshInterval: 1s\n",
		"hourly":         "  refreshInterval: 1h0m0s\n",
		"default":        "",
		"once":           "  refreshPolicy: CreatedOnce\n  refreshInterval: 1s\n",
		"on-change":      "  refreshPolicy: OnChange\n  refreshInterval: 1s\n",
		"on-change-zero": "  refreshPolicy: OnChange\n  refreshInterval: \"0\"\n",
		"zero":           "  refreshInterval: \"0\"\n",
		"zero-seconds":   "  refreshInterval: 0s\n",
		"negative":       "  refreshInterval: -1s\n",
	}
	following := []string{"periodic", "named"}
	quiet := []string{"hourly", "default", "on-change", "on-change-zero"}
	frozen := []string{"once", "zero", "zero-seconds", "negative"}
	expect := func(ctx context.Context, names []string, value string) {
		GinkgoHelper()
		for _, name := range names {
			Eventually(valueOf(ctx, ns, name)).Should(Equal(value), name)
		}
	}

	It("deliver at the first look", func(ctx context.Context) {
		namespace(ctx, ns)
		manifests := []string{remote("one"), granted(ns, "reader", "[get]"), kubernetesStore(ns, "reader", "")}
		for name, refresh := range lines {
			manifests = append(manifests, reading(name, refresh))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		expect(ctx, slices.Collect(maps.Keys(lines)), "one")
	})

	It("say what a change of the source does, and what labels, annotations and both spellings of force-sync do", func(ctx context.Context) {
		before := "one"
		for i, change := range [][]string{
			{"label", "team=a"}, {"annotate", "note=a"}, {"annotate", "force-sync=1"}, {"annotate", "external-secrets.io/force-sync=1"},
		} {
			now := string(rune('a' + i))
			applyIn(ctx, ns, remote(now))
			expect(ctx, following, now)
			for _, name := range quiet {
				Expect(valueOf(ctx, ns, name)()).To(Equal(before), "%s before %s", name, change[1])
			}
			kubectl(ctx, change[0], "externalsecrets", "-n", ns, "--all", "--overwrite", change[1])
			expect(ctx, quiet, now)
			for _, name := range frozen {
				Expect(valueOf(ctx, ns, name)()).To(Equal("one"), "%s after %s", name, change[1])
			}
			before = now
		}
	})

	It("say what an edit of the spec does, and the status tells when it is not applied", func(ctx context.Context) {
		for name := range lines {
			kubectl(ctx, "patch", "externalsecret", "-n", ns, name, "--type=json", "-p", `[{"op":"replace","path":"/spec/data/0/secretKey","value":"w"}]`)
		}
		for _, name := range slices.Concat(following, quiet) {
			Eventually(data(ctx, ns, name)).Should(SatisfyAll(HaveKey("w"), HaveLen(1)), name)
		}
		for _, name := range frozen {
			es := externalSecretOf(ctx, ns, name, esv1.ReasonSecretSynced, "generation 2 is not applied, generation 1 was synced")
			Expect(es.Status.SyncedResourceVersion).To(HavePrefix("1-"))
			Expect(data(ctx, ns, name)()).To(HaveKey("v"), name)
		}
	})
})

var _ = Describe("syncWindows", Label("refresh"), func() {
	It("let the first refresh and every change through, and limit the periodic ones", func(ctx context.Context) {
		ns := namespace(ctx, "refresh-windows")
		// The hour that begins in two hours and a bit is closed now, whatever the time.
		later := time.Now().UTC().Add(2 * time.Hour).Format("0 15 * * *")
		windows := func(kind, schedule, duration string) string {
			window := fmt.Sprintf("{schedule: %q, duration: %s}", schedule, duration)
			return "  refreshInterval: 1s\n  syncWindows:\n    kind: " + kind + "\n    windows:\n    - " + window + "\n"
		}
		open := map[string]string{
			"allow-always": windows("allow", "* * * * *", "2m"), "allow-day": windows("allow", "@daily", "24h"),
			"allow-hour": windows("allow", "@hourly", "1h0m"), "deny-later": windows("deny", later, "1h"),
			"deny-nothing": windows("deny", "* * * * *", "0s"), "allow-year": windows("allow", "@yearly", "9000h"),
		}
		closed := map[string]string{
			"allow-later": windows("allow", later, "1h"), "allow-nothing": windows("allow", "* * * * *", "0s"),
			"deny-always": windows("deny", "* * * * *", "2m"), "deny-day": windows("deny", "@midnight", "24h"),
		}
		manifests := []string{
			remote("one"), granted(ns, "reader", "[get]"), kubernetesStore(ns, "reader", ""),
			reading("wrong", windows("allow", "0 25 * * *", "1h")),
		}
		for _, group := range []map[string]string{open, closed} {
			for name, spec := range group {
				manifests = append(manifests, reading(name, spec))
			}
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		externalSecretOf(ctx, ns, "wrong", esv1.ReasonSecretSyncedError, `spec.syncWindows.windows[0].schedule "0 25 * * *"`, "five cron fields")
		for _, group := range []map[string]string{open, closed} {
			for name := range group {
				Eventually(valueOf(ctx, ns, name)).Should(Equal("one"), name)
			}
		}
		applyIn(ctx, ns, remote("two"))
		for name := range open {
			Eventually(valueOf(ctx, ns, name)).Should(Equal("two"), name)
		}
		for name := range closed {
			Expect(valueOf(ctx, ns, name)()).To(Equal("one"), name)
		}
		kubectl(ctx, "annotate", "externalsecrets", "-n", ns, "--all", "force-sync=now")
		for name := range closed {
			Eventually(valueOf(ctx, ns, name)).Should(Equal("two"), name)
		}
	})
})

var _ = Describe("what an ExternalSecret needs", Label("refresh"), func() {
	It("may come after it, in any order, and go and come back", func(ctx context.Context) {
		ns := namespace(ctx, "refresh-order")
		late := `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: late}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: refresh-order}
  target:
    template:
      templateFrom: [{configMap: {name: texts, items: [{key: url}]}}]
      data: {both: "{{ .v }}-{{ .password }}", password: "{{ .password }}"}
  data: [{secretKey: v, remoteRef: {key: remote, property: v}}]
  dataFrom: [{sourceRef: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: p}}}]
`
		store := strings.Replace(kubernetesStore(ns, "reader", ""), "kind: SecretStore\nmetadata: {name: store}",
			"kind: ClusterSecretStore\nmetadata: {name: refresh-order}", 1)
		store = strings.Replace(store, "{name: reader}", "{name: reader, namespace: refresh-order}", 1)
		// Each of these makes the next one the first that is missing.
		for _, step := range [][2]string{
			{late, `generator Password "p" does not exist in namespace "refresh-order"`},
			{password("{length: 9, symbols: 0}"), `ClusterSecretStore "refresh-order" does not exist`},
			{store, `service account "refresh-order/reader" does not exist`},
			{granted(ns, "reader", "[get]"), `secret "remote" does not exist in namespace "refresh-order"`},
			{remote("here"), `configMap "texts" does not exist in namespace "refresh-order"`},
		} {
			applyIn(ctx, ns, step[0])
			externalSecretOf(ctx, ns, "late", esv1.ReasonSecretSyncedError, step[1])
		}
		applyIn(ctx, ns, "{apiVersion: v1, kind: ConfigMap, metadata: {name: texts}, data: {url: 'x://{{ .v }}'}}")
		externalSecretOf(ctx, ns, "late", esv1.ReasonSecretSynced)
		first := data(ctx, ns, "late")()
		Expect(first).To(SatisfyAll(HaveKeyWithValue("url", "x://CANARY-here"), HaveKeyWithValue("both", HaveLen(len("CANARY-here-")+9))))

		By("losing its store, and finding it again")
		kubectl(ctx, "delete", "clustersecretstore", "refresh-order")
		externalSecretOf(ctx, ns, "late", esv1.ReasonSecretSyncedError, `ClusterSecretStore "refresh-order" does not exist`)
		Expect(data(ctx, ns, "late")()).To(Equal(first))
		applyIn(ctx, ns, store)
		externalSecretOf(ctx, ns, "late", esv1.ReasonSecretSynced)
		Expect(data(ctx, ns, "late")()).To(Equal(first))
	})
})

var _ = Describe("a refresh that changes nothing", Label("refresh"), func() {
	It("writes nothing and says nothing, however often it happens", func(ctx context.Context) {
		ns := namespace(ctx, "refresh-quiet")
		applyIn(ctx, ns, fakeStore+taking("app", "template: {data: {login: '{{ htpasswd .user .password }}'}}", "  refreshInterval: 1s\n")+
			taking("waits", "creationPolicy: Merge", "  refreshInterval: 1s\n"))
		externalSecretOf(ctx, ns, "app", esv1.ReasonSecretSynced)
		externalSecretOf(ctx, ns, "waits", esv1.ReasonSecretMissing)
		// synced returns how often both were synced; versions, the state of all that could be written.
		synced := func() (counts []string) {
			metrics, err := get(ctx, "http://"+metricsAddress+"/metrics")
			Expect(err).NotTo(HaveOccurred())
			for _, name := range []string{"app", "waits"} {
				_, after, _ := strings.Cut(metrics, fmt.Sprintf("externalsecret_sync_calls_total{name=%q,namespace=%q} ", name, ns))
				count, _, _ := strings.Cut(after, "\n")
				counts = append(counts, count)
			}
			return counts
		}
		versions := func() string {
			return kubectl(ctx, "get", "externalsecrets,secrets,secretstores,events", "-n", ns, "-o",
				`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
		}
		Eventually(eventsOf(ctx, ns, "app")).Should(ContainSubstring("Created"))
		Eventually(eventsOf(ctx, ns, "fake")).Should(ContainSubstring("Valid"))
		before := versions()
		for range 3 {
			counts := synced()
			for i := range counts {
				Eventually(func() string { return synced()[i] }).ShouldNot(Equal(counts[i]))
			}
		}
		Expect(versions()).To(Equal(before))
	})
})

var _ = Describe("the status of an ExternalSecret", Label("refresh", "status"), func() {
	It("has the fields, columns and selectors that its users know", func(ctx context.Context) {
		ns := namespace(ctx, "refresh-status")
		applyIn(ctx, ns, fakeStore+taking("app", "name: app-secret", "  refreshInterval: 15m0s\n"))
		es := externalSecretOf(ctx, ns, "app", esv1.ReasonSecretSynced, "secret synced")
		Expect(es.Status.RefreshTime.Time).To(BeTemporally("~", time.Now(), time.Minute))
		Expect(es.Status.SyncedResourceVersion).To(MatchRegexp(`^1-[0-9a-f]{56}$`))
		Expect(es.Status.Binding.Name).To(Equal("app-secret"))
		Expect(es.Status.ObservedGeneration).To(Equal(es.Generation))
		Expect(es.Status.Conditions).To(HaveLen(1))
		Expect(es.Finalizers).To(BeEmpty())
		kubectl(ctx, "wait", "externalsecret", "-n", ns, "app", "--for=condition=Ready", "--timeout=1s")

		columns := strings.Fields(kubectl(ctx, "get", "es", "-n", ns, "app", "--no-headers"))
		Expect(columns[:6]).To(Equal([]string{"app", "SecretStore", "fake", "15m0s", "SecretSynced", "True"}))
		Expect(kubectl(ctx, "get", "es", "-n", ns, "app")).To(MatchRegexp(`^NAME +STORETYPE +STORE +REFRESH INTERVAL +STATUS +READY +LAST SYNC`))
		for _, selector := range []string{
			"spec.secretStoreRef.name=fake", "spec.secretStoreRef.kind=SecretStore", "spec.target.name=app-secret", "spec.refreshInterval=15m0s",
		} {
			Expect(kubectl(ctx, "get", "es", "-n", ns, "--field-selector", selector, "-o", "name")).To(ContainSubstring("/app"), selector)
			Expect(kubectl(ctx, "get", "es", "-n", ns, "--field-selector", strings.ReplaceAll(selector, "=", "!="), "-o", "name")).To(BeEmpty(), selector)
		}

		By("moving the time of transition with the state alone")
		since := es.Status.Conditions[0].LastTransitionTime
		kubectl(ctx, "annotate", "externalsecret", "-n", ns, "app", "note=x")
		Eventually(func() string {
			Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: "app"}, es)).To(Succeed())
			return es.Status.SyncedResourceVersion
		}).ShouldNot(HaveSuffix(strings.TrimPrefix(es.Status.SyncedResourceVersion, "1-")))
		Expect(es.Status.Conditions[0].LastTransitionTime).To(Equal(since))
		Expect(es.Status.Conditions[0].Message).To(Equal("secret synced"))

		By("saying what failed in an event too")
		kubectl(ctx, "patch", "externalsecret", "-n", ns, "app", "--type=json", "-p",
			`[{"op":"replace","path":"/spec/data/0/remoteRef/key","value":"none"}]`)
		externalSecretOf(ctx, ns, "app", esv1.ReasonSecretSyncedError, `spec.data[0] (key=none)`, `SecretStore "fake"`, `key "none" does not exist`)
		Eventually(eventsOf(ctx, ns, "app")).Should(ContainSubstring("Warning UpdateFailed spec.data[0] (key=none)"))
		Expect(data(ctx, ns, "app-secret")()).To(Equal(taken))
	})

	It("stays empty where the store or the generator is another controller's", func(ctx context.Context) {
		ns := namespace(ctx, "refresh-class")
		applyIn(ctx, ns, strings.Replace(fakeStore, "spec: {", "spec: {controller: other, ", 1)+
			"---\n{apiVersion: generators.external-secrets.io/v1alpha1, kind: Fake, metadata: {name: f}, spec: {controller: other, data: {a: CANARY-a}}}\n"+
			taking("by-store", "", "")+`---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: by-generator}
spec: {dataFrom: [{sourceRef: {generatorRef: {kind: Fake, name: f}}}]}
---`+strings.Replace(strings.Replace(fakeStore, "name: fake", "name: ours", 1), "spec: {", "spec: {controller: default, ", 1)+
			strings.Replace(taking("ours", "", ""), "name: fake", "name: ours", 1))
		externalSecretOf(ctx, ns, "ours", esv1.ReasonSecretSynced)
		for _, name := range []string{"by-store", "by-generator"} {
			var es esv1.ExternalSecret
			Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, &es)).To(Succeed())
			Expect(es.Status.Conditions).To(BeEmpty(), name)
			Expect(data(ctx, ns, name)()).To(BeNil())
		}
		var store esv1.SecretStore
		Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: "fake"}, &store)).To(Succeed())
		Expect(store.Status.Conditions).To(BeEmpty())
	})
})
