package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// fakeStore holds one value, a JSON object.
const fakeStore = `
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: fake}
spec: {provider: {fake: {data: [{key: db, value: '{"user":"CANARY-user","password":"CANARY-password"}'}]}}}
`

// externalSecret is an ExternalSecret with the given spec.
func externalSecret(spec string) string {
	return "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: wrong}\nspec: " + spec
}

// password is a Password with the given spec.
func password(spec string) string {
	return "---\napiVersion: generators.external-secrets.io/v1alpha1\nkind: Password\nmetadata: {name: p}\nspec: " + spec + "\n"
}

// mistake is wrong input, what a user reads about it, and what mends it.
type mistake struct {
	namespace string
	manifests string
	says      []string
	mend      string
}

var _ = DescribeTable("a mistake in an ExternalSecret is said, and mended without a further touch", Label("wrong-input"),
	func(ctx context.Context, m mistake) {
		ns := namespace(ctx, m.namespace)
		applyIn(ctx, ns, m.manifests)
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "wrong")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1.ReasonSecretSyncedError), say(m.says...)))
		applyIn(ctx, ns, m.mend)
		Eventually(ready(ctx, &es, ns, "wrong")).Should(haveStatus(metav1.ConditionTrue))
	},
	Entry("an unknown store", mistake{
		namespace: "wrong-store",
		manifests: externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}]}`),
		says:      []string{`SecretStore "fake" does not exist in namespace "wrong-store"`},
		mend:      fakeStore,
	}),
	Entry("a missing remote key", mistake{
		namespace: "wrong-key",
		manifests: fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: bd}}]}`),
		says:      []string{`spec.data[0] (key=bd)`, `SecretStore "fake"`, `key "bd" does not exist`},
		mend:      strings.Replace(fakeStore, "key: db", "key: bd", 1),
	}),
	Entry("a missing property", mistake{
		namespace: "wrong-property",
		manifests: fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db, property: pw}}]}`),
		says:      []string{`spec.data[0] (key=db)`, `property "pw" does not exist in secret "db"`},
		mend:      strings.Replace(fakeStore, `"password"`, `"pw"`, 1),
	}),
	Entry("a template that cannot be parsed", mistake{
		namespace: "wrong-syntax",
		manifests: fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}],
  target: {template: {data: {url: "x\n{{ .a "}}}}`),
		says: []string{`spec.target.template.data`, `template "url", line 2: syntax error`},
		mend: externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}],
  target: {template: {data: {url: "x\n{{ .a }}"}}}}`),
	}),
	Entry("a template with a name that nothing yields", mistake{
		namespace: "wrong-name",
		manifests: fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}],
  target: {template: {data: {url: "{{ .b }}"}}}}`),
		says: []string{`template "url", line 1: no value for key "b" (known keys: a)`},
		mend: externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: b, remoteRef: {key: db}}],
  target: {template: {data: {url: "{{ .b }}"}}}}`),
	}),
	Entry("a template source that does not exist", mistake{
		namespace: "wrong-source",
		manifests: fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}],
  target: {template: {templateFrom: [{configMap: {name: texts, items: [{key: url}]}}]}}}`),
		says: []string{`spec.target.template.templateFrom[0]`, `configMap "texts" does not exist in namespace "wrong-source"`},
		mend: "{apiVersion: v1, kind: ConfigMap, metadata: {name: texts}, data: {url: 'x{{ .a }}'}}",
	}),
	Entry("an unknown kind of generator", mistake{
		namespace: "wrong-kind",
		manifests: externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Pasword, name: p}}}]}`),
		says:      []string{`spec.dataFrom[0]`, `there is no generator of kind "Pasword"`, `Password`},
		mend:      password("{length: 8}") + externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Password, name: p}}}]}`),
	}),
	Entry("a generator that does not exist", mistake{
		namespace: "wrong-generator",
		manifests: externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Password, name: p}}}]}`),
		says:      []string{`spec.dataFrom[0]`, `Password "p" does not exist in namespace "wrong-generator"`},
		mend:      password("{length: 8}"),
	}),
	Entry("a Password with more digits than characters", mistake{
		namespace: "wrong-digits",
		manifests: password("{length: 8, digits: 9, symbols: 0}") + externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Password, name: p}}}]}`),
		says:      []string{`Password "p"`, `spec.digits 9`, `spec.length 8`},
		mend:      password("{length: 9, digits: 9, symbols: 0}"),
	}),
)

// applyIn applies manifests without a namespace of their own in ns.
func applyIn(ctx context.Context, ns, manifests string) {
	GinkgoHelper()
	_, err := world.Kubectl(ctx, strings.NewReader(manifests), "apply", "-n", ns, "-f", "-")
	Expect(err).NotTo(HaveOccurred())
}

var _ = DescribeTable("the API server refuses what the schema can tell", Label("wrong-input", "schema"),
	func(ctx context.Context, manifest, says string, args ...string) {
		Expect(refused(ctx, manifest, args...)).To(ContainSubstring(says))
	},
	Entry("two providers in one store",
		`{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: two}, spec: {provider: {fake: {data: []}, kubernetes: {}}}}`,
		"spec.provider: Too many: 2: must have at most 1 item"),
	Entry("the capital letter of the article",
		`{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: capital}, spec: {provider: {Kubernetes: {}}}}`,
		`unknown field "spec.provider.Kubernetes"`),
	Entry("the same without validation by the client",
		`{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: capital}, spec: {provider: {Kubernetes: {}}}}`,
		"spec.provider", "--validate=false"),
	Entry("an unknown kind of store",
		externalSecret(`{secretStoreRef: {name: x, kind: Store}, data: [{secretKey: a, remoteRef: {key: b}}]}`),
		`spec.secretStoreRef.kind: Unsupported value: "Store"`),
	Entry("an interval in days",
		externalSecret(`{refreshInterval: 1d, data: [{secretKey: a, remoteRef: {key: b}}]}`),
		"spec.refreshInterval"),
	Entry("neither data nor dataFrom",
		externalSecret(`{secretStoreRef: {name: x}}`), "either data or dataFrom should be specified"),
	Entry("empty data",
		externalSecret(`{secretStoreRef: {name: x}, data: []}`), "either data or dataFrom should be specified"),
	Entry("the deletion of a target that others share",
		externalSecret(`{target: {creationPolicy: Merge, deletionPolicy: Delete}, data: [{secretKey: a, remoteRef: {key: b}}]}`),
		"deletionPolicy=Delete must not be used when the controller doesn't own the secret"),
	Entry("a merge into nothing",
		externalSecret(`{target: {creationPolicy: None, deletionPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: b}}]}`),
		"deletionPolicy=Merge must not be used with creationPolicy=None"),
	Entry("two sources in one entry of dataFrom",
		externalSecret(`{dataFrom: [{extract: {key: a}, find: {tags: {a: b}}}]}`),
		"extract, find, or generatorRef cannot be set at the same time"),
	Entry("a generator beside another source",
		externalSecret(`{dataFrom: [{extract: {key: a}, sourceRef: {generatorRef: {kind: Password, name: p}}}]}`),
		"extract, find, or generatorRef cannot be set at the same time"),
	Entry("an entry of dataFrom without a source",
		externalSecret(`{dataFrom: [{rewrite: [{regexp: {source: a, target: b}}]}]}`),
		"either extract, find, or sourceRef must be set to dataFrom"),
	Entry("a source reference to nothing",
		externalSecret(`{dataFrom: [{sourceRef: {}}]}`), "generatorRef or storeRef must be set when using sourceRef in dataFrom"),
	Entry("both kinds of authentication",
		`{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: both},
  spec: {provider: {kubernetes: {auth: {serviceAccount: {name: a}}, authRef: {name: b, key: c}}}}}`,
		"authRef and auth cannot both be set"),
)
