package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

var _ = Describe("the page about targets of other kinds", Label("manifest"), func() {
	It("tells what happens: without rights it is said, with them everything is made, repaired and collected", func(ctx context.Context) {
		blocks := manifests("docs/guides/other-kinds-of-targets.md")
		Expect(blocks).To(HaveLen(3))
		rights, configMap, custom := blocks[0], blocks[1], blocks[2]
		ns := namespace(ctx, "manifests")
		Expect(world.Apply(ctx, "test/crds/appconfig.yaml")).To(Succeed())
		applyIn(ctx, ns, strings.ReplaceAll(fakeStore, `{key: db, value: '{"user":"CANARY-user","password":"CANARY-password"}'}`,
			`{key: database, value: '{"host":"db.example.com","port":5432,"user":"CANARY-user"}'}`)+"---\n"+configMap)

		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "app-config")).Should(SatisfyAll(
			haveStatus(metav1.ConditionFalse), HaveField("Reason", esv1.ReasonResourceSyncedError),
			say(`may not patch ConfigMap "app-config"`, `the verb "patch" on configmaps`)))
		apply(ctx, rights)
		applyIn(ctx, ns, custom)
		for _, name := range []string{"app-config", "app-settings"} {
			Eventually(ready(ctx, &es, ns, name)).Should(SatisfyAll(
				haveStatus(metav1.ConditionTrue), HaveField("Reason", esv1.ReasonResourceSynced)))
		}
		get := func(path string, object ...string) func() string {
			return func() string {
				args := append([]string{"get", "--namespace", ns, "--ignore-not-found", "--output", "jsonpath={" + path + "}"}, object...)
				return kubectl(ctx, args...)
			}
		}
		content := get(".data", "configmap", "app-config")
		Expect(content()).To(Equal(`{"database.yaml":"host: db.example.com\nport: 5432\n"}`))
		settings := get(".spec", "appconfig", "app-settings")
		Expect(settings()).To(MatchJSON(`{
			"replicas": 1, "hosts": ["db.example.com"], "logging": {"level": "info", "format": "text"},
			"database": {"host": "db.example.com", "port": 5432, "credentials": {"username": "CANARY-user"}}}`))

		kubectl(ctx, "patch", "appconfig", "app-settings", "--namespace", ns, "--type=merge", "--patch", `{"spec":{"database":{"port":1}}}`)
		Eventually(get(".spec.database.port", "appconfig", "app-settings")).Should(Equal("5432"))
		kubectl(ctx, "patch", "configmap", "app-config", "--namespace", ns, "--type=merge", "--patch", `{"data":{"database.yaml":"mine"}}`)
		Eventually(content).Should(ContainSubstring("db.example.com"))
		kubectl(ctx, "delete", "externalsecret", "app-config", "--namespace", ns)
		Eventually(content).Should(BeEmpty(), "the garbage collector deletes the ConfigMap")
	})
})
