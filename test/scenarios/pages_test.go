package scenarios_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/guide"
)

// manifests returns the blocks of YAML on a page, in their order.
func manifests(page string) []string {
	GinkgoHelper()
	blocks, err := guide.Blocks(world.Path(page))
	Expect(err).NotTo(HaveOccurred())
	var all []string
	for _, block := range blocks {
		if block.Info == "yaml" {
			all = append(all, block.Text)
		}
	}
	return all
}

// page is what the examples of a page of documentation say.
type page struct {
	// manifests are what a reader applies.
	manifests string
	// names are the ExternalSecrets among them.
	names []string
	// results are the Secrets that are shown as what comes out: those that have the name of an ExternalSecret.
	results map[string]corev1.Secret
}

func readPage(path string) page {
	GinkgoHelper()
	p := page{results: map[string]corev1.Secret{}}
	for _, block := range manifests(path) {
		for document := range strings.SplitSeq(block, "---\n") {
			var meta metav1.PartialObjectMetadata
			Expect(yaml.Unmarshal([]byte(document), &meta)).To(Succeed())
			last := len(p.names) - 1
			if meta.Kind == "Secret" && last >= 0 && meta.Name == p.names[last] {
				var result corev1.Secret
				Expect(yaml.UnmarshalStrict([]byte(document), &result)).To(Succeed())
				p.results[meta.Name] = result
				continue
			}
			if meta.Kind == "ExternalSecret" {
				p.names = append(p.names, meta.Name)
			}
			p.manifests += "---\n" + document
		}
	}
	return p
}

var _ = DescribeTable("a page of documentation shows what really comes out of its examples", Label("pages"),
	func(ctx context.Context, path, ns string, prepare ...string) {
		namespace(ctx, ns)
		p := readPage(path)
		applyIn(ctx, ns, strings.Join(prepare, "")+p.manifests)
		Expect(p.names).NotTo(BeEmpty())
		for _, name := range p.names {
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, name)).Should(haveStatus(metav1.ConditionTrue), name)
			delivered := secret(ctx, ns, name)
			if result, shown := p.results[name]; shown {
				Expect(texts(delivered.Data)).To(Equal(result.StringData), name)
			}
		}
	},
	Entry("sources", "docs/guides/sources.md", "page-sources", granted("page-sources", "store", "[get, list]"), `---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: kubernetes}
spec: {provider: {kubernetes: {remoteNamespace: page-sources, auth: {serviceAccount: {name: store}}}}}
`),
	Entry("the fake provider", "docs/providers/fake.md", "page-fake"),
	Entry("the generator Fake", "docs/generators/fake.md", "page-generator-fake"),
	Entry("the generator MFA", "docs/generators/mfa.md", "page-generator-mfa"),
	Entry("the generator Password", "docs/generators/password.md", "page-generator-password"),
	Entry("the generator SSHKey", "docs/generators/sshkey.md", "page-generator-sshkey"),
	Entry("the generator UUID", "docs/generators/uuid.md", "page-generator-uuid"),
)

// texts are the values of a Secret as users write them.
func texts(data map[string][]byte) map[string]string {
	all := make(map[string]string, len(data))
	for key, value := range data {
		all[key] = string(value)
	}
	return all
}

var _ = Describe("the page on sources", Label("pages"), func() {
	It("shows what comes out of each of its examples", func() {
		p := readPage("docs/guides/sources.md")
		Expect(p.results).To(HaveLen(len(p.names)))
	})
})

// present makes a namespace that a page names, unless another page has named it before.
func present(ctx context.Context, name string) {
	GinkgoHelper()
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(client.IgnoreAlreadyExists(world.Client.Create(ctx, made))).To(Succeed())
}

var _ = Describe("the page on the Kubernetes provider", Label("pages"), func() {
	It("shows a store that works, and a push into another namespace with the rights there", func(ctx context.Context) {
		for _, name := range []string{"secret-storage", "application", "another-namespace"} {
			present(ctx, name)
		}
		blocks := manifests("docs/providers/kubernetes.md")
		Expect(blocks).To(HaveLen(3))
		store, push := blocks[0], blocks[2]
		apply(ctx, store+"---\n"+push+`---
apiVersion: generators.external-secrets.io/v1alpha1
kind: Password
metadata: {name: application-password, namespace: application}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: store, namespace: another-namespace}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: store, namespace: another-namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: store}
subjects: [{kind: ServiceAccount, name: store, namespace: secret-storage}]
`)
		Eventually(ready(ctx, &esv1.ClusterSecretStore{}, "", "secret-storage")).Should(haveStatus(metav1.ConditionTrue))
		Eventually(ready(ctx, &esv1alpha1.PushSecret{}, "application", "application-password")).Should(haveStatus(metav1.ConditionTrue))
		Expect(secret(ctx, "another-namespace", "application")).To(SatisfyAll(
			HaveField("Data", HaveKeyWithValue("password", HaveLen(24))),
			HaveField("Labels", HaveKeyWithValue("app.kubernetes.io/part-of", "shop"))))
	})
})

var _ = Describe("the documentation", Label("pages"), func() {
	It("shows no manifest that the API server refuses", func(ctx context.Context) {
		pages := []string{"README.md"}
		Expect(filepath.WalkDir(world.Path("docs"), func(path string, _ fs.DirEntry, err error) error {
			if rel, below := strings.CutPrefix(path, world.Path("")+"/"); below && filepath.Ext(path) == ".md" {
				pages = append(pages, rel)
			}
			return err
		})).To(Succeed())
		shown := 0
		for _, page := range pages {
			blocks := slices.DeleteFunc(manifests(page), func(block string) bool { return !strings.Contains("\n"+block, "\napiVersion: ") })
			if len(blocks) == 0 {
				continue
			}
			shown++
			all := strings.Join(blocks, "---\n")
			for document := range strings.SplitSeq(all, "---\n") {
				var meta metav1.PartialObjectMetadata
				Expect(yaml.Unmarshal([]byte(document), &meta)).To(Succeed(), page)
				if meta.Namespace != "" {
					present(ctx, meta.Namespace)
				}
			}
			_, err := world.Kubectl(ctx, strings.NewReader(all), "apply", "--dry-run=server", "--validate=strict", "-f", "-")
			Expect(err).NotTo(HaveOccurred(), page)
		}
		Expect(shown).To(BeNumerically(">", 8))
	})
})
