package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// limited is a ClusterSecretStore with one value and the given lines of its spec.
func limited(name, lines string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata:
  name: ` + name + `
spec:
` + lines + `  provider:
    fake: {data: [{key: remote, value: '{"v":"CANARY-one"}'}]}
`
}

var _ = Describe("the conditions of a ClusterSecretStore", Label("stores", "cluster"), Ordered, func() {
	const here, there = "cluster-team-a", "cluster-other"
	allowed := map[string]string{
		"cluster-open":      "",
		"cluster-empty":     "  conditions: []\n",
		"cluster-names":     "  conditions: [{namespaces: [any, cluster-team-a]}]\n",
		"cluster-selector":  "  conditions: [{namespaceSelector: {matchLabels: {team: a}}}]\n",
		"cluster-selectors": "  conditions: [{namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}]\n",
		"cluster-by-name":   "  conditions: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: cluster-team-a}}}]\n",
		"cluster-regex":     "  conditions: [{namespaceRegexes: [team-.$]}]\n",
		"cluster-or":        "  conditions: [{namespaces: [any]}, {namespaceRegexes: [^x, ^cluster-t]}, {namespaceSelector: {matchLabels: {team: b}}}]\n",
		"cluster-or-in-one": "  conditions: [{namespaces: [cluster-team-a], namespaceSelector: {matchLabels: {team: b}}}]\n",
	}
	everywhere := []string{"cluster-open", "cluster-empty"}

	It("decide which namespaces may use it", func(ctx context.Context) {
		var stores, users []string
		for name, conditions := range allowed {
			stores = append(stores, limited(name, conditions))
			users = append(users, user(name, "ClusterSecretStore", name))
		}
		namespace(ctx, there)
		apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+here+", labels: {team: a}}}\n"+strings.Join(stores, ""))
		applyIn(ctx, here, strings.Join(users, ""))
		applyIn(ctx, there, strings.Join(users, ""))
		for name := range allowed {
			Eventually(valueOf(ctx, here, name)).Should(Equal("one"), name)
		}
		for _, name := range everywhere {
			Eventually(valueOf(ctx, there, name)).Should(Equal("one"), name)
		}
		for name := range allowed {
			if name != everywhere[0] && name != everywhere[1] {
				externalSecretOf(ctx, there, name, esv1.ReasonSecretSyncedError,
					`using cluster store "`+name+`" is not allowed from namespace "cluster-other": denied by spec.condition`)
				Expect(data(ctx, there, name)()).To(BeNil(), name)
			}
		}
	})

	It("follow the labels of a namespace", func(ctx context.Context) {
		kubectl(ctx, "label", "namespace", there, "team=a")
		for _, name := range []string{"cluster-selector", "cluster-selectors"} {
			Eventually(valueOf(ctx, there, name)).Should(Equal("one"), name)
			externalSecretOf(ctx, there, name, esv1.ReasonSecretSynced)
		}
	})

	It("are said when they cannot be read, by the store and by who uses it", func(ctx context.Context) {
		apply(ctx, limited("cluster-bad", "  conditions: [{namespaces: [cluster-team-a], namespaceRegexes: [a, \"team-(\"]}]\n"))
		applyIn(ctx, here, user("bad", "ClusterSecretStore", "cluster-bad"))
		const says = `spec.conditions[0].namespaceRegexes[1] "team-(" is not a regular expression`
		var css esv1.ClusterSecretStore
		Eventually(ready(ctx, &css, "", "cluster-bad")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse), say(says)))
		externalSecretOf(ctx, here, "bad", esv1.ReasonSecretSyncedError, says)
		apply(ctx, limited("cluster-bad", "  conditions: [{namespaces: [cluster-team-a], namespaceRegexes: [a, \"team-\"]}]\n"))
		Eventually(valueOf(ctx, here, "bad")).Should(Equal("one"))
	})

	It("leave other fields of the store as they are", func(ctx context.Context) {
		settings := map[string]string{
			"cluster-seconds": "  refreshInterval: 30\n", "cluster-duration": "  refreshInterval: 1m30s\n", "cluster-zero": "  refreshInterval: 0\n",
			"cluster-retries": "  retrySettings: {maxRetries: 2, retryInterval: 10ms}\n  refreshInterval: \"0\"\n",
		}
		wrong := map[string][2]string{
			"cluster-interval": {"  refreshInterval: soon\n", `spec.refreshInterval "soon" is neither a number of seconds nor a duration such as 5m`},
			"cluster-negative": {"  refreshInterval: -5m\n", `spec.refreshInterval -5m must not be negative`},
			"cluster-retry":    {"  retrySettings: {retryInterval: soon}\n", `spec.retrySettings.retryInterval "soon" is not a duration such as 5s`},
		}
		var stores []string
		for name, lines := range settings {
			stores = append(stores, limited(name, lines))
		}
		for name, w := range wrong {
			stores = append(stores, limited(name, w[0]))
		}
		apply(ctx, strings.Join(stores, ""))
		var css esv1.ClusterSecretStore
		for name := range settings {
			Eventually(ready(ctx, &css, "", name)).Should(haveStatus(metav1.ConditionTrue), name)
		}
		for name, w := range wrong {
			Eventually(ready(ctx, &css, "", name)).Should(SatisfyAll(
				HaveField("Reason", esv1.ReasonInvalidProviderConfig), say(w[1])), name)
		}
		kubectl(ctx, "delete", "clustersecretstores", "cluster-interval", "cluster-negative", "cluster-retry")
	})
})

var _ = Describe("a ClusterSecretStore without a namespace for its credentials", Label("stores", "cluster"), func() {
	It("takes those of the namespace that uses it, each with its own rights", func(ctx context.Context) {
		home, first, second := namespace(ctx, "cluster-home"), namespace(ctx, "cluster-first"), namespace(ctx, "cluster-second")
		applyIn(ctx, home, remote("one"))
		identities := map[string]string{
			"cluster-account": "      auth: {serviceAccount: {name: reader}}\n",
			"cluster-token":   "      auth: {token: {bearerToken: {name: token, key: token}}}\n",
			"cluster-config":  "      authRef: {name: config, key: kubeconfig}\n",
		}
		var stores, users []string
		for name, auth := range identities {
			stores = append(stores, signingIn("ClusterSecretStore", name, home, auth))
			users = append(users, user(name, "ClusterSecretStore", name))
		}
		apply(ctx, strings.Join(stores, ""))
		// The first namespace's identity is given a right in the home of the secrets; the second one's only in its own.
		applyIn(ctx, first, granted(first, "reader", "[get]"))
		applyIn(ctx, second, granted(second, "reader", "[get]"))
		applyIn(ctx, home, strings.ReplaceAll(granted(first, "reader", "[get]"), "kind: ServiceAccount\nmetadata: {name: reader}",
			"kind: ServiceAccount\nmetadata: {name: unused}"))
		for _, ns := range []string{first, second} {
			applyIn(ctx, ns, strings.Join(users, ""))
		}
		for _, ns := range []string{first, second} {
			externalSecretOf(ctx, ns, "cluster-token", esv1.ReasonSecretSyncedError, `secret "`+ns+`/token" does not exist`)
			externalSecretOf(ctx, ns, "cluster-config", esv1.ReasonSecretSyncedError, `secret "`+ns+`/config" does not exist`)
			token, kubeconfig := tokenOf(ctx, ns, "reader")
			applyIn(ctx, ns, kept("token", "token", token)+kept("config", "kubeconfig", kubeconfig))
		}
		for name := range identities {
			var css esv1.ClusterSecretStore
			Eventually(ready(ctx, &css, "", name)).Should(HaveField("Reason", esv1.ReasonStoreValid), name)
			Expect(css.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite), name)
			Eventually(valueOf(ctx, first, name)).Should(Equal("one"), name)
			externalSecretOf(ctx, second, name, esv1.ReasonSecretSyncedError,
				`"system:serviceaccount:cluster-second:reader" may not get secrets in namespace "cluster-home": grant it the verb "get"`)
			Expect(data(ctx, second, name)()).To(BeNil(), name)
		}
		By("the second one is given the right too")
		kubectl(ctx, "create", "rolebinding", "-n", home, "second", "--role=reader", "--serviceaccount=cluster-second:reader")
		for name := range identities {
			Eventually(valueOf(ctx, second, name)).Should(Equal("one"), name)
		}
	})
})
