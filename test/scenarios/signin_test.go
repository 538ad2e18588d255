package scenarios_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// signingIn is a store of a namespace with the given server and identity, as fields of its provider.
func signingIn(kind, name, ns, fields string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ` + kind + `
metadata:
  name: ` + name + `
spec:
  provider:
    kubernetes:
      remoteNamespace: ` + ns + `
` + fields
}

// user is an ExternalSecret that takes the value v from a store.
func user(name, kind, store string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: ` + name + `}
spec:
  secretStoreRef: {kind: ` + kind + `, name: ` + store + `}
  data: [{secretKey: v, remoteRef: {key: remote, property: v}}]
`
}

// kept is a Secret with one key.
func kept(name, key, value string) string {
	return fmt.Sprintf("---\n{apiVersion: v1, kind: Secret, metadata: {name: %s}, stringData: {%s: %s}}\n", name, key, strconv.Quote(value))
}

func encoded(text []byte) string { return base64.StdEncoding.EncodeToString(text) }

// tokenOf returns a token of a ServiceAccount, and the kubeconfig that holds it.
func tokenOf(ctx context.Context, ns, account string) (token, kubeconfig string) {
	GinkgoHelper()
	path, err := world.KubeconfigFor(ctx, ns, account)
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.BuildConfigFromFlags("", path)
	Expect(err).NotTo(HaveOccurred())
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return config.BearerToken, string(content)
}

var _ = Describe("a Kubernetes store", Label("stores", "signin"), func() {
	It("is reached with every identity and every form of a certificate authority", func(ctx context.Context) {
		ns := namespace(ctx, "signin-forms")
		applyIn(ctx, ns, remote("one")+granted(ns, "reader", "[get]"))
		token, kubeconfig := tokenOf(ctx, ns, "reader")
		authority := string(world.Config.CAData)
		applyIn(ctx, ns, kept("token", "token", token)+kept("config", "kubeconfig", kubeconfig)+kept("ca", "ca.crt", authority)+
			kept("pair", "crt", string(world.Config.CertData))+kept("pair-key", "key", string(world.Config.KeyData))+
			"---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: ca}, data: {ca.crt: "+strconv.Quote(authority)+"}}\n")
		bundle := encoded(world.Config.CAData)
		server := func(ca string) string { return "      server: {url: \"" + world.Config.Host + "\"" + ca + "}\n" }
		const (
			byToken   = "      auth: {token: {bearerToken: {name: token, key: token}}}\n"
			byAccount = "      auth: {serviceAccount: {name: reader}}\n"
			byPair    = "      auth: {cert: {clientCert: {name: pair, key: crt}, clientKey: {name: pair-key, key: key}}}\n"
		)
		stores := map[string]string{
			"config-map":      server(", caProvider: {type: ConfigMap, name: ca, key: ca.crt}") + byAccount,
			"published":       server(", caProvider: {type: ConfigMap, name: kube-root-ca.crt, key: ca.crt}") + byToken,
			"secret":          server(", caProvider: {type: Secret, name: ca, key: ca.crt}") + byPair,
			"bundle":          server(", caBundle: "+bundle) + byToken,
			"bundle-twice":    server(", caBundle: "+encoded([]byte(bundle))) + byAccount,
			"kubeconfig":      "      authRef: {name: config, key: kubeconfig}\n",
			"own-server":      byAccount,
			"own-server-name": "      server: {url: kubernetes.default}\n" + byToken,
			"own-namespace":   "      auth: {serviceAccount: {name: reader, namespace: signin-forms}}\n",
		}
		var manifests []string
		for name, fields := range stores {
			manifests = append(manifests, signingIn("SecretStore", name, ns, fields), user(name, "SecretStore", name))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		for name := range stores {
			Eventually(valueOf(ctx, ns, name)).Should(Equal("one"), name)
			var s esv1.SecretStore
			Eventually(ready(ctx, &s, ns, name)).Should(SatisfyAll(HaveField("Reason", esv1.ReasonStoreValid), say("store validated")), name)
			Expect(s.Status.Capabilities).To(Equal(esv1.CapabilityReadWrite))
		}
		Expect(kubectl(ctx, "get", "ss", "-n", ns, "bundle")).To(MatchRegexp(
			`^NAME +AGE +STATUS +CAPABILITIES +READY\nbundle +\S+ +Valid +ReadWrite +True\n`))
		Eventually(eventsOf(ctx, ns, "config-map")).Should(ContainSubstring("Normal Valid store validated"))
	})

	It("says what is wrong with its address, its authority or its identity", func(ctx context.Context) {
		ns := namespace(ctx, "signin-wrong")
		const token = "      auth: {token: {bearerToken: {name: token, key: token}}}\n"
		ca := func(ca string) string {
			return "      server: {url: \"" + world.Config.Host + "\"" + ca + "}\n" + token
		}
		other, _, err := cert.GenerateSelfSignedCertKey("other", nil, nil)
		Expect(err).NotTo(HaveOccurred())
		type mistake struct {
			kind, fields string
			says         []string
		}
		store := func(fields string, says ...string) mistake { return mistake{"SecretStore", fields, says} }
		but := func(old, replacement string) string { return strings.Replace(token, old, replacement, 1) }
		wrong := map[string]mistake{
			"authority":    store(ca(", caBundle: "+encoded(other)), "signed by an unknown authority", "server.caBundle or server.caProvider"),
			"no-authority": store(ca(""), "signed by an unknown authority"),
			"malformed":    store(ca(", caBundle: "+encoded([]byte("text"))), "server.caBundle holds no certificate"),
			"ca-key": store(ca(", caProvider: {type: ConfigMap, name: kube-root-ca.crt, key: no.crt}"),
				`config map "signin-wrong/kube-root-ca.crt" has no key "no.crt"`),
			"ca-namespace": store(ca(", caProvider: {type: ConfigMap, name: a, key: b, namespace: default}"),
				"caProvider.namespace must be empty in a SecretStore"),
			"address": store("      server: {url: \"https://127.0.0.1:1\"}\n"+token,
				"the API server at https://127.0.0.1:1 cannot be reached: connection refused"),
			"token":     store(token, "refuses the store's credentials"),
			"no-secret": store(but("name: token", "name: none"), "auth.token.bearerToken", `secret "signin-wrong/none" does not exist`),
			"no-key":    store(but("key: token", "key: none"), `secret "signin-wrong/token" has no key "none"`),
			"elsewhere": store(but("key: token", "key: token, namespace: default"),
				"auth.token.bearerToken.namespace must be empty or the namespace of the SecretStore"),
			"account": store("      auth: {serviceAccount: {name: a, namespace: default}}\n", "auth.serviceAccount.namespace must be empty or"),
			"no-auth": store("", "auth must be set"),
			"config":  store("      authRef: {name: token, key: token}\n", "authRef points to a value that is not a kubeconfig"),
			"signin-wrong": {
				"ClusterSecretStore",
				"      server: {caProvider: {type: ConfigMap, name: a, key: b}}\n" + but("key: token", "key: token, namespace: signin-wrong"),
				[]string{"caProvider.namespace must not be empty in a ClusterSecretStore"},
			},
		}
		manifests := []string{kept("token", "token", "CANARY-token")}
		for name, w := range wrong {
			manifests = append(manifests, signingIn(w.kind, name, ns, w.fields), user(name, w.kind, name))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		for name, w := range wrong {
			var object anyStore = &esv1.SecretStore{}
			in := ns
			if w.kind == esv1.KindClusterSecretStore {
				object, in = &esv1.ClusterSecretStore{}, ""
			}
			Eventually(ready(ctx, object, in, name)).Should(SatisfyAll(
				haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1.ReasonInvalidProviderConfig), say(w.says...)), name)
			Expect(object.StoreStatus().Capabilities).To(Equal(esv1.CapabilityReadWrite), name)
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSyncedError, append(w.says, fmt.Sprintf("%s %q", w.kind, name))...)
		}
		Eventually(eventsOf(ctx, ns, "no-secret")).Should(ContainSubstring("Warning InvalidProviderConfig"))
		kubectl(ctx, "delete", "clustersecretstore", "signin-wrong")
	})

	It("recovers by itself with all that uses it", func(ctx context.Context) {
		ns := namespace(ctx, "signin-recovers")
		applyIn(ctx, ns, remote("one")+signingIn("SecretStore", "store", ns, "      auth: {token: {bearerToken: {name: late, key: token}}}\n")+
			user("app", "SecretStore", "store")+strings.Replace(user("find", "SecretStore", "store"),
			"data: [{secretKey: v, remoteRef: {key: remote, property: v}}]", "dataFrom: [{find: {name: {regexp: ^remote$}}}]", 1))
		externalSecretOf(ctx, ns, "app", esv1.ReasonSecretSyncedError, `secret "signin-recovers/late" does not exist`)
		applyIn(ctx, ns, granted(ns, "reader", "[get]"))
		token, _ := tokenOf(ctx, ns, "reader")
		applyIn(ctx, ns, kept("late", "other", token))
		externalSecretOf(ctx, ns, "app", esv1.ReasonSecretSyncedError, `has no key "token"`)
		applyIn(ctx, ns, kept("late", "token", token))
		Eventually(valueOf(ctx, ns, "app")).Should(Equal("one"))
		externalSecretOf(ctx, ns, "find", esv1.ReasonSecretSyncedError,
			`"system:serviceaccount:signin-recovers:reader" may not list secrets in namespace "signin-recovers"`, `the verb "list"`)
		applyIn(ctx, ns, granted(ns, "reader", "[get, list]"))
		externalSecretOf(ctx, ns, "find", esv1.ReasonSecretSynced)
	})
})

// anyStore is a store of either kind.
type anyStore interface {
	client.Object
	esv1.GenericStore
}
