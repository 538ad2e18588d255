package scenarios_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
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
})

// What fails at the end of the suite fails for what any scenario has done.
var _ = AfterSuite(func(ctx context.Context) {
	if operator != nil {
		expectSecrecy(ctx)
	}
})

// expectSecrecy expects that no value, chosen or generated, stands in the operator's log, in an event, a status or a metric.
func expectSecrecy(ctx context.Context) {
	GinkgoHelper()
	log, err := operator.Log()
	Expect(err).NotTo(HaveOccurred())
	var metrics string
	Eventually(func() (err error) {
		metrics, err = get(ctx, "http://"+metricsAddress+"/metrics")
		return err
	}).Should(Succeed())
	Expect(metrics).To(ContainSubstring("externalsecret_status_condition"))
	public := map[string]string{
		"log": log, "metrics": metrics,
		"events":   kubectl(ctx, "get", "events,events.events.k8s.io", "-A", "-o", "yaml"),
		"statuses": kubectl(ctx, "get", strings.Join(readyKinds(), ","), "-A", "-o", "jsonpath={.items[*].status}"),
		"leases":   kubectl(ctx, "get", "generatorstates", "-A", "-o", "yaml"),
	}
	values := generatedValues(ctx)
	for where, text := range public {
		Expect(text).NotTo(BeEmpty(), where)
		Expect(strings.Contains(text, canary)).To(BeFalse(), "a chosen value stands in the %s", where)
		for name, value := range values {
			found := strings.Contains(text, value) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(value)))
			Expect(found).To(BeFalse(), "the value of %s stands in the %s", name, where)
		}
	}
}

// generatedValues returns the values of the walkthrough's Secrets, by their place.
func generatedValues(ctx context.Context) map[string]string {
	GinkgoHelper()
	var secrets corev1.SecretList
	Expect(world.Client.List(ctx, &secrets)).To(Succeed())
	values := map[string]string{}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		for key, value := range s.Data {
			if strings.HasPrefix(s.Namespace, "demo-") && len(value) >= generatedLength {
				values[s.Namespace+"/"+s.Name+"/"+key] = string(value)
			}
		}
	}
	return values
}

// generatedLength is the length of the passwords of the walkthrough. Shorter values are words that may stand anywhere.
const generatedLength = 42

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
