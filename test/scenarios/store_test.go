package scenarios_test

import (
	"context"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// source is a Secret that stores of the same namespace hold.
const source = `---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {user: CANARY-db}
`

// granted gives the ServiceAccount of the name to a namespace, with the verbs on its Secrets.
func granted(ns, account, verbs string) string {
	return strings.NewReplacer("NAMESPACE", ns, "ACCOUNT", account, "VERBS", verbs).Replace(`---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ACCOUNT}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ACCOUNT}
rules: [{apiGroups: [""], resources: [secrets], verbs: VERBS}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ACCOUNT}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ACCOUNT}
subjects: [{kind: ServiceAccount, name: ACCOUNT, namespace: NAMESPACE}]
`)
}

// kubernetesStore is a SecretStore over the Secrets of a namespace, with further lines of its provider's spec.
func kubernetesStore(ns, account, more string) string {
	return strings.NewReplacer("NAMESPACE", ns, "ACCOUNT", account, "MORE", more).Replace(`---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec: {provider: {kubernetes: {remoteNamespace: NAMESPACE, auth: {serviceAccount: {name: ACCOUNT}}MORE}}}
`)
}

var _ = DescribeTable("a store that cannot be used says why, and recovers with what uses it", Label("wrong-input", "stores"),
	func(ctx context.Context, ns, store, mend string, says ...string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, source+store+
			externalSecret(`{secretStoreRef: {name: store}, data: [{secretKey: a, remoteRef: {key: db, property: user}}]}`))
		var s esv1.SecretStore
		Eventually(ready(ctx, &s, ns, "store")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse), say(says...)))
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "wrong")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say(append(says, `SecretStore "store"`)...)))
		applyIn(ctx, ns, strings.ReplaceAll(mend, "AUTHORITY", strconv.Quote(string(world.Config.CAData))))
		Eventually(ready(ctx, &s, ns, "store")).Should(haveStatus(metav1.ConditionTrue))
		Expect(secret(ctx, ns, "wrong").Data).To(HaveKeyWithValue("a", []byte("CANARY-db")))
	},
	Entry("without rights", "store-rights",
		kubernetesStore("store-rights", "default", ""),
		granted("store-rights", "default", "[get]"),
		`"system:serviceaccount:store-rights:default"`, `may not get secrets in namespace "store-rights"`, `the verb "get"`),
	Entry("without its ServiceAccount", "store-account",
		kubernetesStore("store-account", "late", ""),
		granted("store-account", "late", "[get]"),
		"spec.provider.kubernetes.auth.serviceAccount", `"store-account/late" does not exist`),
	Entry("without its certificate authority", "store-authority",
		granted("store-authority", "reader", "[get]")+kubernetesStore("store-authority", "reader",
			", server: {url: kubernetes.default, caProvider: {type: ConfigMap, name: late, key: ca.crt}}"),
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: late}, data: {ca.crt: AUTHORITY}}",
		"spec.provider.kubernetes.server", `"store-authority/late" does not exist`),
)

var _ = Describe("a store in a namespace", Label("stores"), func() {
	It("holds what is pushed, for whoever may use it", func(ctx context.Context) {
		ns := namespace(ctx, "store-namespaced")
		applyIn(ctx, ns, granted(ns, "keeper", "[get, list, watch, create, patch]")+kubernetesStore(ns, "keeper", "")+
			password("{length: 20, allowRepeat: true}")+pushSecret(`{
  secretStoreRefs: [{name: store}], selector: {generatorRef: {kind: Password, name: p}},
  data: [{match: {secretKey: password, remoteRef: {remoteKey: kept, property: value}}}]}`)+
			externalSecret(`{secretStoreRef: {name: store}, data: [{secretKey: a, remoteRef: {key: kept, property: value}}]}`))
		consumed := secret(ctx, ns, "wrong")
		Expect(consumed.Data).To(HaveKeyWithValue("a", HaveLen(20)))
		Expect(consumed.Data["a"]).To(Equal(secret(ctx, ns, "kept").Data["value"]))
	})
})

// pushSecret is a PushSecret with the given spec.
func pushSecret(spec string) string {
	return "---\napiVersion: external-secrets.io/v1alpha1\nkind: PushSecret\nmetadata: {name: push}\nspec: " + spec + "\n"
}

var _ = DescribeTable("a mistake in a PushSecret is said, and mended without a further touch", Label("wrong-input", "push"),
	func(ctx context.Context, m mistake) {
		ns := namespace(ctx, m.namespace)
		applyIn(ctx, ns, m.manifests)
		var ps esv1alpha1.PushSecret
		Eventually(ready(ctx, &ps, ns, "push")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1alpha1.ReasonErrored), say(m.says...)))
		applyIn(ctx, ns, m.mend)
		Eventually(ready(ctx, &ps, ns, "push")).Should(haveStatus(metav1.ConditionTrue))
	},
	Entry("an unknown store", mistake{
		namespace: "push-store",
		manifests: source + pushOf("fake", ""),
		says:      []string{`SecretStore "fake" does not exist in namespace "push-store"`},
		mend:      fakeStore,
	}),
	Entry("a store that may be read and not written", mistake{
		namespace: "push-rights",
		manifests: source + granted("push-rights", "reader", "[get]") + kubernetesStore("push-rights", "reader", "") + pushOf("store", ""),
		says:      []string{`SecretStore "store"`, `"system:serviceaccount:push-rights:reader"`, `grant it the verb "patch"`},
		mend:      granted("push-rights", "reader", "[get, create, patch]"),
	}),
	Entry("a source that does not exist", mistake{
		namespace: "push-source",
		manifests: fakeStore + pushOf("fake", ""),
		says:      []string{`secret "db"`, `namespace "push-source"`},
		mend:      source,
	}),
	Entry("a generator that does not exist", mistake{
		namespace: "push-generator",
		manifests: fakeStore + pushSecret(`{secretStoreRefs: [{name: fake}], selector: {generatorRef: {kind: Password, name: p}},
  data: [{match: {secretKey: password, remoteRef: {remoteKey: k}}}]}`),
		says: []string{`generator Password "p" does not exist in namespace "push-generator"`},
		mend: password("{length: 8}"),
	}),
	Entry("a template that cannot be parsed", mistake{
		namespace: "push-syntax",
		manifests: fakeStore + source + pushOf("fake", `, template: {data: {user: "{{ .user "}}`),
		says:      []string{"spec.template.data", `template "user", line 1: syntax error`},
		mend:      pushOf("fake", `, template: {data: {user: "{{ .user }}"}}`),
	}),
)

// pushOf is a PushSecret of the source to a SecretStore, with further fields of its spec.
func pushOf(store, more string) string {
	return pushSecret(`{secretStoreRefs: [{name: ` + store + `}], selector: {secret: {name: db}},
  data: [{match: {secretKey: user, remoteRef: {remoteKey: kept, property: user}}}]` + more + `}`)
}
