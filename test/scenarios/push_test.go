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

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// pushSource is a Secret to push from, of a type and with labels of its own.
const pushSource = `---
apiVersion: v1
kind: Secret
metadata: {name: source, labels: {team: orders}, annotations: {note: kept, argocd.argoproj.io/tracking-id: x}}
type: example.com/login
stringData: {user: CANARY-user, password: CANARY-password, d_U002f_b: CANARY-dir}
`

// writable is a SecretStore over a namespace's own Secrets whose identity may do everything with them.
func writable(ns string) string {
	return granted(ns, "writer", `["*"]`) + kubernetesStore(ns, "writer", "")
}

// clusterStore is a ClusterSecretStore over the Secrets of a namespace, with the identity of writable.
func clusterStore(name, ns, more string) string {
	return strings.NewReplacer("NAMESPACE", ns, "NAME", name, "MORE", more).Replace(`---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: NAMEMORE}
spec: {provider: {kubernetes: {remoteNamespace: NAMESPACE, auth: {serviceAccount: {name: writer, namespace: NAMESPACE}}}}}
`)
}

// pushes is the spec of a PushSecret of the source to the store, with further fields.
func pushes(more string) string {
	return pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: source}}, ` + more + `}`)
}

// remotes are Secrets in a store by name, each with its values by key.
type remotes map[string]map[string]string

// expectRemotes expects Secrets in the namespace of a store.
func expectRemotes(ctx context.Context, ns string, want remotes) {
	GinkgoHelper()
	for name, values := range want {
		Eventually(func() (map[string]string, error) {
			var s corev1.Secret
			err := world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, &s)
			return texts(s.Data), err
		}).Should(Equal(values), "secret %s/%s", ns, name)
	}
}

// expectGone expects that there is no Secret of the name.
func expectGone(ctx context.Context, ns, name string) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsNotFound(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, &corev1.Secret{}))
	}).Should(BeTrue(), "secret %s/%s is gone", ns, name)
}

// expectPushed expects a PushSecret that is synced, at rest, and lists what it pushed.
func expectPushed(ctx context.Context, ns string, entries map[string][]string) {
	GinkgoHelper()
	var ps esv1alpha1.PushSecret
	Eventually(ready(ctx, &ps, ns, "push")).Should(SatisfyAll(haveStatus(metav1.ConditionTrue), HaveField("Reason", esv1alpha1.ReasonSynced)))
	listed := map[string][]string{}
	for store, synced := range ps.Status.SyncedPushSecrets {
		for id := range synced {
			listed[store] = append(listed[store], id)
		}
	}
	Expect(listed).To(HaveLen(len(entries)))
	for store, ids := range entries {
		Expect(listed[store]).To(ConsistOf(ids), store)
	}
}

var _ = Describe("a PushSecret", Label("push"), func() {
	DescribeTable("writes every form of entry into a store",
		func(ctx context.Context, ns, spec string, want remotes, ids ...string) {
			namespace(ctx, ns)
			applyIn(ctx, ns, pushSource+writable(ns)+pushes(spec))
			expectRemotes(ctx, ns, want)
			expectPushed(ctx, ns, map[string][]string{"SecretStore/store": ids})
		},
		Entry("one key", "push-key", `data: [{match: {secretKey: password, remoteRef: {remoteKey: db, property: pw}}}]`,
			remotes{"db": {"pw": "CANARY-password"}}, "db/pw"),
		Entry("several keys of one Secret, which are one write", "push-keys",
			`data: [{match: {secretKey: user, remoteRef: {remoteKey: db, property: u}}},
  {match: {secretKey: password, remoteRef: {remoteKey: db, property: p}}}]`,
			remotes{"db": {"u": "CANARY-user", "p": "CANARY-password"}}, "db/u", "db/p"),
		Entry("the whole source", "push-whole", `data: [{match: {remoteRef: {remoteKey: db}}}]`,
			remotes{"db": {"user": "CANARY-user", "password": "CANARY-password", "d_U002f_b": "CANARY-dir"}}, "db"),
		Entry("the whole source as JSON", "push-json", `data: [{match: {remoteRef: {remoteKey: db, property: all}}}]`,
			remotes{"db": {"all": `{"d_U002f_b":"CANARY-dir","password":"CANARY-password","user":"CANARY-user"}`}}, "db/all"),
		Entry("a key under the name that it had before it was escaped", "push-reverse",
			`data: [{conversionStrategy: ReverseUnicode, match: {secretKey: d/b, remoteRef: {remoteKey: db, property: v}}}]`,
			remotes{"db": {"v": "CANARY-dir"}}, "db/v"),
		Entry("matching keys together", "push-bundle", `dataTo: [{storeRef: {name: store}, match: {regexp: "^(user|password)$"}, remoteKey: login}]`,
			remotes{"login": {"user": "CANARY-user", "password": "CANARY-password"}}, "login"),
		Entry("what a template makes, beside the source", "push-template",
			`template: {data: {uri: "db://{{ .user }}:{{ .password }}"}},
  data: [{match: {secretKey: uri, remoteRef: {remoteKey: db, property: uri}}},
  {match: {secretKey: user, remoteRef: {remoteKey: db, property: user}}}]`,
			remotes{"db": {"uri": "db://CANARY-user:CANARY-password", "user": "CANARY-user"}}, "db/uri", "db/user"),
		Entry("entries that are named win over those that match", "push-both",
			`data: [{match: {secretKey: user, remoteRef: {remoteKey: one, property: user}}}],
  dataTo: [{storeRef: {name: store}, match: {regexp: "^(user|password)$"}, remoteKey: rest}]`,
			remotes{"one": {"user": "CANARY-user"}, "rest": {"password": "CANARY-password"}}, "one/user", "rest"),
	)

	It("finds stores of both kinds by name and by label, and several sources by label", func(ctx context.Context) {
		ns, other, third := namespace(ctx, "push-from"), namespace(ctx, "push-to"), namespace(ctx, "push-to-labelled")
		applyIn(ctx, other, granted(other, "writer", `["*"]`))
		applyIn(ctx, third, granted(third, "writer", `["*"]`))
		apply(ctx, clusterStore("push-named", other, "")+clusterStore("push-labelled", third, ", labels: {purpose: push}"))
		labelled := "---\n{apiVersion: v1, kind: Secret, metadata: {name: NAME, labels: {pick: me}}, stringData: {KEY: CANARY-KEY}}\n"
		one := strings.NewReplacer("NAME", "one", "KEY", "a").Replace(labelled)
		two := strings.NewReplacer("NAME", "two", "KEY", "b").Replace(labelled)
		applyIn(ctx, ns, writable(ns)+one+two+pushSecret(`{secretStoreRefs: [{name: store}, {name: push-named, kind: ClusterSecretStore},
  {labelSelector: {matchLabels: {purpose: push}}, kind: ClusterSecretStore}],
  selector: {secret: {selector: {matchLabels: {pick: me}}}}, data: [{match: {remoteRef: {remoteKey: joined}}}]}`))
		for _, store := range []string{ns, other, third} {
			expectRemotes(ctx, store, remotes{"joined": {"a": "CANARY-a", "b": "CANARY-b"}})
		}
		expectPushed(ctx, ns, map[string][]string{
			"SecretStore/store": {"joined"}, "ClusterSecretStore/push-named": {"joined"}, "ClusterSecretStore/push-labelled": {"joined"},
		})
	})

	It("leaves what is there with IfNotExists, and says so", func(ctx context.Context) {
		ns := namespace(ctx, "push-exists")
		applyIn(ctx, ns, pushSource+writable(ns)+
			"---\n{apiVersion: v1, kind: Secret, metadata: {name: db}, type: example.com/login, stringData: {user: CANARY-theirs}}\n"+
			pushes(`updatePolicy: IfNotExists, deletionPolicy: Delete,
  data: [{match: {secretKey: user, remoteRef: {remoteKey: db, property: user}}},
  {match: {secretKey: password, remoteRef: {remoteKey: db, property: pw}}}]`))
		expectRemotes(ctx, ns, remotes{"db": {"user": "CANARY-theirs", "pw": "CANARY-password"}})
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "push")).Should(say("Existing secrets in providers unchanged"))
		kubectl(ctx, "delete", "pushsecret", "push", "-n", ns)
		expectRemotes(ctx, ns, remotes{"db": {"user": "CANARY-theirs"}})
	})

	It("takes away what is not wanted any more with deletionPolicy Delete, and nothing else", func(ctx context.Context) {
		ns := namespace(ctx, "push-delete")
		entry := func(key, remote string) string {
			return "{match: {secretKey: " + key + ", remoteRef: {remoteKey: " + remote + ", property: " + key + "}}}"
		}
		with := func(entries ...string) string {
			return pushes("deletionPolicy: Delete, data: [" + strings.Join(entries, ", ") + "]")
		}
		applyIn(ctx, ns, pushSource+writable(ns)+
			"---\n{apiVersion: v1, kind: Secret, metadata: {name: theirs}, type: example.com/login, stringData: {k: CANARY-k}}\n"+
			with(entry("user", "db"), entry("password", "db"), entry("user", "other"), entry("user", "theirs")))
		expectRemotes(ctx, ns, remotes{
			"db": {"user": "CANARY-user", "password": "CANARY-password"}, "other": {"user": "CANARY-user"},
			"theirs": {"k": "CANARY-k", "user": "CANARY-user"},
		})

		By("the entries that go")
		applyIn(ctx, ns, with(entry("user", "db"), entry("user", "theirs")))
		expectRemotes(ctx, ns, remotes{"db": {"user": "CANARY-user"}})
		expectGone(ctx, ns, "other")

		By("the source that goes, and comes back")
		kubectl(ctx, "delete", "secret", "source", "-n", ns)
		expectGone(ctx, ns, "db")
		expectRemotes(ctx, ns, remotes{"theirs": {"k": "CANARY-k"}})
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "push")).Should(
			SatisfyAll(haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1alpha1.ReasonSourceDeleted)))
		applyIn(ctx, ns, pushSource)
		expectRemotes(ctx, ns, remotes{"db": {"user": "CANARY-user"}})

		By("the PushSecret that goes")
		kubectl(ctx, "delete", "pushsecret", "push", "-n", ns)
		expectGone(ctx, ns, "db")
		expectRemotes(ctx, ns, remotes{"theirs": {"k": "CANARY-k"}})
	})

	It("gives labels and annotations, and pushes to other namespaces where the entry says so", func(ctx context.Context) {
		ns, other := namespace(ctx, "push-metadata"), namespace(ctx, "push-metadata-other")
		metadata := func(spec string) string {
			return "metadata: {apiVersion: kubernetes.external-secrets.io/v1alpha1, kind: PushSecretMetadata, spec: {" + spec + "}}"
		}
		applyIn(ctx, other, granted(other, "writer", `["*"]`)+`---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: guest}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{kind: ServiceAccount, name: writer, namespace: push-metadata}]
`)
		applyIn(ctx, ns, granted(ns, "writer", `["*"]`)+pushSource)
		apply(ctx, clusterStore("push-metadata", ns, ""))
		applyIn(ctx, ns, pushSecret(`{secretStoreRefs: [{name: push-metadata, kind: ClusterSecretStore}], deletionPolicy: Delete,
  selector: {secret: {name: source}}, data: [
  {match: {secretKey: user, remoteRef: {remoteKey: db, property: user}}, `+metadata("labels: {tier: data}")+`},
  {match: {secretKey: password, remoteRef: {remoteKey: db, property: user}},
   `+metadata("remoteNamespace: "+other+", sourceMergePolicy: Replace, annotations: {only: this}")+`}]}`))
		expectRemotes(ctx, ns, remotes{"db": {"user": "CANARY-user"}})
		expectRemotes(ctx, other, remotes{"db": {"user": "CANARY-password"}})
		expectPushed(ctx, ns, map[string][]string{"ClusterSecretStore/push-metadata": {"db/user", "db/user@push-metadata-other/db"}})
		here, there := secret(ctx, ns, "db"), secret(ctx, other, "db")
		Expect(here.Type).To(BeEquivalentTo("example.com/login"))
		Expect(here.Labels).To(Equal(map[string]string{"team": "orders", "tier": "data"}))
		Expect(here.Annotations).To(SatisfyAll(HaveKeyWithValue("note", "kept"), Not(HaveKey("argocd.argoproj.io/tracking-id"))))
		Expect(there.Labels).To(BeEmpty())
		Expect(there.Annotations).To(SatisfyAll(HaveKeyWithValue("only", "this"), Not(HaveKey("note"))))

		By("taking them away there too")
		kubectl(ctx, "delete", "pushsecret", "push", "-n", ns)
		expectGone(ctx, ns, "db")
		expectGone(ctx, other, "db")
	})

	It("is told of another one that has the key", func(ctx context.Context) {
		ns := namespace(ctx, "push-fight")
		entry := `data: [{match: {secretKey: user, remoteRef: {remoteKey: db, property: v}}}]`
		applyIn(ctx, ns, pushSource+writable(ns)+pushes(entry))
		expectRemotes(ctx, ns, remotes{"db": {"v": "CANARY-user"}})
		second := strings.NewReplacer("name: push", "name: second", "secretKey: user", "secretKey: password").Replace(pushes(entry))
		applyIn(ctx, ns, second)
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, ns, "second")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), say(`key "v" of secret "push-fight/db" is pushed by PushSecret "push" in namespace "push-fight"`)))
		expectRemotes(ctx, ns, remotes{"db": {"v": "CANARY-user"}})
	})

	It("rotates one key on request, and keeps the previous value for its time", func(ctx context.Context) {
		ns := namespace(ctx, "push-rotate")
		applyIn(ctx, ns, writable(ns)+`---
apiVersion: generators.external-secrets.io/v1alpha1
kind: Password
metadata: {name: maker}
spec: {length: 20, secretKeys: [password, token]}
`+pushSecret(`{secretStoreRefs: [{name: store}], selector: {generatorRef: {kind: Password, name: maker}}, data: [
  {match: {secretKey: password, remoteRef: {remoteKey: db, property: password}}, previousProperty: previous, previousFor: 2s},
  {match: {secretKey: token, remoteRef: {remoteKey: db, property: token}}}]}`))
		first := texts(secret(ctx, ns, "db").Data)
		Expect(first).To(SatisfyAll(HaveLen(2), HaveKeyWithValue("password", HaveLen(20)), HaveKeyWithValue("token", HaveLen(20))))
		kubectl(ctx, "annotate", "pushsecret", "push", "-n", ns, "sluice.dev/rotate=password@1")
		held := func() map[string]string { return texts(secret(ctx, ns, "db").Data) }
		Eventually(held).Should(HaveKeyWithValue("previous", first["password"]))
		second := held()
		Expect(second["token"]).To(Equal(first["token"]))
		Expect(second["password"]).NotTo(Equal(first["password"]))
		delete(second, "previous")
		Eventually(held).Should(Equal(second))
	})
})
