package scenarios_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-operator/sluice/test/story"
)

const cloudnativepg = "examples/cloudnativepg"

// shared is one of the forms in which the example of a database password is given.
type shared struct {
	// prefix is what its namespaces have before those of the plain form.
	prefix string
	// name is that of the PushSecret, and of the secret in the store.
	name string
	// login and client are the names of the Secrets of the database and of its client.
	login, client string
	// render returns the manifests as they are applied.
	render func(ctx context.Context) string
}

// plain is the example as it is applied without further tools.
func plain() shared {
	return shared{name: "grafana-database", login: "grafana-login", client: "grafana-database", render: func(ctx context.Context) string {
		return kubectl(ctx, "kustomize", world.Path(cloudnativepg+"/plain"))
	}}
}

// charted is the example as Helm renders it, in namespaces of its own.
func charted() shared {
	return shared{
		prefix: "chart-", name: "orders", login: "orders-login", client: "orders-database",
		render: func(ctx context.Context) string {
			values := "namespaces.passwords=chart-passwords,namespaces.database=chart-database,namespaces.grafana=chart-grafana"
			out, err := exec.CommandContext(ctx, world.Path("bin/helm"), "template", "orders", world.Path(cloudnativepg+"/chart"), "--set", values).Output()
			Expect(err).NotTo(HaveOccurred())
			return string(out)
		},
	}
}

// overlaid is the example as Kustomize changes it for a second environment.
func overlaid() shared {
	s := plain()
	s.prefix = "staging-"
	s.render = func(ctx context.Context) string {
		return kubectl(ctx, "kustomize", world.Path(cloudnativepg+"/kustomize"))
	}
	return s
}

// passwords are the password in the store, that of the database, and that of the client as it stands in its URI.
func (s shared) passwords(ctx context.Context) (stored, database, client string) {
	GinkgoHelper()
	uri, err := url.Parse(string(s.secrets(ctx)[2].Data["GF_DATABASE_URL"]))
	Expect(err).NotTo(HaveOccurred())
	client, _ = uri.User.Password()
	return string(s.secrets(ctx)[0].Data["password"]), string(s.secrets(ctx)[1].Data["password"]), client
}

// secrets are the Secrets of the store, of the database and of the client.
func (s shared) secrets(ctx context.Context) []*corev1.Secret {
	GinkgoHelper()
	return []*corev1.Secret{
		secret(ctx, s.prefix+"passwords", s.name), secret(ctx, s.prefix+"database", s.login), secret(ctx, s.prefix+"grafana", s.client),
	}
}

// versions are the resource versions of the Secrets.
func (s shared) versions(ctx context.Context) []string {
	GinkgoHelper()
	var all []string
	for _, held := range s.secrets(ctx) {
		all = append(all, held.ResourceVersion)
	}
	return all
}

// versionSynced is what the status of an object says about the state that was last acted on.
func versionSynced(ctx context.Context, object *unstructured.Unstructured) string {
	GinkgoHelper()
	now := object.DeepCopy()
	Expect(world.Client.Get(ctx, keyOf(object), now)).To(Succeed())
	version, _, err := unstructured.NestedString(now.Object, "status", "syncedResourceVersion")
	Expect(err).NotTo(HaveOccurred())
	return version
}

var _ = DescribeTable("the example for CloudNativePG", Label("cloudnativepg"),
	func(ctx context.Context, form func() shared) {
		s := form()
		for _, name := range []string{"passwords", "database", "grafana"} {
			present(ctx, s.prefix+name)
		}
		file := filepath.Join(GinkgoT().TempDir(), "manifests.yaml")
		rendered := s.render(ctx)
		Expect(os.WriteFile(file, []byte(rendered), 0o600)).To(Succeed())
		objects, err := story.Parse(strings.NewReader(rendered))
		Expect(err).NotTo(HaveOccurred())

		By("giving the database and its client one password, each in its own form")
		kubectl(ctx, "apply", "--validate=strict", "-f", file)
		expectWorking(ctx, objects...)
		expectStored(ctx, objects...)
		stored, database, client := s.passwords(ctx)
		Expect(stored).To(HaveLen(42))
		Expect(database).To(Equal(stored))
		Expect(client).To(Equal(stored))
		first := s.versions(ctx)
		login := s.secrets(ctx)[1]
		Expect(login.Type).To(Equal(corev1.SecretTypeBasicAuth))
		Expect(login.Labels).To(HaveKeyWithValue("cnpg.io/reload", "true"))
		Expect(login.Data).To(HaveKeyWithValue("username", []byte("grafana")))
		Expect(s.secrets(ctx)[2].Type).To(Equal(corev1.SecretTypeOpaque))
		Expect(string(s.secrets(ctx)[2].Data["GF_DATABASE_URL"])).To(And(
			HavePrefix("postgres://grafana:"), MatchRegexp(`@database-rw\.([a-z]+-)?database:5432/grafana$`)))

		By("changing nothing when a GitOps tool applies it again, on the client's side or on the server's")
		server := []string{"apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", file}
		expectUnchanged(ctx, objects, "apply", "-f", file)
		kubectl(ctx, server...) // from now on the fields belong to this tool too
		expectUnchanged(ctx, objects, server...)
		Expect(s.versions(ctx)).To(Equal(first))

		By("changing nothing when a GitOps tool marks the objects as its own")
		for _, mark := range [][]string{
			{"annotate", "argocd.argoproj.io/tracking-id=shop:x", "meta.helm.sh/release-name=shop"},
			{"label", "kustomize.toolkit.fluxcd.io/name=shop", "app.kubernetes.io/instance=shop"},
		} {
			before := map[*unstructured.Unstructured]string{}
			for _, object := range objects {
				if object.GetKind() == "PushSecret" || object.GetKind() == "ExternalSecret" {
					before[object] = versionSynced(ctx, object)
				}
			}
			Expect(before).To(HaveLen(3))
			kubectl(ctx, append(mark, "--overwrite", "-f", file)...)
			for object, version := range before {
				Eventually(versionSynced).WithArguments(ctx, object).ShouldNot(Equal(version), "%s is looked at", object.GetKind())
			}
			expectWorking(ctx, objects...)
			Expect(s.versions(ctx)).To(Equal(first))
		}

		By("making one new password for all on request")
		rotate := []string{"annotate", "--overwrite", "pushsecret", s.name, "--namespace", s.prefix + "passwords", "sluice.dev/rotate=password@2026-11-26"}
		kubectl(ctx, rotate...)
		Eventually(func(g Gomega) {
			renewed, database, client := s.passwords(ctx)
			g.Expect(renewed).NotTo(Equal(stored))
			g.Expect(database).To(Equal(renewed))
			g.Expect(client).To(Equal(renewed))
		}).Should(Succeed())
		expectWorking(ctx, objects...)
		second := s.versions(ctx)
		kubectl(ctx, rotate...)
		expectUnchanged(ctx, objects, "apply", "-f", file)
		expectUnchanged(ctx, objects, server...)
		Expect(s.versions(ctx)).To(Equal(second))
	},
	Entry("as it is", plain),
	Entry("as a Helm chart", charted, Label("helm")),
	Entry("with Kustomize", overlaid),
)
