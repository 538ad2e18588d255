package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

const (
	// sourcesNamespace holds the ExternalSecrets of these scenarios, remoteNamespace the Secrets that they read, so that
	// no search finds what another one has delivered.
	sourcesNamespace = "sources"
	remoteNamespace  = "sources-remote"
)

// sourceCase is an ExternalSecret, and what becomes of it.
type sourceCase struct {
	// name of the ExternalSecret and its target.
	name string
	// spec is the YAML of its spec.
	spec string
	// want is all data of the target: strings, or matchers of a string. Nil when no target is to be made.
	want map[string]any
	// says are parts of the message of the Ready condition. Without want, the condition is False, unless reason is set.
	says []string
	// reason of a Ready condition that is True although there is no target.
	reason string
}

// manifest is what a user applies.
func (c sourceCase) manifest() string {
	return "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: " + c.name +
		"\nspec:\n  " + strings.ReplaceAll(strings.TrimSpace(c.spec), "\n", "\n  ") + "\n"
}

func (c sourceCase) expect(ctx context.Context) {
	GinkgoHelper()
	status, reason := metav1.ConditionTrue, esv1.ReasonSecretSynced
	switch {
	case c.reason != "":
		reason = c.reason
	case c.want == nil:
		status, reason = metav1.ConditionFalse, esv1.ReasonSecretSyncedError
	}
	var es esv1.ExternalSecret
	Eventually(ready(ctx, &es, sourcesNamespace, c.name)).Should(SatisfyAll(haveStatus(status), HaveField("Reason", reason), say(c.says...)))
	if c.want == nil {
		var none corev1.Secret
		err := world.Client.Get(ctx, types.NamespacedName{Namespace: sourcesNamespace, Name: c.name}, &none)
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the target is there: %v", err)
		return
	}
	got := texts(secret(ctx, sourcesNamespace, c.name).Data)
	for key, want := range c.want {
		Expect(got).To(HaveKeyWithValue(key, want))
	}
	Expect(got).To(HaveLen(len(c.want)), "there is more than was asked for")
}

// sourceStores are what the scenarios read from: a store of Secrets, one of values, and one of values for all namespaces.
const sourceStores = `---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: kubernetes}
spec:
  provider:
    kubernetes:
      remoteNamespace: sources-remote
      server:
        url: https://kubernetes.default
        caProvider: {type: ConfigMap, name: kube-root-ca.crt, key: ca.crt}
      auth:
        serviceAccount: {name: reader}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: fake}
spec:
  provider:
    fake:
      data:
        - key: foo
          value: CANARY-v0
        - key: foo
          value: CANARY-v1
          version: v1
        - key: foo
          value: CANARY-v2
          version: v2
        - key: empty
          value: ""
        - key: people
          value: |
            {
              "name": {"first": "CANARY-Tom", "last": "Anderson"},
              "friends": [
                {"first": "CANARY-Dale", "age": 44},
                {"first": "CANARY-Roger", "age": 68}
              ],
              "port": 5432, "ratio": 1.50, "on": true, "none": null, "html": "<CANARY>&"
            }
        - key: odd-keys
          value: '{"foo/bar": "CANARY-1", "foo$baz": "CANARY-2", "some[0]": "CANARY-3", "grün": "CANARY-4", "": "CANARY-5"}'
        - key: colliding-keys
          value: '{"a/b": "CANARY-1", "a b": "CANARY-2"}'
        - key: path/to/my/secrets/username
          value: CANARY-user
        - key: path/to/my/secrets/password
          value: CANARY-password
        - key: collide/a
          value: CANARY-1
        - key: collide_a
          value: CANARY-2
        - key: encoded
          value: '{"name":"Q0FOQVJZLW5hbWU=","url":"Q0FOQVJZPz8_Pj4-","text":"CANARY, not encoded","bare":"Q0FOQVJZLWJhcmU","number":"1234"}'
        - key: dated
          value: '{"a": "CANARY-old"}'
          version: v1
        - key: dated
          value: '{"a": "CANARY-new"}'
          version: v2
        - key: broken
          value: '{"a": "CANARY"'
        - key: mongo-credentials
          value: '{"username": "CANARY-mongo", "port": 27017, "options": {"tls": true}}'
        - key: redis-credentials
          value: '{"host": "CANARY-redis", "port": 6379}'
---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: sources-cluster}
spec:
  conditions: [{namespaces: [sources]}]
  provider:
    fake:
      data:
        - key: foo
          value: CANARY-cluster
        - key: login
          value: '{"username":"CANARY-cluster-user","password":"CANARY-cluster-password"}'
---
apiVersion: generators.external-secrets.io/v1alpha1
kind: Password
metadata: {name: password}
spec: {length: 30, digits: 5, symbols: 5, symbolCharacters: "-_$", noUpper: false, allowRepeat: true}
---
apiVersion: generators.external-secrets.io/v1alpha1
kind: UUID
metadata: {name: uuid}
---
apiVersion: generators.external-secrets.io/v1alpha1
kind: Fake
metadata: {name: values}
spec: {data: {foo: CANARY-generated-foo, bar: CANARY-generated-bar}}
---
apiVersion: generators.external-secrets.io/v1alpha1
kind: ClusterGenerator
metadata: {name: sources-password}
spec: {kind: Password, generator: {passwordSpec: {length: 12, digits: 3, symbols: 0, allowRepeat: true, secretKeys: [reader, writer]}}}
`

// remoteSecrets are in the other namespace. They are applied on the server's side, so that no annotation repeats them.
const remoteSecrets = `---
apiVersion: v1
kind: Secret
metadata:
  name: database
  labels: {app.kubernetes.io/name: postgres, team: red, tier: data}
  annotations: {note: "<CANARY>", example.com/config: '{"a":{"b":"CANARY-deep"}}'}
stringData:
  username: CANARY-admin
  password: CANARY-s3cret
  tls.crt: CANARY-exact
  tls: '{"crt": "CANARY-path"}'
  empty: ""
  list: '["CANARY-zero", {"k": "CANARY-one"}]'
  doc: |
    {"port": 5432, "big": 12345678901234567890, "on": true, "none": null, "ratio": 0.5,
     "user": {"name": "CANARY-nested", "a.b": "CANARY-dotted"}, "roles": ["x", "y"]}
data:
  binary: AP8A/6yrKCE=
---
apiVersion: v1
kind: Secret
metadata: {name: whole, labels: {team: blue}}
stringData: {z: CANARY-last, a: "<CANARY>&'\""}
data: {b: /0NBTkFSWQ==}
---
apiVersion: v1
kind: Secret
metadata: {name: tls-one, labels: {app: nginx, tier: web}}
stringData: {token: CANARY-one}
---
apiVersion: v1
kind: Secret
metadata: {name: tls-two, labels: {app: nginx}}
stringData: {token: CANARY-two, extra: CANARY-extra}
---
apiVersion: v1
kind: Secret
metadata: {name: encoded}
stringData: {plain: Q0FOQVJZ, text: "CANARY!"}
`

var _ = Describe("what the sources of an ExternalSecret yield", Ordered, ContinueOnFailure, Label("sources"), func() {
	BeforeAll(func(ctx context.Context) {
		namespace(ctx, sourcesNamespace)
		namespace(ctx, remoteNamespace)
		applyRemote(ctx, remoteSecrets+largeSecret()+rightsToRead)
		manifests := []string{sourceStores + "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader}}\n"}
		for _, c := range allSourceCases() {
			manifests = append(manifests, c.manifest())
		}
		applyIn(ctx, sourcesNamespace, strings.Join(manifests, ""))
	})
	for _, c := range allSourceCases() {
		It(c.name, func(ctx context.Context) { c.expect(ctx) })
	}
})

func allSourceCases() []sourceCase {
	var all []sourceCase
	for _, cases := range [][]sourceCase{
		dataCases(), metadataCases(), decodingCases(), storeCases(), extractCases(),
		findCases(), rewriteCases(), mergeCases(), generatorCases(), absenceCases(),
	} {
		all = append(all, cases...)
	}
	return all
}

func applyRemote(ctx context.Context, manifests string) {
	GinkgoHelper()
	_, err := world.Kubectl(ctx, strings.NewReader(manifests), "apply", "--server-side", "-n", remoteNamespace, "-f", "-")
	Expect(err).NotTo(HaveOccurred())
}

const rightsToRead = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
  - {apiGroups: [authorization.k8s.io], resources: [selfsubjectrulesreviews], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: sources}]
`
