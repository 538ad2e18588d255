package scenarios_test

import (
	"bytes"
	"context"
	"os"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

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
	for _, block := range yamlBlock.FindAllSubmatch(text, -1) {
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

var _ = Describe("a page of documentation", Label("pages"), func() {
	It("shows what the sources of an ExternalSecret really yield", func(ctx context.Context) {
		ns := namespace(ctx, "page-sources")
		p := readPage("docs/guides/sources.md")
		applyIn(ctx, ns, granted(ns, "reader", "[get, list]")+`---
{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: kubernetes}, spec: {provider: {kubernetes: {
  remoteNamespace: page-sources, auth: {serviceAccount: {name: reader}}}}}}`)
		applyIn(ctx, ns, p.manifests)
		Expect(p.names).NotTo(BeEmpty())
		for _, name := range p.names {
			Expect(p.results).To(HaveKey(name), "the page does not show what comes out")
			Eventually(ready(ctx, &esv1.ExternalSecret{}, ns, name)).Should(haveStatus(metav1.ConditionTrue), name)
			got := map[string]string{}
			for key, value := range secret(ctx, ns, name).Data {
				got[key] = string(value)
			}
			Expect(got).To(Equal(p.results[name].StringData), name)
		}
	})
})
