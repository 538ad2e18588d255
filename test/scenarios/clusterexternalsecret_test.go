package scenarios_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// seconds is how long what happens at once may take on a busy machine; each interval here is far longer.
const seconds = 15 * time.Second

// sharedStore is a ClusterSecretStore with one value.
func sharedStore(name string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: ` + name + `}
spec: {provider: {fake: {data: [{key: db, value: CANARY-shared}]}}}
`
}

// fanOut is a ClusterExternalSecret of the store of the same name, with further fields of its spec.
func fanOut(name, more string) string {
	return strings.NewReplacer("NAME", name, "MORE", more).Replace(`---
apiVersion: external-secrets.io/v1
kind: ClusterExternalSecret
metadata: {name: NAME}
spec:
  MORE
  externalSecretSpec:
    refreshInterval: 1h
    secretStoreRef: {name: NAME, kind: ClusterSecretStore}
    target: {name: shared}
    data: [{secretKey: password, remoteRef: {key: db}}]
`)
}

// labelledNamespace makes a namespace with labels, given as key=value.
func labelledNamespace(ctx context.Context, name string, labels ...string) string {
	GinkgoHelper()
	all := map[string]string{}
	for _, label := range labels {
		all[strings.Split(label, "=")[0]] = strings.Split(label, "=")[1]
	}
	Expect(world.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all}})).To(Succeed())
	return name
}

// exists says whether an object is there.
func exists(ctx context.Context, object client.Object, namespace, name string) func() (bool, error) {
	return func() (bool, error) {
		err := world.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, object)
		return err == nil, client.IgnoreNotFound(err)
	}
}

func expectShared(ctx context.Context, namespaces ...string) {
	GinkgoHelper()
	for _, ns := range namespaces {
		Expect(secret(ctx, ns, "shared").Data).To(HaveKeyWithValue("password", []byte("CANARY-shared")))
	}
}

func expectNoneShared(ctx context.Context, namespaces ...string) {
	GinkgoHelper()
	for _, ns := range namespaces {
		Eventually(exists(ctx, &corev1.Secret{}, ns, "shared")).WithTimeout(seconds).Should(BeFalse(), ns)
	}
}

var _ = DescribeTable("a ClusterExternalSecret delivers to the namespaces that it selects, and to no other", Label("ces"),
	func(ctx context.Context, name, selection string, selected, not []string) {
		for _, ns := range append(selected, not...) {
			colour := strings.Split(ns, "-")[2]
			labelledNamespace(ctx, ns, "colour="+name+"-"+colour, "stage="+name)
		}
		apply(ctx, sharedStore(name)+fanOut(name, selection))
		expectShared(ctx, selected...)
		var ces esv1.ClusterExternalSecret
		Eventually(ready(ctx, &ces, "", name)).Should(haveStatus(metav1.ConditionTrue))
		Expect(ces.Status.ProvisionedNamespaces).To(ConsistOf(selected))
		Expect(ces.Status.ExternalSecretName).To(Equal(name))
		for _, ns := range not {
			Expect(exists(ctx, &esv1.ExternalSecret{}, ns, name)()).To(BeFalse(), ns)
		}
	},
	Entry("by labels", "ces-labels", `namespaceSelectors: [{matchLabels: {colour: ces-labels-red}}]`,
		[]string{"ces-labels-red"}, []string{"ces-labels-blue"}),
	Entry("by one of several", "ces-several",
		`namespaceSelectors: [{matchLabels: {colour: ces-several-red}}, {matchLabels: {colour: ces-several-green}}]`,
		[]string{"ces-several-red", "ces-several-green"}, []string{"ces-several-blue"}),
	Entry("by expressions", "ces-expressions",
		`namespaceSelectors: [{matchExpressions: [{key: stage, operator: In, values: [ces-expressions]},
    {key: colour, operator: NotIn, values: [ces-expressions-blue]}]}]`,
		[]string{"ces-expressions-red", "ces-expressions-green"}, []string{"ces-expressions-blue"}),
	Entry("by the one selector of old", "ces-single", `namespaceSelector: {matchLabels: {colour: ces-single-red}}`,
		[]string{"ces-single-red"}, []string{"ces-single-blue"}),
	Entry("by name", "ces-names", `namespaces: [ces-names-red, ces-names-missing]`,
		[]string{"ces-names-red"}, []string{"ces-names-blue"}),
	Entry("by the label that holds the name", "ces-byname",
		`namespaceSelectors: [{matchLabels: {kubernetes.io/metadata.name: ces-byname-red}}]`,
		[]string{"ces-byname-red"}, []string{"ces-byname-blue"}),
	Entry("by any of these", "ces-any", `namespaces: [ces-any-red]
  namespaceSelector: {matchLabels: {colour: ces-any-green}}
  namespaceSelectors: [{matchLabels: {colour: ces-any-white}}]`,
		[]string{"ces-any-red", "ces-any-green", "ces-any-white"}, []string{"ces-any-blue"}),
)

var _ = Describe("a ClusterExternalSecret", Label("ces"), func() {
	var ces esv1.ClusterExternalSecret

	It("copies a Secret of one namespace into others, as the guides of the API show it", func(ctx context.Context) {
		ns := namespace(ctx, "ces-fanout-source")
		labelledNamespace(ctx, "ces-fanout-one", "ces-fanout=yes")
		applyIn(ctx, ns, source+granted(ns, "reader", "[get, list, watch]"))
		apply(ctx, `---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: ces-fanout}
spec:
  provider:
    kubernetes:
      remoteNamespace: ces-fanout-source
      auth: {serviceAccount: {name: reader, namespace: ces-fanout-source}}
---
apiVersion: external-secrets.io/v1
kind: ClusterExternalSecret
metadata: {name: ces-fanout}
spec:
  externalSecretName: copy
  namespaceSelectors:
    - matchLabels: {ces-fanout: "yes"}
  refreshTime: 1m
  externalSecretSpec:
    refreshInterval: 1h
    secretStoreRef: {name: ces-fanout, kind: ClusterSecretStore}
    target: {name: db, creationPolicy: Owner}
    dataFrom: [{extract: {key: db}}]
`)
		Expect(secret(ctx, "ces-fanout-one", "db").Data).To(Equal(map[string][]byte{"user": []byte("CANARY-db")}))
		labelledNamespace(ctx, "ces-fanout-two", "ces-fanout=yes")
		Expect(secret(ctx, "ces-fanout-two", "db").Data).To(HaveKey("user"))
		Expect(kubectl(ctx, "get", "ces", "ces-fanout")).To(MatchRegexp(`NAME +STORE +REFRESH INTERVAL +READY\nces-fanout +ces-fanout +1m +True`))
	})

	It("follows the labels of namespaces, and takes back what it gave", func(ctx context.Context) {
		labelledNamespace(ctx, "ces-follow-a", "ces-follow=yes")
		namespace(ctx, "ces-follow-b")
		apply(ctx, sharedStore("ces-follow")+fanOut("ces-follow", `namespaceSelectors: [{matchLabels: {ces-follow: "yes"}}]`))
		expectShared(ctx, "ces-follow-a")
		kubectl(ctx, "label", "namespace", "ces-follow-b", "ces-follow=yes")
		expectShared(ctx, "ces-follow-b")
		kubectl(ctx, "label", "namespace", "ces-follow-a", "ces-follow-")
		expectNoneShared(ctx, "ces-follow-a")
		Eventually(ready(ctx, &ces, "", "ces-follow")).Should(haveStatus(metav1.ConditionTrue))
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{"ces-follow-b"}))
		expectShared(ctx, "ces-follow-b")
	})

	It("renames its ExternalSecrets, and their labels and annotations follow", func(ctx context.Context) {
		ns := labelledNamespace(ctx, "ces-rename", "ces-rename=yes")
		selector := `namespaceSelectors: [{matchLabels: {ces-rename: "yes"}}]
  externalSecretName: `
		apply(ctx, sharedStore("ces-rename")+fanOut("ces-rename", selector+`before
  externalSecretMetadata: {labels: {team: red}, annotations: {note: first}}`))
		expectShared(ctx, ns)
		var es esv1.ExternalSecret
		Expect(exists(ctx, &es, ns, "before")()).To(BeTrue())
		Expect(es.Labels).To(Equal(map[string]string{"team": "red"}))
		Expect(es.Annotations).To(Equal(map[string]string{"note": "first"}))
		apply(ctx, fanOut("ces-rename", selector+`after
  externalSecretMetadata: {labels: {team: blue}}`))
		Eventually(exists(ctx, &es, ns, "after")).Should(BeTrue())
		Expect(es.Labels).To(Equal(map[string]string{"team": "blue"}))
		Expect(es.Annotations).To(BeEmpty())
		Eventually(exists(ctx, &esv1.ExternalSecret{}, ns, "before")).Should(BeFalse())
		Eventually(func() (string, error) {
			_, err := exists(ctx, &ces, "", "ces-rename")()
			return ces.Status.ExternalSecretName, err
		}).Should(Equal("after"))
		Eventually(ready(ctx, &es, ns, "after")).WithTimeout(2 * seconds).Should(haveStatus(metav1.ConditionTrue))
		Expect(metav1.GetControllerOf(secret(ctx, ns, "shared")).Name).To(Equal("after"))
	})

	It("does not touch an ExternalSecret of somebody else, serves the others, and goes on when it is gone", func(ctx context.Context) {
		for _, ns := range []string{"ces-occupied-a", "ces-occupied-b"} {
			labelledNamespace(ctx, ns, "ces-occupied=yes")
		}
		applyIn(ctx, "ces-occupied-a", fakeStore+strings.Replace(
			externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db}}]}`), "wrong", "ces-occupied", 1))
		apply(ctx, sharedStore("ces-occupied")+fanOut("ces-occupied", `namespaceSelectors: [{matchLabels: {ces-occupied: "yes"}}]`))
		expectShared(ctx, "ces-occupied-b")
		Eventually(ready(ctx, &ces, "", "ces-occupied")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse),
			say("one or more namespaces failed", "ces-occupied-a: external secret already exists in namespace", "delete it, or choose another")))
		Expect(ces.Status.ProvisionedNamespaces).To(Equal([]string{"ces-occupied-b"}))
		Expect(ces.Status.FailedNamespaces).To(HaveLen(1))
		Expect(ces.Status.FailedNamespaces[0].Namespace).To(Equal("ces-occupied-a"))
		Expect(secret(ctx, "ces-occupied-a", "ces-occupied").Data).To(HaveKey("a"))
		kubectl(ctx, "delete", "externalsecret", "-n", "ces-occupied-a", "ces-occupied")
		expectShared(ctx, "ces-occupied-a")
		Eventually(ready(ctx, &ces, "", "ces-occupied")).Should(haveStatus(metav1.ConditionTrue))
		Expect(ces.Status.FailedNamespaces).To(BeEmpty())
	})

	It("passes the request to refresh on, and takes it back", func(ctx context.Context) {
		ns := labelledNamespace(ctx, "ces-force", "ces-force=yes")
		apply(ctx, sharedStore("ces-force")+fanOut("ces-force", `namespaceSelectors: [{matchLabels: {ces-force: "yes"}}]`))
		expectShared(ctx, ns)
		annotations := func() map[string]string {
			var es esv1.ExternalSecret
			Expect(exists(ctx, &es, ns, "ces-force")()).To(BeTrue())
			return es.Annotations
		}
		for _, key := range []string{"external-secrets.io/force-sync", "force-sync"} {
			kubectl(ctx, "annotate", "ces", "ces-force", key+"=now")
			Eventually(annotations).Should(Equal(map[string]string{key: "now"}))
			var es esv1.ExternalSecret
			Eventually(func() (string, error) {
				_, err := exists(ctx, &es, ns, "ces-force")()
				return es.Status.LastHandledForceSync, err
			}).Should(Equal("now"))
			kubectl(ctx, "annotate", "ces", "ces-force", key+"-")
			Eventually(annotations).Should(BeEmpty())
		}
	})

	It("takes everything with it when it is deleted", func(ctx context.Context) {
		for _, ns := range []string{"ces-delete-a", "ces-delete-b"} {
			labelledNamespace(ctx, ns, "ces-delete=yes")
		}
		apply(ctx, sharedStore("ces-delete")+fanOut("ces-delete", `namespaceSelectors: [{matchLabels: {ces-delete: "yes"}}]`))
		expectShared(ctx, "ces-delete-a", "ces-delete-b")
		kubectl(ctx, "delete", "ces", "ces-delete", "--timeout", seconds.String())
		for _, ns := range []string{"ces-delete-a", "ces-delete-b"} {
			Eventually(exists(ctx, &esv1.ExternalSecret{}, ns, "ces-delete")).WithTimeout(seconds).Should(BeFalse())
		}
		expectNoneShared(ctx, "ces-delete-a", "ces-delete-b")
	})

	It("lets a namespace go within seconds, and is quiet about it", func(ctx context.Context) {
		for _, ns := range []string{"ces-namespace-a", "ces-namespace-b"} {
			labelledNamespace(ctx, ns, "ces-namespace=yes")
		}
		apply(ctx, sharedStore("ces-namespace")+fanOut("ces-namespace", `namespaceSelectors: [{matchLabels: {ces-namespace: "yes"}}]`))
		expectShared(ctx, "ces-namespace-a", "ces-namespace-b")
		kubectl(ctx, "delete", "namespace", "ces-namespace-a", "--timeout", seconds.String())
		Eventually(func() ([]string, error) {
			_, err := exists(ctx, &ces, "", "ces-namespace")()
			return ces.Status.ProvisionedNamespaces, err
		}).Should(Equal([]string{"ces-namespace-b"}))
		Expect(kubectl(ctx, "get", "events", "-A", "--field-selector", "involvedObject.name=ces-namespace,type=Warning")).To(BeEmpty())
		labelledNamespace(ctx, "ces-namespace-a", "ces-namespace=yes")
		expectShared(ctx, "ces-namespace-a")
	})

	It("of the reference implementation lets its namespaces go, and is let go", func(ctx context.Context) {
		ns := labelledNamespace(ctx, "ces-migrated", "ces-migrated=yes")
		apply(ctx, sharedStore("ces-migrated")+fanOut("ces-migrated", `namespaceSelectors: [{matchLabels: {ces-migrated: "yes"}}]`))
		expectShared(ctx, ns)
		kubectl(ctx, "patch", "ces", "ces-migrated", "--type=merge", "-p",
			`{"metadata":{"finalizers":["externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"]}}`)
		kubectl(ctx, "patch", "namespace", ns, "--type=merge", "-p",
			`{"metadata":{"finalizers":["externalsecrets.external-secrets.io/ces-ces-migrated"]}}`)
		kubectl(ctx, "delete", "namespace", ns, "--wait=false")
		Eventually(ready(ctx, &ces, "", "ces-migrated")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say("externalsecrets.external-secrets.io/ces-ces-migrated", "config/migration", `"patch" on namespaces`)))
		kubectl(ctx, "apply", "-k", world.Path("config/migration"))
		DeferCleanup(func(ctx context.Context) { kubectl(ctx, "delete", "-k", world.Path("config/migration")) })
		kubectl(ctx, "wait", "--for=delete", "namespace/"+ns, "--timeout", seconds.String())
		kubectl(ctx, "delete", "ces", "ces-migrated", "--timeout", seconds.String())
	})

	It("of the former version is served, and acted on", func(ctx context.Context) {
		ns := labelledNamespace(ctx, "ces-former", "ces-former=yes")
		apply(ctx, strings.ReplaceAll(
			sharedStore("ces-former")+fanOut("ces-former", `namespaceSelector: {matchLabels: {ces-former: "yes"}}`),
			"external-secrets.io/v1\n", "external-secrets.io/v1beta1\n"))
		expectShared(ctx, ns)
	})

	It("is stored as it was applied", func(ctx context.Context) {
		kubectl(ctx, "apply", "-k", world.Path("config/samples"))
		expectStored(ctx, objectsOf("config/samples/clusterexternalsecret.yaml")...)
		Expect(secret(ctx, "sluice-samples", "licence").Labels).To(HaveKeyWithValue("team", "licences"))
	})

	It("with an operator in a selector that there is not says which one", func(ctx context.Context) {
		apply(ctx, sharedStore("ces-wrong")+fanOut("ces-wrong",
			`namespaceSelectors: [{matchLabels: {}}, {matchExpressions: [{key: team, operator: Is, values: [red]}]}]`))
		Eventually(ready(ctx, &ces, "", "ces-wrong")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say("spec.namespaceSelectors[1]", `"Is"`)))
	})
})
