package scenarios_test

import (
	"context"
	"os/exec"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/test/story"
)

var _ = Describe("the walkthrough", Label("walkthrough"), func() {
	It("shares one password among all that ask for it, and keeps what was applied byte for byte", func(ctx context.Context) {
		for _, step := range story.Walkthrough() {
			if step.File == devblog {
				continue // it has scenarios of its own, one of which measures its first time
			}
			Expect(world.Apply(ctx, step.File)).To(Succeed())
			expectStored(ctx, objectsOf(step.File)...)
		}
		password := string(secret(ctx, "demo-article-storage", "app-password-secret").Data["app-password-secret-key"])
		Expect(password).To(HaveLen(42))
		Expect(string(secret(ctx, "demo-article-app", "app-credentials").Data["connectionString"])).To(HaveSuffix("Password=" + password))
		Expect(string(secret(ctx, "demo-database", "database-superuser").Data["password"])).To(Equal(password))
		Expect(string(secret(ctx, "demo-database", "database-backup").Data["PGPASSWORD"])).To(Equal(password))
		Expect(secret(ctx, "demo-grafana", "grafana-database").Data).To(HaveKey("GF_DATABASE_URL"))
		direct := secret(ctx, "demo-direct-storage", "app-password-secret")
		Expect(direct.Data).To(HaveKeyWithValue("app-password-secret-key", HaveLen(42)))
		Expect(metav1.GetControllerOf(direct).Name).To(Equal("eso-app-password"))
		for _, step := range story.Walkthrough() {
			if step.File == devblog {
				continue
			}
			expectWorking(ctx, objectsOf(step.File)...)
			expectStored(ctx, objectsOf(step.File)...)
			expectUnchanged(ctx, objectsOf(step.File), "apply", "-f", world.Path(step.File))
		}
	})

	It("generates once for an ExternalSecret that takes the generator directly", func(ctx context.Context) {
		const file, ns = "config/demo/30-generated-directly.yaml", "demo-direct-storage"
		Expect(world.Apply(ctx, file)).To(Succeed())
		before := secret(ctx, ns, "app-password-secret")
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "eso-app-password")).Should(haveStatus(metav1.ConditionTrue))
		kubectl(ctx, "label", "--overwrite", "-f", world.Path(file), "team=red")
		kubectl(ctx, "patch", "externalsecret", "-n", ns, "eso-app-password", "--type=merge", "-p",
			`{"spec":{"target":{"template":{"data":{"app-password-secret-key":"{{ .password | upper }}"}}}}}`)
		Eventually(ready(ctx, &es, ns, "eso-app-password")).Should(SatisfyAll(
			haveStatus(metav1.ConditionTrue), say("generation 2 is not applied", "generation 1 was synced", "CreatedOnce")))
		Expect(secret(ctx, ns, "app-password-secret").ResourceVersion).To(Equal(before.ResourceVersion))
	})
})

var _ = Describe("a Helm chart", Label("helm"), func() {
	It("holds templates that are escaped for Helm, or that use other delimiters", func(ctx context.Context) {
		const ns = "demo-chart"
		out, err := exec.CommandContext(ctx, world.Path("bin/helm"), "template", "demo", world.Path("config/demo/chart"), "--namespace", ns).Output()
		Expect(err).NotTo(HaveOccurred())
		apply(ctx, string(out))
		for _, name := range []string{"demo-escaped", "demo-delimiters"} {
			s := secret(ctx, ns, name)
			password := string(s.Data["app-password-secret-key"])
			Expect(password).To(HaveLen(42), name)
			Expect(string(s.Data["connectionString"])).To(HaveSuffix("Password="+password), name)
		}
	})
})

var _ = Describe("a template that is escaped for Helm and applied without it", Label("helm"), func() {
	It("renders to the literal text, and the status says so", func(ctx context.Context) {
		ns := namespace(ctx, "unescaped")
		applyIn(ctx, ns, fakeStore+externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: password, remoteRef: {key: db}}],
  target: {template: {data: {key: '{{"{{ .password }}"}}'}}}}`))
		Expect(secret(ctx, ns, "wrong").Data).To(HaveKeyWithValue("key", []byte("{{ .password }}")))
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "wrong")).Should(SatisfyAll(haveStatus(metav1.ConditionTrue), say("[key]", "escaped for Helm", "{{ .x }}")))
	})
})

var _ = Describe("a manifest of the former version", Label("v1beta1"), func() {
	It("is served, and acted on", func(ctx context.Context) {
		ns := namespace(ctx, "former")
		manifests := fakeStore + externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db, property: user}}]}`)
		manifests = strings.ReplaceAll(manifests, "external-secrets.io/v1\n", "external-secrets.io/v1beta1\n")
		_, err := world.Kubectl(ctx, strings.NewReader(manifests), "apply", "-n", ns, "--warnings-as-errors", "--dry-run=server", "-f", "-")
		Expect(err).To(MatchError(SatisfyAll(
			ContainSubstring("external-secrets.io/v1beta1 ExternalSecret is deprecated"),
			ContainSubstring("external-secrets.io/v1beta1 SecretStore is deprecated"))))
		applyIn(ctx, ns, manifests)
		Expect(secret(ctx, ns, "wrong").Data).To(HaveKeyWithValue("a", []byte("CANARY-user")))
	})
})
