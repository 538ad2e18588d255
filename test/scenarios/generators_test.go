package scenarios_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// issuer is an endpoint that issues a token to whoever shows the right credentials, and counts them.
type issuer struct {
	*httptest.Server

	issued atomic.Int64
}

func startIssuer() *issuer {
	i := &issuer{}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("user") != "CANARY user&" || r.Header.Get("Authorization") != "Bearer CANARY-api-key" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"token":"CANARY-issued-%d","expires":3600}}`, i.issued.Add(1))
	}))
	return i
}

// authority is the certificate of the endpoint, in PEM.
func (i *issuer) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
}

// spec is that of a Webhook which uses the endpoint.
func (i *issuer) spec() string {
	return `{method: POST, url: "` + i.URL + `/?user={{ .login.user }}", headers: {Authorization: "Bearer {{ index .login \"api-key\" }}"},
  body: "{}", result: {jsonPath: $.data}, secrets: [{name: login, secretRef: {name: login}}], caProvider: {type: ConfigMap, name: issuer, key: ca}}`
}

// material is what the generators refer to, in the namespace in which they are used.
func (i *issuer) material() string {
	return `---
apiVersion: v1
kind: Secret
metadata: {name: login, labels: {external-secrets.io/type: webhook}}
stringData: {user: "CANARY user&", api-key: CANARY-api-key}
---
apiVersion: v1
kind: Secret
metadata: {name: seed}
stringData: {seed: CANARYCANARYCANA}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: issuer}
binaryData: {ca: ` + base64.StdEncoding.EncodeToString(i.authority()) + `}
`
}

// generatorObject is a generator of the namespace, and clusterGenerator the same for all namespaces.
func generatorObject(kind, name, spec string) string {
	return "---\napiVersion: generators.external-secrets.io/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func clusterGenerator(kind, field, name, spec string) string {
	return generatorObject("ClusterGenerator", name, "{kind: "+kind+", generator: {"+field+": "+spec+"}}")
}

var _ = Describe("a generator", Label("generators"), Ordered, func() {
	var endpoint *issuer

	BeforeAll(func() {
		endpoint = startIssuer()
		DeferCleanup(endpoint.Close)
	})

	DescribeTable("of each kind works by itself and in a ClusterGenerator, for ExternalSecrets and for PushSecrets",
		func(ctx context.Context, kind, field, spec string, want map[string]any) {
			if kind == "Webhook" {
				spec = endpoint.spec()
			}
			name := "generate-" + strings.ToLower(kind)
			ns := namespace(ctx, name)
			ref := func(kind, name string) string { return "{kind: " + kind + ", name: " + name + "}" }
			applyIn(ctx, ns, endpoint.material()+granted(ns, "keeper", "[get, create, patch]")+kubernetesStore(ns, "keeper", "")+
				generatorObject(kind, "own", spec)+clusterGenerator(kind, field, name, spec)+
				externalSecret(`{target: {name: own}, dataFrom: [{sourceRef: {generatorRef: `+ref(kind, "own")+`}}]}`)+"\n"+
				strings.Replace(
					externalSecret(`{target: {name: shared}, dataFrom: [{sourceRef: {generatorRef: `+ref("ClusterGenerator", name)+`}}]}`),
					"name: wrong", "name: shared", 1)+"\n"+
				pushSecret(`{refreshInterval: "0", secretStoreRefs: [{name: store}], selector: {generatorRef: `+ref("ClusterGenerator", name)+`},
  data: [`+pushedKeys(want)+`]}`))
			matcher := func() OmegaMatcher {
				all := []OmegaMatcher{HaveLen(len(want))}
				for key, value := range want {
					all = append(all, HaveKeyWithValue(key, value))
				}
				return SatisfyAll(all...)
			}
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionTrue))
			Expect(texts(secret(ctx, ns, "own").Data)).To(matcher())
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "shared")).Should(haveStatus(metav1.ConditionTrue))
			Expect(texts(secret(ctx, ns, "shared").Data)).To(matcher())
			Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "push")).Should(haveStatus(metav1.ConditionTrue))
			Expect(texts(secret(ctx, ns, "pushed").Data)).To(matcher())
		},
		Entry("Password", "Password", "passwordSpec", "{length: 30, allowRepeat: true}", map[string]any{"password": HaveLen(30)}),
		Entry("UUID", "UUID", "uuidSpec", "{}", map[string]any{"uuid": HaveLen(36)}),
		Entry("Fake", "Fake", "fakeSpec", "{data: {a: CANARY-fake}}", map[string]any{"a": Equal("CANARY-fake")}),
		Entry("SSHKey", "SSHKey", "sshKeySpec", "{keyType: ecdsa, keySize: 384, comment: a@b}", map[string]any{
			"privateKey": HavePrefix("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
			"publicKey":  SatisfyAll(HavePrefix("ecdsa-sha2-nistp384 "), HaveSuffix(" a@b\n")),
		}),
		Entry("MFA", "MFA", "mfaSpec", "{secret: {name: seed, key: seed}, algorithm: SHA256, length: 8}", map[string]any{
			"token": MatchRegexp(`^\d{8}$`), "timeLeft": MatchRegexp(`^([1-9]|[12]\d|30)$`),
		}),
		Entry("Webhook", "Webhook", "webhookSpec", "", map[string]any{
			"token": HavePrefix("CANARY-issued-"), "expires": Equal("3600"),
		}),
	)

	It("of the kind Webhook is called when a value is due or asked for, and not because of a label", func(ctx context.Context) {
		ns := namespace(ctx, "generate-once")
		before := endpoint.issued.Load()
		calls := func() int64 { return endpoint.issued.Load() - before }
		applyIn(ctx, ns, endpoint.material()+generatorObject("Webhook", "own", endpoint.spec())+
			externalSecret(`{refreshInterval: 1h, dataFrom: [{sourceRef: {generatorRef: {kind: Webhook, name: own}}}]}`))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionTrue))
		Expect(calls()).To(Equal(int64(1)))
		kubectl(ctx, "label", "externalsecret", "-n", ns, "wrong", "team=orders")
		// What is asked for comes after the change of the label: both together are one call more.
		kubectl(ctx, "annotate", "externalsecret", "-n", ns, "wrong", "force-sync=now")
		Eventually(func() string { return string(secret(ctx, ns, "wrong").Data["token"]) }).Should(Equal(fmt.Sprintf("CANARY-issued-%d", before+2)))
		Expect(calls()).To(Equal(int64(2)))
	})

	It("of the kind Webhook sends no Secret that is not labelled for it, and says how to label it", func(ctx context.Context) {
		ns := namespace(ctx, "generate-label")
		applyIn(ctx, ns, strings.Replace(endpoint.material(), ", labels: {external-secrets.io/type: webhook}", "", 1)+
			generatorObject("Webhook", "own", endpoint.spec())+
			externalSecret(`{dataFrom: [{sourceRef: {generatorRef: {kind: Webhook, name: own}}}]}`))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse),
			say(`spec.secrets[0].secretRef: secret "generate-label/login" may not be used by a Webhook`, "external-secrets.io/type: webhook")))
		kubectl(ctx, "label", "secret", "-n", ns, "login", "external-secrets.io/type=webhook")
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "wrong")).Should(haveStatus(metav1.ConditionTrue))
	})

	It("of the kind Webhook works as its page shows it", func(ctx context.Context) {
		ns := namespace(ctx, "page-generator-webhook")
		shown := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			if r.URL.Path != "/tokens" || r.URL.Query().Get("user") != "shop" || user != "shop" || password != "not-a-secret" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = w.Write([]byte(`{"data": {"token": "abc", "expires": 3600}}`))
		}))
		DeferCleanup(shown.Close)
		p := readPage("docs/generators/webhook.md")
		applyIn(ctx, ns, strings.Replace(p.manifests, "https://issuer.example.com", shown.URL, 1))
		Expect(texts(secret(ctx, ns, "issued").Data)).To(Equal(map[string]string{"token": "abc", "expires": "3600"}))
	})
})

// pushedKeys are entries that push each of the given keys into the Secret pushed.
func pushedKeys(keys map[string]any) string {
	var all []string
	for key := range keys {
		all = append(all, "{match: {secretKey: "+key+", remoteRef: {remoteKey: pushed, property: "+key+"}}}")
	}
	return strings.Join(all, ", ")
}
