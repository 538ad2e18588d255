package scenarios_test

import (
	"context"
	"io"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/env"
)

// canary marks every secret value of the scenarios that is chosen and not generated.
const canary = "CANARY"

var _ = Describe("a secret value", Label("secrecy"), func() {
	It("stands in no log, event, status or metric, whatever fails", func(ctx context.Context) {
		ns := namespace(ctx, "canary")
		applyIn(ctx, ns, fakeStore+`
---
apiVersion: v1
kind: Secret
metadata: {name: source}
stringData: {value: CANARY-source}
---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: canary-unreachable}
spec: {provider: {kubernetes: {server: {url: "https://127.0.0.1:1"}, auth: {token: {bearerToken: {name: source, key: value, namespace: canary}}}}}}
---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: push}
spec:
  secretStoreRefs: [{name: canary-unreachable, kind: ClusterSecretStore}]
  selector: {secret: {name: source}}
  data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: p}}}]
`)
		for _, spec := range []string{
			`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}], target: {template: {data: {x: "{{ fail .a }}"}}}}`,
			`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db, decodingStrategy: Base64}}]}`,
			`{secretStoreRef: {name: fake}, dataFrom: [{extract: {key: db, property: user}}]}`,
			`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}], target: {template: {data: {x: "{{ .a | atoi | toDate }}"}}}}`,
			`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}], target: {template: {templateFrom: [{literal: "[{{ .a }}"}]}}}`,
			`{secretStoreRef: {name: fake}, dataFrom: [{extract: {key: db}, rewrite: [{merge: {}}]}]}`,
			`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}], target: {template: {metadata: {labels: {x: "{{ .a }}"}}}}}`,
		} {
			applyIn(ctx, ns, externalSecret(spec))
			var es esv1.ExternalSecret
			Eventually(ready(ctx, &es, ns, "wrong")).Should(haveStatus(metav1.ConditionFalse), spec)
		}
		expectSecrecy(ctx)
	})

	It("stands in no metric", func(ctx context.Context) {
		ports, err := env.FreePorts(ctx, 1)
		Expect(err).NotTo(HaveOccurred())
		address := "127.0.0.1:" + ports[0]
		Expect(operator.Stop()).To(Succeed())
		operator, err = world.StartOperator(ctx, "--metrics-addr", address)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() (string, error) { return get(ctx, "http://"+address+"/metrics") }).Should(ContainSubstring("externalsecret_status_condition"))
		Expect(get(ctx, "http://"+address+"/metrics")).NotTo(ContainSubstring(canary))
	})
})

// What fails at the end of the suite fails for what any scenario has done.
var _ = AfterSuite(func(ctx context.Context) {
	if operator != nil {
		expectSecrecy(ctx)
	}
})

// expectSecrecy expects that no chosen value stands in the operator's log, in an event or in a status.
func expectSecrecy(ctx context.Context) {
	GinkgoHelper()
	log, err := operator.Log()
	Expect(err).NotTo(HaveOccurred())
	Expect(log).NotTo(Or(ContainSubstring(canary), BeEmpty()))
	for _, kinds := range []string{"events", "events.events.k8s.io"} {
		Expect(kubectl(ctx, "get", kinds, "-A", "-o", "yaml")).NotTo(ContainSubstring(canary))
	}
	statuses := kubectl(ctx, "get", "externalsecrets,pushsecrets,secretstores,clustersecretstores", "-A", "-o", "jsonpath={.items[*].status}")
	Expect(statuses).NotTo(Or(ContainSubstring(canary), BeEmpty()))
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
