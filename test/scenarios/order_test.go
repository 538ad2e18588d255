package scenarios_test

import (
	"context"
	"os"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("the order of a manifest", Label("devblog"), func() {
	It("does not matter: users come first, then what they need, and the namespaces were there", func(ctx context.Context) {
		content, err := os.ReadFile(world.Path(devblog))
		Expect(err).NotTo(HaveOccurred())
		// Names of its own keep it apart from the other scenarios.
		objects := strings.Split(strings.ReplaceAll(string(content), "demo-", "reversed-"), "\n---\n")
		Expect(len(objects)).To(BeNumerically(">", 5))
		slices.Reverse(objects)
		for _, name := range []string{"reversed-external-secrets-operator", "reversed-eso-secret-storage", "reversed-where-app-lives"} {
			namespace(ctx, name)
		}
		// Each is applied alone, so that the operator meets every object without those that it needs.
		for _, object := range objects {
			apply(ctx, object)
		}
		password := secret(ctx, "reversed-eso-secret-storage", "app-password-secret").Data["app-password-secret-key"]
		Expect(password).To(HaveLen(42))
		Expect(secret(ctx, "reversed-where-app-lives", "reversed-app-credentials").Data["password"]).To(Equal(password))
		Expect(string(secret(ctx, "reversed-where-app-lives", "reversed-alternative-app-credentials").Data["connectionString"])).
			To(ContainSubstring(string(password)))
	})
})
