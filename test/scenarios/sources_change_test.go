package scenarios_test

import (
	"context"

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
