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

// What the fake store's secret db becomes.
var (
	taken  = map[string]string{"user": "CANARY-user", "password": "CANARY-password"}
	theirs = map[string]string{"user": "CANARY-old", "theirs": "CANARY-theirs"}
	both   = map[string]string{"user": "CANARY-user", "password": "CANARY-password", "theirs": "CANARY-theirs"}
)

// taking is an ExternalSecret that takes both properties of db, with the given fields of its target and of its spec.
func taking(name, target, more string) string {
	return `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: ` + name + `
spec:
  secretStoreRef:
    kind: SecretStore
    name: fake
  target: {` + target + `}
  data:
  - secretKey: user
    remoteRef: {key: db, property: user}
  - secretKey: password
    remoteRef: {key: db, property: password}
` + more
}

// marked adds lines to the metadata of what taking returns.
func marked(manifest string, lines ...string) string {
	return strings.Replace(manifest, "metadata:\n", "metadata:\n  "+strings.Join(lines, "\n  ")+"\n", 1)
}

// named makes the name of an object from a type.
func named(kind string) string { return strings.NewReplacer("/", "-", ".", "-").Replace(kind) }

// existing is a Secret that somebody else has made.
func existing(name string) string {
	return `---
apiVersion: v1
kind: Secret
metadata:
  name: ` + name + `
  labels: {theirs: label}
  annotations: {theirs: annotation}
stringData: {user: CANARY-old, theirs: CANARY-theirs}
`
}

// data returns what a Secret holds; nothing while there is none.
func data(ctx context.Context, ns, name string) func() map[string]string {
	return func() map[string]string {
		var s corev1.Secret
		if err := world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: name}, &s); err != nil {
			return nil
		}
		texts := map[string]string{}
		for key, value := range s.Data {
			texts[key] = string(value)
		}
		return texts
	}
}

// externalSecretOf waits until an ExternalSecret has the reason as it is now, and returns it.
func externalSecretOf(ctx context.Context, ns, name, reason string, says ...string) *esv1.ExternalSecret {
	GinkgoHelper()
	var es esv1.ExternalSecret
	Eventually(ready(ctx, &es, ns, name)).Should(SatisfyAll(HaveField("Reason", reason), say(says...)), "ExternalSecret %s", name)
	return &es
}

// change edits a Secret as somebody with kubectl edit does.
func change(ctx context.Context, ns, name string, edit func(*corev1.Secret)) {
	GinkgoHelper()
	s := secret(ctx, ns, name)
	before := s.DeepCopy()
	edit(s)
	Expect(world.Client.Patch(ctx, s, client.MergeFrom(before), client.FieldOwner("kubectl-edit"))).To(Succeed())
}

func eventsOf(ctx context.Context, ns, name string) func() string {
	return func() string {
		return kubectl(ctx, "get", "events", "-n", ns, "--field-selector", "involvedObject.name="+name,
			"-o", `jsonpath={range .items[*]}{.type} {.reason} {.message}{"\n"}{end}`)
	}
}

// policy is a creationPolicy and what becomes of a target under it.
type policy struct {
	name         string
	fresh, found map[string]string
	reason       string // of the fresh one
	owned        bool
}

var _ = Describe("creationPolicy", Label("targets"), Ordered, func() {
	const ns = "target-creation"
	policies := []policy{
		{"Owner", taken, taken, esv1.ReasonSecretSynced, true},
		{"Orphan", taken, taken, esv1.ReasonSecretSynced, false},
		{"Merge", nil, both, esv1.ReasonSecretMissing, false},
		{"CreateOrMerge", taken, both, esv1.ReasonSecretSynced, false},
		{"None", nil, theirs, esv1.ReasonSecretSynced, false},
	}
	fresh := func(p policy) string { return "fresh-" + strings.ToLower(p.name) }
	found := func(p policy) string { return "found-" + strings.ToLower(p.name) }

	It("decides about a target that is there and one that is not", func(ctx context.Context) {
		namespace(ctx, ns)
		manifests := []string{fakeStore}
		for _, p := range policies {
			target := "creationPolicy: " + p.name
			manifests = append(manifests, existing(found(p)), taking(fresh(p), target, ""), taking(found(p), target, ""))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		for _, p := range policies {
			es := externalSecretOf(ctx, ns, fresh(p), p.reason)
			Expect(es.Finalizers).To(BeEmpty())
			if p.fresh == nil {
				Expect(es.Status.Binding.Name).To(BeEmpty(), "there is nothing to bind to")
			} else {
				Expect(es.Status.Binding.Name).To(Equal(fresh(p)))
			}
			Expect(data(ctx, ns, fresh(p))()).To(Equal(p.fresh), fresh(p))
			externalSecretOf(ctx, ns, found(p), esv1.ReasonSecretSynced)
			Expect(data(ctx, ns, found(p))()).To(Equal(p.found), found(p))
			expectMarks(ctx, ns, found(p), p)
		}
		Eventually(eventsOf(ctx, ns, "found-owner")).Should(ContainSubstring(`secret "found-owner" existed before; these keys are gone from it: theirs`))
		Eventually(eventsOf(ctx, ns, "fresh-owner")).Should(ContainSubstring("Normal Created secret created"))
	})

	It("Merge adds its keys as soon as the target appears", func(ctx context.Context) {
		applyIn(ctx, ns, existing("fresh-merge"))
		Eventually(data(ctx, ns, "fresh-merge")).Should(Equal(both))
		externalSecretOf(ctx, ns, "fresh-merge", esv1.ReasonSecretSynced)
	})

	It("says which keys leave with the entries that named them", func(ctx context.Context) {
		for _, name := range []string{"fresh-owner", "found-merge"} {
			kubectl(ctx, "patch", "externalsecret", "-n", ns, name, "--type=json", "-p", `[{"op":"remove","path":"/spec/data/1"}]`)
		}
		Eventually(data(ctx, ns, "fresh-owner")).Should(Equal(map[string]string{"user": "CANARY-user"}))
		Eventually(data(ctx, ns, "found-merge")).Should(Equal(map[string]string{"user": "CANARY-user", "theirs": "CANARY-theirs"}))
	})

	It("lets go of the old target when it changes", func(ctx context.Context) {
		kubectl(ctx, "patch", "externalsecret", "-n", ns, "found-owner", "--type=merge", "-p", `{"spec":{"target":{"creationPolicy":"Orphan"}}}`)
		Eventually(func() *metav1.OwnerReference { return metav1.GetControllerOf(secret(ctx, ns, "found-owner")) }).Should(BeNil())
		Expect(secret(ctx, ns, "found-owner").Labels).NotTo(HaveKey(esv1.LabelCreatedBy))
	})

	It("leaves behind what is not owned", func(ctx context.Context) {
		kubectl(ctx, "delete", "externalsecret", "-n", ns, "--all")
		Eventually(data(ctx, ns, "fresh-owner")).Should(BeNil())
		for _, name := range []string{"found-owner", "fresh-orphan", "fresh-createormerge", "found-merge", "found-none"} {
			Expect(data(ctx, ns, name)()).NotTo(BeNil(), name)
		}
	})
})

// expectMarks expects on a target that was there before what its owner put there and what the operator adds.
func expectMarks(ctx context.Context, ns, name string, p policy) {
	GinkgoHelper()
	s := secret(ctx, ns, name)
	Expect(s.Labels).To(HaveKeyWithValue("theirs", "label"))
	Expect(s.Annotations).To(HaveKeyWithValue("theirs", "annotation"))
	if p.name == "None" {
		Expect(s.Labels).NotTo(HaveKey(esv1.LabelManaged))
		return
	}
	Expect(s.Labels).To(HaveKeyWithValue(esv1.LabelManaged, "true"))
	Expect(metav1.GetControllerOf(s) != nil).To(Equal(p.owned), "owned")
	if p.owned {
		Expect(s.Labels).To(HaveKeyWithValue(esv1.LabelCreatedBy, HaveLen(56)))
		Expect(*metav1.GetControllerOf(s).BlockOwnerDeletion).To(BeTrue())
	}
}

var _ = Describe("the name of a target", Label("targets"), func() {
	It("moves the Secret that is owned, and leaves the one that is not", func(ctx context.Context) {
		ns := namespace(ctx, "target-rename")
		applyIn(ctx, ns, fakeStore+taking("owner", "name: owner-before", "")+taking("orphan", "name: orphan-before, creationPolicy: Orphan", ""))
		for _, name := range []string{"owner", "orphan"} {
			secret(ctx, ns, name+"-before")
			kubectl(ctx, "patch", "externalsecret", "-n", ns, name, "--type=merge", "-p", `{"spec":{"target":{"name":"`+name+`-after"}}}`)
			Eventually(data(ctx, ns, name+"-after")).Should(Equal(taken))
			Eventually(func() string { return externalSecretOf(ctx, ns, name, esv1.ReasonSecretSynced).Status.Binding.Name }).Should(Equal(name + "-after"))
		}
		Eventually(data(ctx, ns, "owner-before")).Should(BeNil())
		Expect(data(ctx, ns, "orphan-before")()).To(Equal(taken))
		Eventually(eventsOf(ctx, ns, "owner")).Should(ContainSubstring("Normal Deleted secret deleted because it was orphaned"))
	})

	It("may be that of two ExternalSecrets only if they share it", func(ctx context.Context) {
		ns := namespace(ctx, "target-shared")
		part := func(name, target, key string) string {
			return `---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: ` + name + `}
spec:
  secretStoreRef: {name: fake}
  target: {` + target + `}
  data: [{secretKey: ` + key + `, remoteRef: {key: db, property: ` + key + `}}]
`
		}
		applyIn(ctx, ns, fakeStore+part("first", "name: owned", "user")+existing("shared")+
			part("left", "name: shared, creationPolicy: Merge", "user")+part("right", "name: shared, creationPolicy: Merge", "password"))
		Eventually(data(ctx, ns, "shared")).Should(Equal(both))
		externalSecretOf(ctx, ns, "first", esv1.ReasonSecretSynced)
		applyIn(ctx, ns, part("second", "name: owned", "password")+part("guest", "name: owned, creationPolicy: Merge", "password"))
		externalSecretOf(ctx, ns, "second", esv1.ReasonSecretSyncedError, "target is owned by another ExternalSecret", "first")
		externalSecretOf(ctx, ns, "guest", esv1.ReasonSecretSyncedError, "target is owned by another ExternalSecret", "first")
		Expect(data(ctx, ns, "owned")()).To(Equal(map[string]string{"user": "CANARY-user"}))
		kubectl(ctx, "wait", "externalsecret", "-n", ns, "second", "--for=condition=Stalled", "--timeout=1s")
		kubectl(ctx, "delete", "externalsecret", "-n", ns, "first")
		Eventually(data(ctx, ns, "owned")).Should(Equal(map[string]string{"password": "CANARY-password"}))
		Expect(externalSecretOf(ctx, ns, "second", esv1.ReasonSecretSynced).Status.Conditions).To(HaveLen(1), "Stalled is taken away")
	})
})

var _ = Describe("an immutable target", Label("targets"), func() {
	It("is not changed, says so, and is made anew when it is deleted", func(ctx context.Context) {
		ns := namespace(ctx, "target-immutable")
		applyIn(ctx, ns, fakeStore+taking("fixed", "immutable: true", ""))
		externalSecretOf(ctx, ns, "fixed", esv1.ReasonSecretSynced)
		Expect(*secret(ctx, ns, "fixed").Immutable).To(BeTrue())
		applyIn(ctx, ns, strings.Replace(fakeStore, "CANARY-password", "CANARY-newer", 1))
		externalSecretOf(ctx, ns, "fixed", esv1.ReasonSecretSyncedError, `could not update secret, target is immutable: secret "fixed" is immutable`)
		Expect(data(ctx, ns, "fixed")()).To(Equal(taken))
		kubectl(ctx, "delete", "secret", "-n", ns, "fixed")
		Eventually(data(ctx, ns, "fixed")).Should(HaveKeyWithValue("password", "CANARY-newer"))
		externalSecretOf(ctx, ns, "fixed", esv1.ReasonSecretSynced)
	})
})

var _ = Describe("a target that somebody changes", Label("targets"), Ordered, func() {
	const ns = "target-drift"
	policies := map[string]string{
		"periodic": "  refreshInterval: 1h\n", "default": "", "once": "  refreshPolicy: CreatedOnce\n",
		"on-change": "  refreshPolicy: OnChange\n", "zero": "  refreshInterval: \"0\"\n",
	}
	edits := map[string]func(*corev1.Secret){
		"value edited":            func(s *corev1.Secret) { s.Data["password"] = []byte("CANARY-edited") },
		"key added":               func(s *corev1.Secret) { s.Data["extra"] = []byte("CANARY-extra") },
		"key removed":             func(s *corev1.Secret) { delete(s.Data, "user") },
		"label removed":           func(s *corev1.Secret) { delete(s.Labels, "team") },
		"mark removed":            func(s *corev1.Secret) { delete(s.Labels, esv1.LabelManaged) },
		"annotation edited":       func(s *corev1.Secret) { s.Annotations["note"] = "theirs" },
		"owner reference removed": func(s *corev1.Secret) { s.OwnerReferences = nil },
		"all metadata removed":    func(s *corev1.Secret) { s.Labels, s.Annotations, s.OwnerReferences = nil, nil, nil },
	}
	// whole are the targets as they are to be, without what others may add.
	whole := func(s *corev1.Secret) bool {
		return string(s.Data["user"]) == "CANARY-user" && string(s.Data["password"]) == "CANARY-password" && len(s.Data) == 3 &&
			s.Labels["team"] == "a" && s.Labels[esv1.LabelManaged] == "true" && s.Annotations["note"] == "noted" && metav1.GetControllerOf(s) != nil
	}

	It("is repaired within a second, whatever the refresh policy, and without a new generated value", func(ctx context.Context) {
		namespace(ctx, ns)
		manifests := []string{fakeStore, password("{length: 30, allowRepeat: true, secretKeys: [generated]}")}
		for name, refresh := range policies {
			manifests = append(manifests, marked(taking(name, "", refresh), "labels: {team: a}", "annotations: {note: noted}"),
				"  dataFrom: [{sourceRef: {generatorRef: {kind: Password, name: p}}}]\n")
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		generated := map[string]string{}
		for name := range policies {
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSynced)
			generated[name] = data(ctx, ns, name)()["generated"]
			Expect(generated[name]).To(HaveLen(30))
		}
		for edit, apply := range edits {
			for name := range policies {
				change(ctx, ns, name, apply)
			}
			for name := range policies {
				Eventually(func() bool { return whole(secret(ctx, ns, name)) }).WithTimeout(3*time.Second).Should(BeTrue(), "%s: %s", name, edit)
				Expect(data(ctx, ns, name)()["generated"]).To(Equal(generated[name]), "%s: %s", name, edit)
			}
		}
	})

	It("is made anew when it was deleted", func(ctx context.Context) {
		kubectl(ctx, "delete", "secret", "-n", ns, "periodic", "default", "once", "on-change", "zero")
		for name := range policies {
			Eventually(func() bool { return whole(secret(ctx, ns, name)) }).WithTimeout(3*time.Second).Should(BeTrue(), name)
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSynced)
		}
	})

	It("is left alone under creationPolicy Orphan until the next refresh", func(ctx context.Context) {
		applyIn(ctx, ns, taking("orphan", "creationPolicy: Orphan", ""))
		externalSecretOf(ctx, ns, "orphan", esv1.ReasonSecretSynced)
		change(ctx, ns, "orphan", edits["value edited"])
		// What was edited afterwards has been repaired, so the first would have been.
		change(ctx, ns, "default", edits["value edited"])
		Eventually(func() bool { return whole(secret(ctx, ns, "default")) }).Should(BeTrue())
		Expect(data(ctx, ns, "orphan")()).To(HaveKeyWithValue("password", "CANARY-edited"))
		kubectl(ctx, "delete", "secret", "-n", ns, "orphan", "default")
		Eventually(func() bool { return whole(secret(ctx, ns, "default")) }).Should(BeTrue())
		Expect(exists(ctx, &corev1.Secret{}, ns, "orphan")()).To(BeFalse())
		kubectl(ctx, "annotate", "externalsecret", "-n", ns, "orphan", "force-sync=1")
		Eventually(data(ctx, ns, "orphan")).Should(Equal(taken))
	})
})

var _ = Describe("the template of a target", Label("targets"), func() {
	It("sets type, metadata and finalizers, and then nothing is copied", func(ctx context.Context) {
		ns := namespace(ctx, "target-types")
		own := []string{"labels: {own: label}", "annotations: {own: annotation, argocd.argoproj.io/tracking-id: x}"}
		typed := func(kind, fields string) string {
			template := `type: ` + kind + `, data: ` + fields + `, metadata: {labels: {tpl: "{{ .user | lower }}"}, annotations: {tpl: a}}`
			return marked(taking(named(kind), "template: {"+template+"}", ""), own...)
		}
		types := map[string]string{
			"kubernetes.io/tls":              `{tls.crt: "{{ .user }}", tls.key: "{{ .password }}"}`,
			"kubernetes.io/dockerconfigjson": `{.dockerconfigjson: '{"auths":{"r":{"auth":"{{ printf "%s:%s" .user .password | b64enc }}"}}}'}`,
			"kubernetes.io/basic-auth":       `{username: "{{ .user }}", password: "{{ .password }}"}`,
			"kubernetes.io/ssh-auth":         `{ssh-privatekey: "{{ .password }}"}`,
			"example.com/own":                `{any: "{{ .user }}"}`,
		}
		manifests := []string{
			fakeStore, marked(taking("plain", "", ""), own...),
			taking("finalized", "template: {metadata: {finalizers: [example.com/keep]}}", ""),
		}
		for kind, fields := range types {
			manifests = append(manifests, typed(kind, fields))
		}
		applyIn(ctx, ns, strings.Join(manifests, ""))
		for kind, fields := range types {
			s := secret(ctx, ns, named(kind))
			Expect(string(s.Type)).To(Equal(kind))
			Expect(s.Data).To(HaveLen(strings.Count(fields, ": ")), kind)
			Expect(s.Labels).To(SatisfyAll(HaveKeyWithValue("tpl", "canary-user"), Not(HaveKey("own"))))
			Expect(s.Annotations).To(SatisfyAll(HaveKeyWithValue("tpl", "a"), Not(HaveKey("own"))))
		}
		plain := secret(ctx, ns, "plain")
		Expect(plain.Type).To(Equal(corev1.SecretTypeOpaque))
		Expect(plain.Labels).To(HaveKeyWithValue("own", "label"))
		Expect(plain.Annotations).To(SatisfyAll(HaveKeyWithValue("own", "annotation"), Not(HaveKey("argocd.argoproj.io/tracking-id")),
			Not(HaveKey(corev1.LastAppliedConfigAnnotation))))
		Expect(secret(ctx, ns, "finalized").Finalizers).To(ConsistOf("example.com/keep"))
		Expect(data(ctx, ns, "finalized")()).To(Equal(taken))
		kubectl(ctx, "patch", "secret", "-n", ns, "finalized", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		Eventually(func() []string { return secret(ctx, ns, "finalized").Finalizers }).Should(BeEmpty())
	})

	It("cannot ask for a credential of the cluster, nor for another type than the target has", func(ctx context.Context) {
		ns := namespace(ctx, "target-refused")
		applyIn(ctx, ns, fakeStore+existing("retyped")+
			taking("retyped", "template: {type: kubernetes.io/basic-auth}", "")+
			taking("account", "template: {type: kubernetes.io/service-account-token}", "")+
			taking("bootstrap", "template: {type: bootstrap.kubernetes.io/token}", "")+
			taking("bound", "template: {metadata: {annotations: {kubernetes.io/service-account.name: default}}}", "")+
			taking("misplaced", `template: {templateFrom: [{target: spec, literal: "a: b"}]}`, ""))
		for name, says := range map[string][]string{
			"retyped":   {`secret "retyped" has type Opaque, which cannot be changed to kubernetes.io/basic-auth`, "delete the secret"},
			"account":   {"spec.target.template: type kubernetes.io/service-account-token is refused"},
			"bootstrap": {"type bootstrap.kubernetes.io/token is refused"},
			"bound":     {"annotation kubernetes.io/service-account.* is refused"},
			"misplaced": {
				"spec.target.template.templateFrom[0]",
				`templateFrom target="spec" is not allowed when targeting a Secret, must be one of "Data", "Annotations" or "Labels"`,
			},
		} {
			externalSecretOf(ctx, ns, name, esv1.ReasonSecretSyncedError, says...)
		}
		Expect(data(ctx, ns, "retyped")()).To(Equal(theirs))
	})
})
