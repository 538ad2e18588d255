package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

var _ = Describe("a source that changes", Label("sources"), func() {
	It("is followed, by its value and by its absence", func(ctx context.Context) {
		ns := namespace(ctx, "sources-change")
		held := func(value string) string {
			return "---\n{apiVersion: v1, kind: Secret, metadata: {name: held, labels: {app: x}}, stringData: {v: " + value + "}}\n"
		}
		applyIn(ctx, ns, granted(ns, "reader", "[get, list]")+kubernetesStore(ns, "reader", "")+held("CANARY-first")+`---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: copy}
spec:
  refreshInterval: 1s
  secretStoreRef: {name: store}
  target: {deletionPolicy: Merge}
  data: [{secretKey: v, remoteRef: {key: held, property: v}}]
  dataFrom: [{find: {tags: {app: x}}}, {extract: {key: held}}]
`)
		data := func() (map[string]string, error) {
			var s corev1.Secret
			err := world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: "copy"}, &s)
			return texts(s.Data), err
		}
		Eventually(data).Should(Equal(map[string]string{"v": "CANARY-first", "held": `{"v":"CANARY-first"}`}))

		By("following its value")
		applyIn(ctx, ns, held("CANARY-second"))
		Eventually(data).Should(Equal(map[string]string{"v": "CANARY-second", "held": `{"v":"CANARY-second"}`}))

		By("saying which entries miss it")
		kubectl(ctx, "delete", "secret", "held", "-n", ns)
		Eventually(data).Should(BeEmpty())
		Eventually(func() string {
			return kubectl(ctx, "get", "events.events.k8s.io", "-n", ns, "-o", "jsonpath={range .items[*]}{.reason}: {.note}{\"\\n\"}{end}")
		}).Should(SatisfyAll(
			ContainSubstring("MissingProviderSecret: secret does not exist at provider using spec.data[0] (key=held)"),
			ContainSubstring("MissingProviderSecret: secret does not exist at provider using spec.dataFrom[1] (key=held)")))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "copy")).Should(haveStatus(metav1.ConditionTrue))

		By("taking it up again")
		applyIn(ctx, ns, held("CANARY-third"))
		Eventually(data).Should(HaveKeyWithValue("v", "CANARY-third"))
	})

	It("is taken up long before the interval ends when it was wrong and is mended", func(ctx context.Context) {
		ns := namespace(ctx, "sources-mended")
		held := func(fields string) string {
			return "---\n{apiVersion: v1, kind: Secret, metadata: {name: held}, stringData: {" + fields + "}}\n"
		}
		waiting := func(name, spec string) string {
			return "---\n{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: " + name +
				"}, spec: {refreshInterval: 1h, secretStoreRef: {name: store}, " + spec + "}}\n"
		}
		applyIn(ctx, ns, granted(ns, "reader", "[get]")+kubernetesStore(ns, "reader", "")+held(`a: "CANARY%", j: CANARY-text, tls.crt: CANARY-crt`)+
			waiting("decoded", "data: [{secretKey: v, remoteRef: {key: held, property: a, decodingStrategy: Base64}}]")+
			waiting("json", "dataFrom: [{extract: {key: held, property: j}}]")+
			waiting("templated", `target: {template: {data: {v: "{{ .more }}"}}}, dataFrom: [{extract: {key: held}}]`)+
			waiting("typed", "target: {template: {type: kubernetes.io/tls}}, dataFrom: [{extract: {key: held}}]"))
		names := []string{"decoded", "json", "templated", "typed"}
		for _, name := range names {
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSyncedError)
		}
		applyIn(ctx, ns, held(`a: Q0FOQVJZ, j: '{"k":"CANARY-k"}', more: CANARY-more, tls.crt: CANARY-crt, tls.key: CANARY-key`))
		for _, name := range names {
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSynced)
		}
	})
})

var _ = Describe("a source in a store that can be watched", Label("sources", "stores", "refresh"), func() {
	held := func(name, value string) string {
		return "---\n{apiVersion: v1, kind: Secret, metadata: {name: " + name + "}, stringData: {v: " + value + "}}\n"
	}
	// copies reads a key with an interval of an hour, so that nothing but a change in the store brings the next value.
	copies := func(name, key, more string) string {
		return strings.NewReplacer("NAME", name, "KEY", key, "MORE", more).Replace(`---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: NAME}
spec: {refreshInterval: 1h, secretStoreRef: {name: store}, data: [{secretKey: v, remoteRef: {key: KEY, property: v}}]MORE}
`)
	}
	value := func(ctx context.Context, ns, name string) func() (string, error) {
		return func() (string, error) {
			var s corev1.Secret
			err := world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, &s)
			return string(s.Data["v"]), err
		}
	}

	It("reaches what reads it at once", func(ctx context.Context) {
		ns := namespace(ctx, "sources-follow")
		applyIn(ctx, ns, granted(ns, "reader", "[get, list, watch]")+kubernetesStore(ns, "reader", "")+held("held", "CANARY-first")+
			copies("copy", "held", "")+copies("once", "held", ", refreshPolicy: CreatedOnce")+copies("late", "missing", ""))
		Eventually(value(ctx, ns, "copy")).Should(Equal("CANARY-first"))
		Eventually(value(ctx, ns, "once")).Should(Equal("CANARY-first"))
		Eventually(ready(ctx, &esv1.SecretStore{}, ns, "store")).Should(HaveField("Message", "store validated"))

		By("following its value, where the policy follows anything")
		applyIn(ctx, ns, held("held", "CANARY-second"))
		Eventually(value(ctx, ns, "copy")).Should(Equal("CANARY-second"))
		Expect(value(ctx, ns, "once")()).To(Equal("CANARY-first"))

		By("finding what was missing")
		var late esv1.ExternalSecret
		Eventually(ready(ctx, &late, ns, "late")).Should(haveStatus(metav1.ConditionFalse))
		applyIn(ctx, ns, held("missing", "CANARY-there"))
		Eventually(ready(ctx, &late, ns, "late")).Should(haveStatus(metav1.ConditionTrue))
		Expect(value(ctx, ns, "late")()).To(Equal("CANARY-there"))
	})

	It("is read at the interval where the store's identity may not watch", func(ctx context.Context) {
		ns := namespace(ctx, "sources-get-only")
		applyIn(ctx, ns, granted(ns, "reader", "[get]")+kubernetesStore(ns, "reader", "")+held("held", "CANARY-first")+
			strings.Replace(copies("copy", "held", ""), "1h", "1s", 1))
		Eventually(value(ctx, ns, "copy")).Should(Equal("CANARY-first"))
		Eventually(ready(ctx, &esv1.SecretStore{}, ns, "store")).Should(SatisfyAll(haveStatus(metav1.ConditionTrue),
			say("store validated; changes of its secrets are seen at the refresh interval only", `may not watch secrets in namespace "`+ns+`"`)))
		applyIn(ctx, ns, held("held", "CANARY-second"))
		Eventually(value(ctx, ns, "copy")).Should(Equal("CANARY-second"))
	})
})

var _ = DescribeTable("the API server refuses sources that the schema can tell to be wrong", Label("sources", "schema"),
	func(ctx context.Context, spec, says string) {
		Expect(refused(ctx, externalSecret(spec))).To(ContainSubstring(says))
	},
	Entry("a key that no Secret can hold", `{data: [{secretKey: a/b, remoteRef: {key: k}}]}`, `spec.data[0].secretKey: Invalid value: "a/b"`),
	Entry("an empty key", `{data: [{secretKey: "", remoteRef: {key: k}}]}`, "spec.data[0].secretKey"),
	Entry("no remote key", `{data: [{secretKey: a, remoteRef: {property: p}}]}`, "spec.data[0].remoteRef.key: Required value"),
	Entry("an unknown decoding",
		`{data: [{secretKey: a, remoteRef: {key: k, decodingStrategy: Rot13}}]}`, `decodingStrategy: Unsupported value: "Rot13"`),
	Entry("an unknown conversion", `{dataFrom: [{extract: {key: k, conversionStrategy: None}}]}`, `conversionStrategy: Unsupported value: "None"`),
	Entry("an unknown metadata policy", `{dataFrom: [{extract: {key: k, metadataPolicy: Get}}]}`, `metadataPolicy: Unsupported value: "Get"`),
	Entry("an unknown null byte policy", `{dataFrom: [{find: {name: {regexp: x}, nullBytePolicy: No}}]}`, `nullBytePolicy: `),
	Entry("two operations in one", `{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: a, target: b}, transform: {template: x}}]}]}`,
		"spec.dataFrom[0].rewrite[0]: Too many: 2: must have at most 1"),
	Entry("an operation that does nothing", `{dataFrom: [{extract: {key: k}, rewrite: [{}]}]}`, "spec.dataFrom[0].rewrite[0]"),
	Entry("an unknown strategy of merge",
		`{dataFrom: [{extract: {key: k}, rewrite: [{merge: {strategy: Deep}}]}]}`, `strategy: Unsupported value: "Deep"`),
	Entry("a store and a generator in one entry",
		`{dataFrom: [{sourceRef: {storeRef: {name: a}, generatorRef: {kind: UUID, name: b}}}]}`, "spec.dataFrom[0].sourceRef: Too many: 2"),
	Entry("a generator without a name", `{dataFrom: [{sourceRef: {generatorRef: {kind: UUID}}}]}`, "generatorRef.name: Required value"),
)
