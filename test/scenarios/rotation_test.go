package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-operator/sluice/test/guide"
)

const databasePasswords = "docs/guides/database-passwords.md"

// recipes are the blocks of the guide to database passwords, by what stands behind their opening fence.
func recipes() map[string][]string {
	GinkgoHelper()
	blocks, err := guide.Blocks(world.Path(databasePasswords))
	Expect(err).NotTo(HaveOccurred())
	all := map[string][]string{}
	for _, block := range blocks {
		all[block.Info] = append(all[block.Info], block.Text)
	}
	return all
}

// recipe is the manifests of the guide that name something.
func recipe(all []string, name string) string {
	GinkgoHelper()
	var found []string
	for _, block := range all {
		if strings.Contains(block, name) {
			found = append(found, block)
		}
	}
	Expect(found).NotTo(BeEmpty())
	return strings.Join(found, "---\n")
}

// replaced is a text in which something stands that is replaced.
func replaced(text, old, replacement string) string {
	GinkgoHelper()
	Expect(text).To(ContainSubstring(old))
	return strings.ReplaceAll(text, old, replacement)
}

var _ = Describe("the guide to database passwords", Label("postgres"), Ordered, func() {
	var (
		server *postgres
		guided map[string][]string
	)
	rotate := func(ctx context.Context, push, key string) {
		GinkgoHelper()
		kubectl(ctx, "annotate", "pushsecret", push, "--namespace", "passwords", "--overwrite", "sluice.dev/rotate="+key)
	}
	// change gives the database the password of a role, as the guide says.
	change := func(ctx context.Context, login *corev1.Secret) {
		GinkgoHelper()
		Expect(guided["sql change"]).To(HaveLen(1))
		server.run(ctx, guided["sql change"][0], "ROLE="+string(login.Data["username"]), "PASSWORD="+string(login.Data["password"]))
	}
	// renewed waits for another value of a key.
	renewed := func(ctx context.Context, before *corev1.Secret, key string) *corev1.Secret {
		GinkgoHelper()
		var now *corev1.Secret
		Eventually(func() string {
			now = secret(ctx, before.Namespace, before.Name)
			return string(now.Data[key])
		}).ShouldNot(Equal(string(before.Data[key])))
		return now
	}

	BeforeAll(func(ctx context.Context) {
		server, guided = startPostgres(ctx), recipes()
		kubectl(ctx, "apply", "-k", world.Path(cloudnativepg+"/plain"))
	})

	It("rotates two roles that take turns, and not one login is refused", func(ctx context.Context) {
		server.run(ctx, guided["sql roles"][0])
		manifests := replaced(recipe(guided["yaml"], "grafana-roles"), "database-rw.database:5432", server.address())
		apply(ctx, manifests)
		logins := map[string]*corev1.Secret{"a": secret(ctx, "database", "grafana-a"), "b": secret(ctx, "database", "grafana-b")}
		change(ctx, logins["a"])
		change(ctx, logins["b"])

		mounted, client := newMount(), secret(ctx, "grafana", "grafana-roles")
		mounted.follow(client)
		users := server.logInAllTheTime(ctx, `test "$(psql "$(cat "$MOUNT/GF_DATABASE_URL")" -Atc 'select current_user')" = grafana`, "MOUNT="+mounted.path)
		users.expectMore()
		inTurn := guided["yaml switch"]
		Expect(inTurn).To(HaveLen(1))
		turn := map[string]string{"b": replaced(inTurn[0], "database-rw.database:5432", server.address())}
		turn["a"] = replaced(replaced(turn["b"], "grafana_b", "grafana_a"), ".b ", ".a ")
		Expect(manifests).To(ContainSubstring(turn["a"]))

		for _, role := range []string{"b", "a"} {
			By("giving the role a new password that is not in use")
			rotate(ctx, "grafana-roles", role+"@2026-11-26")
			logins[role] = renewed(ctx, logins[role], "password")
			users.expectMore()
			change(ctx, logins[role])
			users.expectMore()

			By("switching clients to it, which takes its time")
			apply(ctx, replaced(manifests, turn["a"], turn[role]))
			client = renewed(ctx, client, "GF_DATABASE_URL")
			Expect(string(client.Data["GF_DATABASE_URL"])).To(HavePrefix("postgres://grafana_" + role + ":"))
			users.expectMore()
			mounted.follow(client)
			users.expectMore()
		}
		users.expectNoFailure()
		Expect(server.refusals()).To(BeZero())
	})

	It("rotates one role whose clients know the previous password, and no login fails", func(ctx context.Context) {
		manifests := recipe(guided["yaml"], "previousProperty")
		apply(ctx, manifests)
		server.run(ctx, "CREATE ROLE reports LOGIN")
		held := secret(ctx, "database", "reports")
		Expect(held.Type).To(Equal(corev1.SecretTypeBasicAuth))
		change(ctx, held)
		mounted := newMount()
		mounted.follow(held)
		Expect(guided["sh login"]).To(HaveLen(1))
		users := server.logInAllTheTime(ctx, replaced(guided["sh login"][0], "/etc/reports", mounted.path), "PGUSER=reports", "PGDATABASE=grafana")
		users.expectMore()
		refused := server.refusals()

		By("changing the database late")
		former := string(held.Data["password"])
		rotate(ctx, "reports", "password@1")
		held = renewed(ctx, held, "password")
		Expect(string(held.Data["previous"])).To(Equal(former))
		users.expectMore()
		Expect(server.refusals()).To(Equal(refused), "the client knows nothing yet")
		mounted.follow(held)
		users.expectMore()
		Expect(server.refusals()).To(BeNumerically(">", refused), "the previous password lets it in")
		change(ctx, held)
		users.expectMore()

		By("changing the database early")
		apply(ctx, replaced(manifests, "previousFor: 1h", "previousFor: 2s"))
		former = string(held.Data["password"])
		rotate(ctx, "reports", "password@2")
		held = renewed(ctx, held, "password")
		Expect(string(held.Data["password"])).NotTo(Equal(former))
		refused = server.refusals()
		change(ctx, held)
		Eventually(server.refusals).Should(BeNumerically(">", refused), "the client waits")
		mounted.follow(held)
		users.expectMore()

		By("forgetting the previous password when its time is over")
		for _, ns := range []string{"passwords", "database"} {
			Eventually(func() map[string][]byte { return secret(ctx, ns, "reports").Data }).ShouldNot(HaveKey("previous"), ns)
		}
		held = secret(ctx, "database", "reports")
		mounted.follow(held)
		users.expectMore()
		users.expectNoFailure()
	})
})
