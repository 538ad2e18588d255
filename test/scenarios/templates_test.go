package scenarios_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/templates"
	"github.com/sluice-operator/sluice/test/guide"
)

// expected is what a user expects of a Secret.
type expected struct {
	Type                                string
	Labels, Annotations, Data           map[string]string
	NoLabels, NoAnnotations, Finalizers []string
}

// shaped is an ExternalSecret with a template, and what its user expects.
type shaped struct {
	Reason   string
	Metadata metav1.ObjectMeta
	Spec     map[string]any
	Want     *expected
	Says     []string
}

// shapedSecrets reads testdata/templates.yaml.
func shapedSecrets() []shaped {
	text, err := os.ReadFile("testdata/templates.yaml")
	if err != nil {
		panic(err) // before any spec runs
	}
	var all []shaped
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		panic(err)
	}
	return all
}

// material are a certificate with its chain and key, and archives of them.
func material() map[string]string {
	GinkgoHelper()
	all := map[string]any{}
	for _, step := range [][2]string{
		{"root.key", `{{ genPrivateKey "ecdsa" }}`},
		{"leaf.key", `{{ genPrivateKey "ecdsa" }}`},
		{"root", `{{ (genCAWithKey "root" 9 (index . "root.key")).Cert }}`},
		{"leaf", `{{ $ca := buildCustomCert (b64enc .root) (index . "root.key" | b64enc) }}` +
			`{{ (genSignedCertWithKey "leaf" (list "192.0.2.1") (list "example.com") 9 $ca (index . "leaf.key")).Cert }}`},
		{"chain", `{{ .leaf }}{{ .root }}`},
		{"archive", `{{ fullPemToPkcs12 .chain (index . "leaf.key") }}`},
		{"protected", `{{ fullPemToPkcs12Pass .chain (index . "leaf.key") "changeit" }}`},
		{"key", `{{ .archive | b64dec | pkcs12key }}`},
		{"mixed", `{{ .root }}{{ .leaf }}`},
		{"pem", `{{ .key }}{{ .mixed }}`},
	} {
		text, err := templates.New().Text(step[0], step[1], all)
		Expect(err).NotTo(HaveOccurred())
		all[step[0]] = string(text)
	}
	texts := map[string]string{}
	for name, text := range all {
		texts[name] = fmt.Sprint(text)
	}
	return texts
}

// shapedName is the name of the ExternalSecret of one entry.
func shapedName(index int) string { return fmt.Sprintf("shaped-%02d", index) }

var _ = Describe("a template", Label("templates"), Ordered, func() {
	const ns = "templates"
	var made map[string]string

	BeforeAll(func(ctx context.Context) {
		namespace(ctx, ns)
		made = material()
		text, err := os.ReadFile("testdata/templates-sources.yaml")
		Expect(err).NotTo(HaveOccurred())
		sources := string(text)
		for name, text := range made {
			sources = strings.ReplaceAll(sources, "{"+name+"}", quoted(text))
		}
		var manifests strings.Builder
		manifests.WriteString(sources)
		for i, one := range shapedSecrets() {
			one.Metadata.Name = shapedName(i)
			one.Spec["secretStoreRef"] = map[string]any{"name": "example"}
			manifests.WriteString("\n---\n" + document(map[string]any{
				"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": one.Metadata, "spec": one.Spec,
			}))
		}
		applyIn(ctx, ns, manifests.String())
	})

	for i, one := range shapedSecrets() {
		It("shapes a Secret: "+one.Reason, func(ctx context.Context) {
			var es esv1.ExternalSecret
			if one.Want == nil {
				Eventually(ready(ctx, &es, ns, shapedName(i))).Should(SatisfyAll(
					haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1.ReasonSecretSyncedError), say(one.Says...)))
				return
			}
			Eventually(ready(ctx, &es, ns, shapedName(i))).Should(SatisfyAll(
				haveStatus(metav1.ConditionTrue), HaveField("Reason", esv1.ReasonSecretSynced), say("secret synced")))
			expectShape(secret(ctx, ns, shapedName(i)), one.Want, made)
		})
	}

	It("adds to what a PushSecret pushes", func(ctx context.Context) {
		applyIn(ctx, ns, `
{apiVersion: v1, kind: Secret, metadata: {name: pushed}, stringData: {user: CANARY-user}}
---
apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: shaped}
spec:
  secretStoreRefs: [{name: example}]
  selector: {secret: {name: pushed}}
  template:
    templateFrom: [{configMap: {name: texts, items: [{key: greeting}]}}]
    data: {loud: "{{ .user | upper }}"}
  data:
    - {match: {secretKey: greeting, remoteRef: {remoteKey: pushed-greeting}}}
    - {match: {secretKey: loud, remoteRef: {remoteKey: pushed-loud}}}
    - {match: {secretKey: user, remoteRef: {remoteKey: pushed-user}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: read-back}
spec:
  secretStoreRef: {name: example}
  data:
    - {secretKey: greeting, remoteRef: {key: pushed-greeting}}
    - {secretKey: loud, remoteRef: {key: pushed-loud}}
    - {secretKey: user, remoteRef: {key: pushed-user}}
`)
		expectShape(secret(ctx, ns, "read-back"), &expected{
			Data: map[string]string{"greeting": "hello CANARY-user", "loud": "CANARY-USER", "user": "CANARY-user"},
		}, nil)
	})
})

// expectShape expects a Secret to be as its user wants it: all data, and at least these labels and annotations.
func expectShape(got *corev1.Secret, want *expected, made map[string]string) {
	GinkgoHelper()
	data := map[string]string{}
	for key, value := range got.Data {
		data[key] = string(value)
	}
	wanted := map[string]string{}
	for key, value := range want.Data {
		wanted[key] = value
		if text, ok := made[strings.Trim(value, "{}")]; ok && strings.HasPrefix(value, "{") {
			wanted[key] = text
		}
	}
	Expect(data).To(Equal(wanted))
	if want.Type != "" {
		Expect(string(got.Type)).To(Equal(want.Type))
	}
	for key, value := range want.Labels {
		Expect(got.Labels).To(HaveKeyWithValue(key, value))
	}
	for key, value := range want.Annotations {
		Expect(got.Annotations).To(HaveKeyWithValue(key, value))
	}
	for _, key := range want.NoLabels {
		Expect(got.Labels).NotTo(HaveKey(key))
	}
	for _, key := range want.NoAnnotations {
		Expect(got.Annotations).NotTo(HaveKey(key))
	}
	Expect(got.Finalizers).To(ConsistOf(want.Finalizers))
}

// document is an object as YAML.
func document(object any) string {
	GinkgoHelper()
	text, err := yaml.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// quoted is a text as YAML, on one line.
func quoted(text string) string { return fmt.Sprintf("%q", text) }

const templatesPage = "docs/guides/templates.md"

var _ = Describe("the guide to templates", Label("templates", "helm"), func() {
	It("has charts that Helm and the operator make of what it says", func(ctx context.Context) {
		ns := namespace(ctx, "templates-guide")
		blocks, err := guide.Blocks(world.Path(templatesPage))
		Expect(err).NotTo(HaveOccurred())
		var values map[string]string
		Expect(yaml.UnmarshalStrict([]byte(blocks[0].Text), &values)).To(Succeed())
		applyIn(ctx, ns, document(map[string]any{
			"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": map[string]any{"name": "example"},
			"spec": map[string]any{"provider": map[string]any{"fake": map[string]any{
				"data": []any{map[string]any{"key": "all", "value": jsonOf(values)}},
			}}},
		}))
		charts, name := 0, ""
		for _, block := range blocks {
			switch block.Info {
			case "yaml helm":
				manifest := helmTemplate(ctx, block.Text)
				applyIn(ctx, ns, manifest)
				var object metav1.PartialObjectMetadata
				Expect(yaml.Unmarshal([]byte(manifest), &object)).To(Succeed())
				name = object.Name
				charts++
			case "yaml result":
				if name != "" {
					var want expected
					Expect(yaml.UnmarshalStrict([]byte(block.Text), &want)).To(Succeed())
					expectShape(secret(ctx, ns, name), &want, nil)
				}
				name = ""
			}
		}
		Expect(charts).To(Equal(3))
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "demo-forgotten")).Should(SatisfyAll(
			haveStatus(metav1.ConditionTrue), say("[password]", "the template is empty; if it comes from a Helm chart, ")))
	})

	It("shows what Helm makes of a template that is not escaped", func(ctx context.Context) {
		blocks, err := guide.Blocks(world.Path(templatesPage))
		Expect(err).NotTo(HaveOccurred())
		shown := 0
		for i, block := range blocks {
			if block.Info == "yaml manifest" {
				shown++
				Expect(helmTemplate(ctx, blocks[i-1].Text)).To(MatchYAML(block.Text))
			}
		}
		Expect(shown).To(Equal(1))
	})
})

// helmTemplate renders a chart of one file with the real Helm.
func helmTemplate(ctx context.Context, file string) string {
	GinkgoHelper()
	chart := GinkgoT().TempDir()
	for name, text := range map[string]string{
		"Chart.yaml": "{apiVersion: v2, name: guide, version: 0.0.1}", "values.yaml": "host: chart.example.com", "templates/file.yaml": file,
	} {
		path := filepath.Join(chart, name)
		Expect(os.MkdirAll(filepath.Dir(path), 0o750)).To(Succeed())
		Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	}
	out, err := exec.CommandContext(ctx, world.Path("bin/helm"), "template", "demo", chart).Output()
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

// jsonOf is a value as JSON.
func jsonOf(v any) string {
	GinkgoHelper()
	text, err := yaml.Marshal(v)
	Expect(err).NotTo(HaveOccurred())
	text, err = yaml.YAMLToJSON(text)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}
