package scenarios_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// example is a block of YAML in a page.
var example = regexp.MustCompile("(?s)```yaml\n(.*?)```")

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
	text, err := os.ReadFile(world.Path(path))
	Expect(err).NotTo(HaveOccurred())
	p := page{results: map[string]corev1.Secret{}}
	for _, block := range example.FindAllSubmatch(text, -1) {
		for document := range bytes.SplitSeq(block[1], []byte("---\n")) {
			var meta metav1.PartialObjectMetadata
			Expect(yaml.Unmarshal(document, &meta)).To(Succeed())
			last := len(p.names) - 1
			if meta.Kind == "Secret" && last >= 0 && meta.Name == p.names[last] {
				var result corev1.Secret
				Expect(yaml.UnmarshalStrict(document, &result)).To(Succeed())
				p.results[meta.Name] = result
				continue
			}
			if meta.Kind == "ExternalSecret" {
				p.names = append(p.names, meta.Name)
			}
			p.manifests += "---\n" + string(document)
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
	Entry("the generator Password", "docs/generators/password.md", "page-generator-password"),
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
