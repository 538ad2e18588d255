package scenarios_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// canary marks every secret value of the scenarios that is chosen and not generated.
const canary = "CANARY"

// markedSource holds marked values in many forms, as a Secret and as a store.
const markedSource = `
apiVersion: v1
kind: Secret
metadata: {name: source}
stringData:
  value: CANARY-value
  two: "CANARY-line\nCANARY-other"
  nul: "CANARY\0nul"
  kubeconfig: "CANARY: [not, YAML"
  exec: |
    {apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
     clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}],
     users: [{name: u, user: {exec: {apiVersion: CANARY-exec, command: CANARY-command}}}]}
  token: |
    {apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
     clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: CANARY-token}}]}
  url: |
    {apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
     clusters: [{name: c, cluster: {server: "https://CANARY-user:CANARY-password@127.0.0.1:1/?CANARY"}}], users: [{name: u, user: {token: t}}]}
  template: "x\n{{ CANARY-syntax"
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: marked}
spec:
  provider:
    fake:
      data:
        - {key: text, value: CANARY-text}
        - {key: list, value: '["CANARY-list"]'}
        - {key: broken, value: '{"CANARY-key": "CANARY-broken'}
        - {key: nested, value: '{"inner": {"CANARY-key": "CANARY-nested"}, "text": "CANARY-inner"}'}
        - {key: pem, value: "-----BEGIN PRIVATE KEY-----\nCANARY+pem==\n-----END PRIVATE KEY-----\n"}
---
`

var _ = Describe("a secret value", Label("secrecy"), Ordered, ContinueOnFailure, func() {
	DescribeTable("of a source is not told when an ExternalSecret fails", func(ctx context.Context, ns, spec string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, markedSource+externalSecret("{secretStoreRef: {name: marked}, "+spec+"}"))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionFalse))
	},
		Entry(nil, "canary-base64", `data: [{secretKey: a, remoteRef: {key: text, decodingStrategy: Base64}}]`),
		Entry(nil, "canary-base64url", `data: [{secretKey: a, remoteRef: {key: list, decodingStrategy: Base64URL}}]`),
		Entry(nil, "canary-property", `data: [{secretKey: a, remoteRef: {key: nested, property: inner.missing}}]`),
		Entry(nil, "canary-property-broken", `data: [{secretKey: a, remoteRef: {key: broken, property: x}}]`),
		Entry(nil, "canary-extract", `dataFrom: [{extract: {key: text}}]`),
		Entry(nil, "canary-extract-list", `dataFrom: [{extract: {key: list}}]`),
		Entry(nil, "canary-extract-broken", `dataFrom: [{extract: {key: broken}}]`),
		Entry(nil, "canary-extract-property", `dataFrom: [{extract: {key: nested, property: text}}]`),
		Entry(nil, "canary-extract-decode", `dataFrom: [{extract: {key: nested, decodingStrategy: Base64}}]`),
		Entry(nil, "canary-find-decode", `dataFrom: [{find: {name: {regexp: t}, decodingStrategy: Base64}}]`),
		Entry(nil, "canary-merge", `dataFrom: [{find: {name: {regexp: "text|list|broken"}}, rewrite: [{merge: {}}]}]`),
		Entry(nil, "canary-transform", `dataFrom: [{extract: {key: nested}, rewrite: [{transform: {template: "{{ fail .value }}"}}]}]`),
		Entry(nil, "canary-rewrite", `dataFrom: [{extract: {key: nested}, rewrite: [{regexp: {source: "^.*$", target: "a/b"}}]}]`),
		Entry(nil, "canary-store", `data: [{secretKey: a, remoteRef: {key: missing}}]`),
	)

	DescribeTable("of a template is not told when it fails", func(ctx context.Context, ns, template string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, markedSource+externalSecret(`{secretStoreRef: {name: marked}, data: [{secretKey: a, remoteRef: {key: text}},
  {secretKey: json, remoteRef: {key: nested}}, {secretKey: pem, remoteRef: {key: pem}}], target: {template: `+template+`}}`))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionFalse))
	},
		Entry(nil, "canary-fail", `{data: {x: "{{ fail .a }}"}}`),
		Entry(nil, "canary-number", `{data: {x: "{{ .a | atoi | toDate }}"}}`),
		Entry(nil, "canary-json", `{data: {x: "{{ .a | mustFromJson }}"}}`),
		Entry(nil, "canary-field", `{data: {x: "{{ .a.b }}"}}`),
		Entry(nil, "canary-index", `{data: {x: "{{ index .a 99 }}"}}`),
		Entry(nil, "canary-pattern", `{data: {x: "{{ mustRegexMatch (cat .a \"(\") .a }}"}}`),
		Entry(nil, "canary-semver", `{data: {x: "{{ semver .a }}"}}`),
		Entry(nil, "canary-url", `{data: {x: "{{ urlParse (cat .a \"://%\") }}"}}`),
		Entry(nil, "canary-decrypt", `{data: {x: "{{ decryptAES .a .a }}"}}`),
		Entry(nil, "canary-pem", `{data: {x: "{{ pemToPkcs12 .a .pem }}"}}`),
		Entry(nil, "canary-pkcs12", `{data: {x: "{{ pkcs12key .a }}"}}`),
		Entry(nil, "canary-chain", `{data: {x: "{{ filterCertChain .a .pem }}"}}`),
		Entry(nil, "canary-jwk", `{data: {x: "{{ jwkPublicKeyPem .json }}"}}`),
		Entry(nil, "canary-rsa", `{data: {x: "{{ rsaDecrypt .a .a .a .pem }}"}}`),
		Entry(nil, "canary-name", `{data: {x: "{{ template .a }}"}}`),
		Entry(nil, "canary-yaml", `{templateFrom: [{literal: "[{{ .a }}"}]}`),
		Entry(nil, "canary-yaml-type", `{templateFrom: [{literal: "x: {y: {{ .a }}}"}]}`),
		Entry(nil, "canary-yaml-key", `{templateFrom: [{literal: "{{ .a }}/x: y"}]}`),
		Entry(nil, "canary-values", `{templateFrom: [{literal: "x: {{ .a }}", valuesDecodingStrategy: Base64}]}`),
		Entry(nil, "canary-text", `{templateFrom: [{secret: {name: source, items: [{key: template}]}}]}`),
		Entry(nil, "canary-label", `{metadata: {labels: {x: "{{ .json }}"}}}`),
		Entry(nil, "canary-label-name", `{templateFrom: [{target: Labels, literal: "{{ .a }}/a/b: x"}]}`),
		Entry(nil, "canary-annotation-name", `{templateFrom: [{target: Annotations, literal: "{{ .a }}/a/b: x"}]}`),
		Entry(nil, "canary-annotation-size", `{metadata: {annotations: {x: "{{ repeat 30000 .a }}"}}}`),
		Entry(nil, "canary-docker", `{type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: "{{ .a }}"}}`),
		Entry(nil, "canary-tls", `{type: kubernetes.io/tls, data: {x: "{{ .a }}"}}`),
		Entry(nil, "canary-large", `{data: {x: "{{ repeat 60000 .a }}", y: "{{ repeat 60000 .a }}"}}`),
		Entry(nil, "canary-output", `{data: {x: "{{ repeat 900000 .a }}"}}`),
	)

	DescribeTable("of the credentials is not told when a store fails", func(ctx context.Context, ns, spec string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, markedSource+"{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: store}, spec: {provider: {kubernetes: "+
			spec+"}}}")
		Eventually(ready(ctx, &esv1.SecretStore{}, ns, "store")).Should(haveStatus(metav1.ConditionFalse))
	},
		Entry(nil, "canary-token", `{auth: {token: {bearerToken: {name: source, key: value}}}}`),
		Entry(nil, "canary-token-lines", `{auth: {token: {bearerToken: {name: source, key: two}}}}`),
		Entry(nil, "canary-token-nul", `{auth: {token: {bearerToken: {name: source, key: nul}}}}`),
		Entry(nil, "canary-token-away", `{server: {url: "https://127.0.0.1:1"}, auth: {token: {bearerToken: {name: source, key: value}}}}`),
		Entry(nil, "canary-cert", `{auth: {cert: {clientCert: {name: source, key: value}, clientKey: {name: source, key: two}}}}`),
		Entry(nil, "canary-authority", `{server: {caProvider: {type: Secret, name: source, key: value}}, auth: {serviceAccount: {name: default}}}`),
		Entry(nil, "canary-kubeconfig", `{authRef: {name: source, key: kubeconfig}}`),
		Entry(nil, "canary-kubeconfig-text", `{authRef: {name: source, key: value}}`),
		Entry(nil, "canary-kubeconfig-exec", `{authRef: {name: source, key: exec}}`),
		Entry(nil, "canary-kubeconfig-token", `{authRef: {name: source, key: token}}`),
		Entry(nil, "canary-kubeconfig-url", `{authRef: {name: source, key: url}}`),
	)

	DescribeTable("of a source is not told when a push fails", func(ctx context.Context, ns, more string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, markedSource+granted(ns, "keeper", "[get, list, watch, create, patch, delete]")+kubernetesStore(ns, "keeper", "")+
			pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: source}}, `+more+`}`))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "push")).Should(haveStatus(metav1.ConditionFalse))
	},
		Entry(nil, "canary-push-key", `data: [{match: {secretKey: missing, remoteRef: {remoteKey: k, property: p}}}]`),
		Entry(nil, "canary-push-property", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: "p/q"}}}]`),
		Entry(nil, "canary-push-name", `data: [{match: {secretKey: value, remoteRef: {remoteKey: "K/K", property: p}}}]`),
		Entry(nil, "canary-push-whole", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k}}}]`),
		Entry(nil, "canary-push-metadata", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: p}},
  metadata: {apiVersion: kubernetes.external-secrets.io/v1alpha1, kind: PushSecretMetadata, spec: {unknown: CANARY-metadata}}}]`),
		Entry(nil, "canary-push-metadata-type", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: p}},
  metadata: {apiVersion: kubernetes.external-secrets.io/v1alpha1, kind: PushSecretMetadata, spec: {labels: CANARY-metadata}}}]`),
		Entry(nil, "canary-push-label", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: p}}}],
  template: {metadata: {labels: {x: "{{ .two }}"}}}`),
		Entry(nil, "canary-push-template", `data: [{match: {secretKey: value, remoteRef: {remoteKey: k, property: p}}}],
  template: {data: {value: "{{ fail .two }}"}}`),
		Entry(nil, "canary-push-type", `data: [{match: {secretKey: x, remoteRef: {remoteKey: k, property: .dockerconfigjson}}}],
  template: {type: kubernetes.io/dockerconfigjson, data: {x: "{{ .value }}"}}`),
		Entry(nil, "canary-push-large", `data: [{match: {secretKey: x, remoteRef: {remoteKey: k, property: x}}},
  {match: {secretKey: z, remoteRef: {remoteKey: k, property: z}}}],
  template: {data: {x: "{{ repeat 60000 .value }}", z: "{{ repeat 60000 .value }}"}}`),
		Entry(nil, "canary-push-rewrite", `dataTo: [{storeRef: {name: store}, rewrite: [{transform: {template: "{{ fail .value }}"}}]}]`),
		Entry(nil, "canary-push-twice", `dataTo: [{storeRef: {name: store}, rewrite: [{regexp: {source: ".*", target: same}}]}]`),
	)

	DescribeTable("of a Secret is not told when a generator that uses it fails", func(ctx context.Context, ns, generator string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, markedSource+`
apiVersion: v1
kind: Secret
metadata: {name: sent, labels: {external-secrets.io/type: webhook}}
stringData: {value: CANARY-value, host: canary-CANARY.invalid, two: "CANARY-line\nCANARY-other"}
---
apiVersion: generators.external-secrets.io/v1alpha1
metadata: {name: f}
`+generator+externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: `+kindIn(generator)+`, name: f}}}]}`))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionFalse))
	},
		Entry(nil, "canary-seed", "kind: MFA\nspec: {secret: {name: source, key: value}}\n"),
		Entry(nil, "canary-webhook-url", webhookOf(`url: "http://127.0.0.1:1/{{ .s.value }}?{{ .s.value }}"`)),
		Entry(nil, "canary-webhook-user", webhookOf(`url: "http://CANARY-user:{{ .s.value }}@127.0.0.1:1/"`)),
		Entry(nil, "canary-webhook-host", webhookOf(`url: "http://{{ .s.host }}/"`)),
		Entry(nil, "canary-webhook-no-url", webhookOf(`url: "http://{{ .s.value }}:port"`)),
		Entry(nil, "canary-webhook-header", webhookOf(`url: "http://127.0.0.1:1", headers: {X: "{{ .s.two }}"}`)),
		Entry(nil, "canary-webhook-body", webhookOf(`url: "http://127.0.0.1:1", body: "{{ fail .s.value }}"`)),
		Entry(nil, "canary-webhook-authority", webhookOf(`url: "https://127.0.0.1:1", caProvider: {type: Secret, name: sent, key: value}`)),
	)

	It("is not told when a push meets somebody else's value, nor when a generator's value cannot be used", func(ctx context.Context) {
		ns := namespace(ctx, "canary-conflict")
		applyIn(ctx, ns, markedSource+granted(ns, "keeper", "[get, list, watch, create, patch]")+kubernetesStore(ns, "keeper", "")+
			"---\n{apiVersion: v1, kind: Secret, metadata: {name: theirs}, stringData: {p: CANARY-theirs}}\n"+
			pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: source}},
  data: [{match: {secretKey: value, remoteRef: {remoteKey: theirs, property: p}}}]}`)+`
---
apiVersion: generators.external-secrets.io/v1alpha1
kind: Fake
metadata: {name: f}
spec: {data: {"a/b": CANARY-generated}}
`+externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Fake, name: f}}}]}`))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "push")).Should(haveStatus(metav1.ConditionFalse))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionFalse))
	})

	It("stands in no log, event, status or metric after all of this", func(ctx context.Context) {
		for where, text := range public(ctx) {
			Expect(text).NotTo(BeEmpty(), where)
		}
		expectSecrecy(ctx)
	})
})

// webhookOf is a Webhook that uses the Secret sent as s, but for its name.
func webhookOf(spec string) string {
	return "kind: Webhook\nspec: {secrets: [{name: s, secretRef: {name: sent}}], " + spec + "}\n"
}

// kindIn is the kind in the first line of a manifest.
func kindIn(manifest string) string {
	line, _, _ := strings.Cut(manifest, "\n")
	return strings.TrimPrefix(line, "kind: ")
}

// What fails at the end of the suite fails for what any scenario has done.
var _ = AfterSuite(func(ctx context.Context) {
	if operator != nil {
		expectSecrecy(ctx)
	}
})

// public returns what more people can read than those who may read Secrets.
func public(ctx context.Context) map[string]string {
	GinkgoHelper()
	log, err := operator.Log()
	Expect(err).NotTo(HaveOccurred())
	var metrics string
	Eventually(func() (err error) {
		metrics, err = get(ctx, "http://"+metricsAddress+"/metrics")
		return err
	}).Should(Succeed())
	return map[string]string{
		"log": log, "metrics": metrics,
		"events":   kubectl(ctx, "get", "events,events.events.k8s.io", "-A", "-o", "yaml"),
		"statuses": kubectl(ctx, "get", strings.Join(kinds(), ","), "-A", "-o", "jsonpath={.items[*].status}"),
		"leases":   kubectl(ctx, "get", "generatorstates", "-A", "-o", "yaml"),
	}
}

// expectSecrecy expects that no value, chosen or generated, stands in the operator's log, in an event, a status or a metric.
func expectSecrecy(ctx context.Context) {
	GinkgoHelper()
	values := generatedValues(ctx)
	for where, text := range public(ctx) {
		for _, mark := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
			at := strings.Index(text, mark)
			Expect(at).To(Equal(-1), "a chosen value stands in the %s: %s", where, text[max(0, at-300):max(0, min(len(text), at+100))])
		}
		for name, value := range values {
			found := strings.Contains(text, value) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(value)))
			Expect(found).To(BeFalse(), "the value of %s stands in the %s", name, where)
		}
	}
}

// kinds are the names of all resources of the API.
func kinds() []string {
	GinkgoHelper()
	files, err := filepath.Glob(world.Path("config/crd/bases/*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, file := range files {
		for _, definition := range objectsOf(filepath.Join("config/crd/bases", filepath.Base(file))) {
			names = append(names, definition.GetName())
		}
	}
	Expect(len(names)).To(BeNumerically(">", 5))
	return names
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
