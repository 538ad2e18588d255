package scenarios_test

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

// passwordSafeLogin is the Secret that the page names, with what the server takes.
const passwordSafeLogin = `---
apiVersion: v1
kind: Secret
metadata: {name: passwordsafe}
stringData:
  clientId: ` + beyondtrust.PasswordSafeClientID + `
  clientSecret: ` + beyondtrust.PasswordSafeClientSecret + `
  apiKey: ` + beyondtrust.PasswordSafeAPIKey + `
`

var _ = Describe("Password Safe", Label("passwordsafe"), Ordered, func() {
	const ns = "page-passwordsafe"
	var server *beyondtrust.PasswordSafe

	// here lets manifests for the server of the page reach the one of the test.
	here := func(manifests string) string {
		return strings.ReplaceAll(manifests, "apiUrl: https://example.com/BeyondTrust/api/public/v3",
			"apiUrl: "+server.URL()+"\n        caBundle: "+base64.StdEncoding.EncodeToString(server.Authority()))
	}

	BeforeAll(func(ctx context.Context) {
		server = beyondtrust.NewPasswordSafe(clock.RealClock{})
		DeferCleanup(server.Close)
		server.AddFolder("applications")
		server.SetSecret("applications/shop", "api-token", beyondtrust.PasswordSafeSecret{Type: "Text", Value: "CANARY-token"})
		server.SetAccount("server01", "admin", "CANARY-account")
		namespace(ctx, ns)
	})

	It("delivers and takes what the page shows", func(ctx context.Context) {
		blocks := manifests("docs/providers/beyondtrust.md")
		Expect(blocks).To(HaveLen(2))
		applyIn(ctx, ns, passwordSafeLogin+"---\n"+here(strings.Join(blocks, "---\n"))+`---
apiVersion: v1
kind: Secret
metadata: {name: shop-database}
stringData: {password: CANARY-pushed}
`)
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "application")).Should(haveStatus(metav1.ConditionTrue))
		Expect(texts(secret(ctx, ns, "application").Data)).To(Equal(map[string]string{"token": "CANARY-token"}))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "shop-database")).Should(haveStatus(metav1.ConditionTrue))
		pushed := func() string {
			found, _ := server.Secret("applications", "shop-database")
			return found.Value
		}
		Expect(pushed()).To(Equal("CANARY-pushed"))
		kubectl(ctx, "patch", "secret", "shop-database", "--namespace", ns, "--patch", `{"stringData":{"password":"CANARY-changed"}}`)
		Eventually(pushed).Should(Equal("CANARY-changed"))
		writes := server.Counts().Writes
		kubectl(ctx, "annotate", "pushsecret", "shop-database", "--namespace", ns, "force-sync=1")
		kubectl(ctx, "delete", "pushsecret", "shop-database", "--namespace", ns)
		Eventually(pushed).Should(BeEmpty())
		Expect(server.Counts().Writes).To(Equal(writes+1), "it is deleted, and nothing is written in between")
	})

	It("keeps what was pushed when its folder is named in another way", func(ctx context.Context) {
		push := func(folder string) {
			GinkgoHelper()
			applyIn(ctx, ns, `---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: moved}
spec:
  secretStoreRefs: [{name: secrets-safe}]
  deletionPolicy: Delete
  selector: {secret: {name: shop-database}}
  data:
    - match: {secretKey: password, remoteRef: {remoteKey: moved}}
      metadata: {folder_name: `+folder+`}
`)
		}
		var ps esv1alpha1.PushSecret
		entries := func() (ids []string) {
			Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: "moved"}, &ps)).To(Succeed())
			return slices.Collect(maps.Keys(ps.Status.SyncedPushSecrets["SecretStore/secrets-safe"]))
		}
		pushed := func() bool { _, there := server.Secret("applications/shop", "moved"); return there }
		push("shop")
		Eventually(entries).Should(ConsistOf("moved@shop/moved"))
		Expect(pushed()).To(BeTrue())
		push("applications/shop")
		Eventually(entries).Should(ConsistOf("moved@applications/shop/moved"))
		Expect(pushed()).To(BeTrue())
		kubectl(ctx, "delete", "pushsecret", "moved", "--namespace", ns)
		Expect(pushed()).To(BeFalse())
	})

	It("lends managed accounts, and every request is checked in", func(ctx context.Context) {
		applyIn(ctx, ns, here(`---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata:
  name: accounts
spec:
  provider:
    beyondtrust:
      server:
        apiUrl: https://example.com/BeyondTrust/api/public/v3
        verifyCA: true
      auth:
        apiKey:
          secretRef:
            name: passwordsafe
            key: apiKey
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: account
spec:
  secretStoreRef:
    name: accounts
  refreshInterval: 1s
  target:
    name: account
    deletionPolicy: Delete
  data:
    - secretKey: password
      remoteRef:
        key: server01/admin
`))
		Expect(texts(secret(ctx, ns, "account").Data)).To(Equal(map[string]string{"password": "CANARY-account"}))
		server.SetAccount("server01", "admin", "CANARY-rotated")
		server.EndSessions()
		Eventually(func() map[string]string { return texts(secret(ctx, ns, "account").Data) }).
			Should(Equal(map[string]string{"password": "CANARY-rotated"}))
		server.Fail(beyondtrust.CallCredential, beyondtrust.PasswordSafeFailure{Status: 403})
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "account")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse), say("may need an approval")))
		Expect(texts(secret(ctx, ns, "account").Data)).To(Equal(map[string]string{"password": "CANARY-rotated"}), "denied is not gone")
		server.Recover()
		Eventually(ready(ctx, &es, ns, "account")).Should(haveStatus(metav1.ConditionTrue))
		kubectl(ctx, "delete", "externalsecret", "account", "--namespace", ns)
		Eventually(func() int { return server.Counts().OpenRequests }).Should(BeZero())
	})

	It("delivers and takes what the sample shows", func(ctx context.Context) {
		ns := namespace(ctx, "sample-passwordsafe")
		sample := here(strings.NewReplacer("clientId: 6138d050-e266-4b05-9ced-35e7dd5093ae", "clientId: "+beyondtrust.PasswordSafeClientID,
			"clientSecret: not-a-secret", "clientSecret: "+beyondtrust.PasswordSafeClientSecret).
			Replace(sampleIn(ns, "beyondtrust/passwordsafe.yaml")))
		applyIn(ctx, ns, sample)
		expectWorking(ctx, objectsIn(sample)...)
		Expect(texts(secret(ctx, ns, "from-passwordsafe").Data)).To(And(HaveLen(2), HaveKeyWithValue("api-token", "CANARY-token")))
	})

	It("says what is wrong with a store", func(ctx context.Context) {
		const somewhere = `server: {apiUrl: "https://h/BeyondTrust/api/public/v3", verifyCA: true}`
		for says, spec := range map[string]string{
			"set apiKey, or clientId and clientSecret": `{` + somewhere + `, auth: {clientId: {value: a}}}`,
			"set either value or secretRef":            `{` + somewhere + `, auth: {apiKey: {value: ""}}}`,
			"apiUrl":                                   `{server: {apiUrl: "https://h/api", verifyCA: true}, auth: {apiKey: {value: a}}}`,
			"verifyCA":                                 `{server: {apiUrl: "https://h/BeyondTrust/api/public/v3"}, auth: {apiKey: {value: a}}}`,
		} {
			Expect(refused(ctx, passwordSafeStore("refused", spec), "--namespace", ns)).To(ContainSubstring(says))
		}
		applyIn(ctx, ns, passwordSafeStore("wrong", `{server: {apiUrl: "`+server.URL()+`", verifyCA: false}, auth: {apiKey: {value: wrong}}}`)+
			passwordSafeStore("untrusted", `{server: {apiUrl: "`+server.URL()+`", verifyCA: true}, auth: {apiKey: {value: wrong}}}`))
		Eventually(ready(ctx, &esv1.SecretStore{}, ns, "wrong")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say("refuses to let the store sign in", "auth.apiKey")))
		Eventually(ready(ctx, &esv1.SecretStore{}, ns, "untrusted")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say("signed by an unknown authority", "server.caBundle")))
	})
})

func passwordSafeStore(name, spec string) string {
	return "---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: " + name + "}\nspec: {provider: {beyondtrust: " + spec + "}}\n"
}
