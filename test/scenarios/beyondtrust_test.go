package scenarios_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

var _ = Describe("credentials of BeyondTrust Workload Credentials", Label("generators", "beyondtrust"), func() {
	const (
		site, token = "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "CANARY-api-token"
		path        = "production/aws-temp"
		delivered   = "aws-temp-credentials"
	)
	var service *beyondtrust.WorkloadCredentials

	BeforeEach(func() {
		service = beyondtrust.NewWorkloadCredentials(site, token, clock.RealClock{})
		DeferCleanup(service.Close)
	})

	// here lets a manifest use the server of the test.
	here := func(manifest string) string {
		return strings.ReplaceAll(manifest, "https://api.beyondtrust.io/site", service.APIURL())
	}
	// prepared makes a namespace with the Secrets that the example needs.
	prepared := func(ctx context.Context, ns string) string {
		GinkgoHelper()
		present(ctx, ns)
		applyIn(ctx, ns, `---
apiVersion: v1
kind: Secret
metadata: {name: api-token}
stringData: {token: `+token+`}
---
apiVersion: v1
kind: Secret
metadata: {name: my-ca-bundle}
data: {ca.crt: `+base64.StdEncoding.EncodeToString(service.Authority())+`}
`)
		return ns
	}
	isReady := func(ctx context.Context, ns string) {
		GinkgoHelper()
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "app-aws-credentials")).Should(haveStatus(metav1.ConditionTrue))
	}
	// sum expects that each lease was given back, has ended, or is written down.
	sum := func(ctx context.Context) {
		GinkgoHelper()
		written := kubectl(ctx, "get", "generatorstates", "--all-namespaces", "-o", "jsonpath={.items[*].spec.state.leaseId}")
		for _, lease := range service.Leases() {
			if lease.Owed(time.Now()) {
				Expect(written).To(ContainSubstring(lease.ID))
			}
		}
	}

	DescribeTable("arrive as their pages show it", func(ctx context.Context, ns string, read func() string) {
		service.Define(path, beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour})
		prepared(ctx, ns)
		applyIn(ctx, ns, here(read()))
		isReady(ctx, ns)
		Expect(texts(secret(ctx, ns, delivered).Data)).To(SatisfyAll(HaveLen(5), HaveKeyWithValue("accessKeyId", HavePrefix("ASIA")),
			HaveKeyWithValue("secretAccessKey", HaveLen(40)), HaveKeyWithValue("sessionToken", HavePrefix("IQoJ")),
			HaveKeyWithValue("leaseId", HaveLen(36)), HaveKeyWithValue("expiration", MatchRegexp(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`))))
		Expect(service.Counts().Minted).To(Equal(1))

		expiration := string(secret(ctx, ns, delivered).Data["expiration"])
		Expect(kubectl(ctx, "get", "generatorstates", "-n", ns, "--no-headers")).To(ContainSubstring(expiration))
		until, err := time.Parse(time.RFC3339, expiration)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() (string, error) { return get(ctx, "http://"+metricsAddress+"/metrics") }).Should(MatchRegexp(
			`generatorstate_expiry_timestamp_seconds\{.*namespace="%s".*\} %s`, ns, regexp.QuoteMeta(strconv.FormatFloat(float64(until.Unix()), 'g', -1, 64))))
		kubectl(ctx, "delete", "externalsecret", "-n", ns, "app-aws-credentials")
		Eventually(func() string { return kubectl(ctx, "get", "generatorstates", "-n", ns, "-o", "name") }).Should(BeEmpty())
		sum(ctx)
	},
		Entry("BeyondTrust's", "beyondtrust-seed", func() string { return workloadCredentials }),
		Entry("ours", "external-secrets", func() string {
			return strings.Join(manifests("docs/generators/beyondtrustworkloadcredentialsdynamicsecret.md"), "---\n")
		}),
	)

	It("are a set of its own for each that refers to the generator, as BeyondTrust's other examples show", func(ctx context.Context) {
		service.Define("my/dynamic", beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour})
		ns := prepared(ctx, "beyondtrust-parts")
		applyIn(ctx, ns, here(workloadCredentialsParts))
		leases := map[string]string{}
		for name, target := range map[string]string{
			"often": "app-aws-credentials", "aws-credentials": "aws-temp-creds",
			"app-1-aws-creds": "app-1-aws-credentials", "app-2-aws-creds": "app-2-aws-credentials",
		} {
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, name)).Should(haveStatus(metav1.ConditionTrue))
			data := secret(ctx, ns, target).Data
			Expect(data).To(And(HaveLen(5), HaveKey("accessKeyId")))
			leases[string(data["leaseId"])] = name
		}
		Expect(leases).To(HaveLen(4))
		Expect(service.Counts().Minted).To(Equal(4))
	})

	It("are replaced before they end, and those of Azure are given back", func(ctx context.Context) {
		const lifetime = 12 * time.Second
		ns := prepared(ctx, "beyondtrust-short")
		service.Define(path, beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: lifetime})
		applyIn(ctx, ns, here(workloadCredentials))
		isReady(ctx, ns)

		seen, end := map[string]bool{}, time.Now().Add(3*lifetime)
		for time.Now().Before(end) {
			var s corev1.Secret
			Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: delivered}, &s)).To(Succeed())
			lease, now := string(s.Data["leaseId"]), time.Now()
			until, err := time.Parse(time.RFC3339, string(s.Data["expiration"]))
			Expect(err).NotTo(HaveOccurred())
			Expect(until).To(BeTemporally(">", now), "the Secret holds credentials that have ended")
			if !seen[lease] && len(seen) > 0 {
				Expect(service.Counts().Live).To(BeNumerically(">", 1), "the former ones ended before the new ones came")
			}
			seen[lease] = true
			time.Sleep(20 * time.Millisecond) // a time line is looked at
		}
		Expect(len(seen)).To(BeNumerically(">=", 4))
		Expect(service.Counts().Minted).To(BeNumerically("<=", len(seen)+1))

		kubectl(ctx, "delete", "externalsecret", "-n", ns, "app-aws-credentials")
		Eventually(func() int { return service.Counts().Live }).Should(BeZero())
		Expect(service.Counts().Revoked).To(BeNumerically(">", 0))
		sum(ctx)
	})

	It("cost one lease, whatever happens to the template, the write and the operator", func(ctx context.Context) {
		ns := prepared(ctx, "beyondtrust-once")
		service.Define(path, beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: time.Hour})
		apply(ctx, `apiVersion: v1
kind: ResourceQuota
metadata: {namespace: `+ns+`, name: full}
spec: {hard: {secrets: "0"}}
`)
		// The controller manager of the tests counts nothing.
		kubectl(ctx, "patch", "resourcequota", "-n", ns, "full", "--subresource=status", "--type=merge",
			"--patch", `{"status":{"hard":{"secrets":"0"},"used":{"secrets":"0"}}}`)
		applyIn(ctx, ns, here(workloadCredentials))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "app-aws-credentials")).Should(
			SatisfyAll(haveStatus(metav1.ConditionFalse), say("quota")))
		// Each of these is a try of its own.
		for i := range 3 {
			kubectl(ctx, "annotate", "externalsecret", "-n", ns, "app-aws-credentials", fmt.Sprintf("example.com/try-%d=again", i))
		}
		kubectl(ctx, "delete", "resourcequota", "-n", ns, "full")
		isReady(ctx, ns)
		lease := string(secret(ctx, ns, delivered).Data["leaseId"])

		for i := range 10 {
			kubectl(ctx, "patch", "externalsecret", "-n", ns, "app-aws-credentials", "--type=merge", "--patch", fmt.Sprintf(
				`{"spec":{"target":{"template":{"mergePolicy":"Merge","data":{"url":"%d:{{ .clientId }}"}}}}}`, i))
			Eventually(func() string { return string(secret(ctx, ns, delivered).Data["url"]) }).Should(HavePrefix("%d:", i))
			if i == 4 {
				Expect(operator.Kill()).To(Succeed())
				startOperator(ctx)
			}
		}
		isReady(ctx, ns)
		Expect(texts(secret(ctx, ns, delivered).Data)).To(SatisfyAll(HaveLen(7), HaveKeyWithValue("leaseId", lease)))
		Expect(service.Counts().Minted).To(Equal(1))
		sum(ctx)
	})

	It("that cannot be had are said, with what to check, and had when that is mended", func(ctx context.Context) {
		ns := prepared(ctx, "beyondtrust-wrong")
		applyIn(ctx, ns, here(workloadCredentials))
		failed := func(parts ...string) {
			GinkgoHelper()
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "app-aws-credentials")).Should(
				SatisfyAll(haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1.ReasonSecretSyncedError), say(parts...)))
		}
		again := func(value string) {
			kubectl(ctx, "annotate", "--overwrite", "externalsecret", "-n", ns, "app-aws-credentials", "force-sync="+value)
		}
		failed(`dynamic secret "production/aws-temp" does not exist`, "spec.provider.folderPath (folder/secretName)")
		service.Define(path, beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour, Fields: map[string]any{"secretAccessKey": ""}})
		again("empty")
		failed("the answer has no secretAccessKey", "the API token may generate its credentials")
		service.Define(path, beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Hour})
		service.SetToken("CANARY-renewed")
		again("token")
		failed("refuses the API token (status 401, unauthorized)", "is valid and has not expired")
		applyIn(ctx, ns, "apiVersion: v1\nkind: Secret\nmetadata: {name: api-token}\nstringData: {token: CANARY-renewed}\n")
		isReady(ctx, ns)

		By("a service that is busy for a moment, which nobody has to mend")
		before := string(secret(ctx, ns, delivered).Data["leaseId"])
		service.FailStatus(3, http.StatusServiceUnavailable, "")
		again("busy")
		Eventually(func() string { return string(secret(ctx, ns, delivered).Data["leaseId"]) }).ShouldNot(Equal(before))
		isReady(ctx, ns)
	})

	It("come from a ClusterGenerator, with the token of each namespace, and are given back", func(ctx context.Context) {
		service.Define("production/azure", beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: time.Hour})
		apply(ctx, here(`apiVersion: generators.external-secrets.io/v1alpha1
kind: ClusterGenerator
metadata: {name: beyondtrust-azure}
spec:
  kind: BeyondtrustWorkloadCredentialsDynamicSecret
  generator:
    beyondtrustWorkloadCredentialsDynamicSecretSpec:
      provider:
        auth: {apikey: {token: {name: api-token, key: token}}}
        server: {apiUrl: "https://api.beyondtrust.io/site", siteId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}
        folderPath: production/azure
        caProvider: {type: Secret, name: my-ca-bundle, key: ca.crt}
`))
		const user = `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app-aws-credentials}
spec:
  target: {name: azure}
  dataFrom:
  - sourceRef: {generatorRef: {kind: ClusterGenerator, name: beyondtrust-azure}}
`
		ns := prepared(ctx, "beyondtrust-cluster")
		present(ctx, "beyondtrust-tokenless")
		applyIn(ctx, "beyondtrust-tokenless", user)
		Eventually(ready(ctx, &esv1.ExternalSecret{}, "beyondtrust-tokenless", "app-aws-credentials")).Should(
			SatisfyAll(haveStatus(metav1.ConditionFalse), say("beyondtrust-tokenless")))
		applyIn(ctx, ns, user)
		isReady(ctx, ns)
		Expect(texts(secret(ctx, ns, "azure").Data)).To(SatisfyAll(HaveLen(6), HaveKeyWithValue("clientSecret", Not(BeEmpty()))))
		kubectl(ctx, "delete", "clustergenerator", "beyondtrust-azure")
		kubectl(ctx, "delete", "externalsecret", "-n", ns, "app-aws-credentials")
		Eventually(func() beyondtrust.Counts { return service.Counts() }).Should(SatisfyAll(HaveField("Minted", 1), HaveField("Revoked", 1)))
	})

	It("come and go as the sample shows", func(ctx context.Context) {
		ns := prepared(ctx, "beyondtrust-sample")
		service.Put("production/database", map[string]any{"password": "CANARY-read"}, nil)
		service.Define("production/azure", beyondtrust.Dynamic{Type: beyondtrust.TypeAzure, Lifetime: time.Hour})
		authority := base64.StdEncoding.EncodeToString(service.Authority())
		sample := regexp.MustCompile(`(?m)^( *)server:$`).ReplaceAllString(
			here(strings.ReplaceAll(sampleIn(ns, "beyondtrust/workloadcredentials.yaml"), "not-a-secret", token)),
			"${1}caBundle: "+authority+"\n${1}server:")
		applyIn(ctx, ns, sample)
		expectWorking(ctx, objectsIn(sample)...)
		values, _ := service.Static("production/database-copy")
		Expect(values).To(Equal(map[string]any{"password": "CANARY-read"}))
		values, _ = service.Static("production/azure-login")
		Expect(values).To(And(HaveLen(2), HaveKeyWithValue("clientSecret", Not(BeEmpty()))))

		kubectl(ctx, "delete", "pushsecret", "-n", ns, "azure")
		Eventually(func() map[string]any { values, _ := service.Static("production/azure-login"); return values }).Should(BeNil())
		Eventually(func() int { return service.Counts().Revoked }).Should(Equal(1))
		sum(ctx)
	})

	It("take their Secret with them when they are deleted, and not when the site is wrong", func(ctx context.Context) {
		ns := prepared(ctx, "beyondtrust-absent")
		service.Put("production/database", map[string]any{"user": "shop"}, nil)
		manifest := here(`---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  provider:
    beyondtrustworkloadcredentials:
      auth: {apikey: {token: {name: api-token, key: token}}}
      server: {apiUrl: "https://api.beyondtrust.io/site", siteId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}
      caProvider: {type: Secret, name: my-ca-bundle, key: ca.crt}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app-aws-credentials}
spec:
  secretStoreRef: {name: store}
  target: {name: read, deletionPolicy: Delete}
  dataFrom:
  - extract: {key: production/database}
`)
		applyIn(ctx, ns, manifest)
		isReady(ctx, ns)
		read := func() error {
			return world.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: "read"}, &corev1.Secret{})
		}
		applyIn(ctx, ns, strings.ReplaceAll(manifest, site, "00000000-0000-0000-0000-000000000000"))
		Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, "app-aws-credentials")).Should(
			SatisfyAll(haveStatus(metav1.ConditionFalse), say("server.siteId")))
		Expect(read()).To(Succeed())
		applyIn(ctx, ns, manifest)
		isReady(ctx, ns)
		service.Remove("production/database")
		kubectl(ctx, "annotate", "externalsecret", "-n", ns, "app-aws-credentials", "force-sync=1")
		Eventually(read).Should(Satisfy(apierrors.IsNotFound))
	})

	It("can be read from and pushed to a store", func(ctx context.Context) {
		ns := prepared(ctx, "beyondtrust-store")
		service.Put("production/database", map[string]any{"user": "shop", "port": 5432}, map[string]string{"env": "prod"})
		applyIn(ctx, ns, here(`---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  provider:
    beyondtrustworkloadcredentials:
      auth: {apikey: {token: {name: api-token, key: token}}}
      server: {apiUrl: "https://api.beyondtrust.io/site", siteId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"}
      folderPath: production
      caProvider: {type: Secret, name: my-ca-bundle, key: ca.crt}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: app-aws-credentials}
spec:
  secretStoreRef: {name: store}
  target: {name: read}
  data:
  - {secretKey: login, remoteRef: {key: database, property: user}}
  dataFrom:
  - extract: {key: /production/database}
  - find: {tags: {env: prod}}
---
apiVersion: v1
kind: Secret
metadata: {name: source}
stringData: {password: CANARY-pushed}
---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: push}
spec:
  deletionPolicy: Delete
  secretStoreRefs: [{name: store}]
  selector: {secret: {name: source}}
  data:
  - {match: {secretKey: password, remoteRef: {remoteKey: pushed, property: password}}}
`))
		isReady(ctx, ns)
		Expect(texts(secret(ctx, ns, "read").Data)).To(Equal(map[string]string{
			"login": "shop", "user": "shop", "port": "5432", "_production_database_user": "shop", "_production_database_port": "5432",
		}))
		pushed := func() map[string]any { values, _ := service.Static("production/pushed"); return values }
		Eventually(pushed).Should(Equal(map[string]any{"password": "CANARY-pushed"}))
		kubectl(ctx, "delete", "pushsecret", "-n", ns, "push")
		Eventually(pushed).Should(BeNil())
	})
})
