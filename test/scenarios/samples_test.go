package scenarios_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/story"
)

var _ = Describe("the samples", Label("samples"), Ordered, func() {
	const folder, ns = "config/samples", "sluice-samples"
	var objects []*unstructured.Unstructured

	BeforeAll(func(ctx context.Context) {
		files, err := filepath.Glob(world.Path(folder + "/*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			objects = append(objects, objectsOf(filepath.Join(folder, filepath.Base(file)))...)
		}
		Expect(len(objects)).To(BeNumerically(">", 30))
		kubectl(ctx, "apply", "--validate=strict", "-k", world.Path(folder))
	})

	It("are complete in the kustomization, and all of them work as they are", func(ctx context.Context) {
		expectWorking(ctx, objects...)
	})

	DescribeTable("deliver what they say", func(ctx context.Context, target string, want map[string]string) {
		data := secret(ctx, ns, target).Data
		got := make(map[string]string, len(data))
		for key, value := range data {
			got[key] = string(value)
		}
		Expect(got).To(Equal(want))
	},
		Entry(nil, "data", map[string]string{
			"password": "not-a-secret", "host": "db.example.com", "team": "orders", "certificate": "new",
		}),
		Entry(nil, "extract", map[string]string{"ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": "not-a-secret"}),
		Entry(nil, "sourceref", map[string]string{
			"username": "admin", "password": "not-a-secret", "connection": `{"host":"db.example.com","port":5432}`, "licence": "not-a-secret",
		}),
		Entry(nil, "strategies", map[string]string{"_U002f_etc_U002f_app": "application", "plain": "not Base64", "decoded": "not-a-secret"}),
		Entry(nil, "merge", map[string]string{
			"common": `{"level":"info","retries":3}`, "local": `{"level":"debug"}`, "settings.json": `{"level":"debug","retries":3}`,
		}),
		Entry(nil, "template-sources", map[string]string{
			"username": "orders", "password": "not-a-secret", "connection": `{"host":"db.example.com","port":5432}`,
			"application.yaml": "datasource:\n  username: \"orders\"\n  password: \"not-a-secret\"\n",
			"host":             "db.example.com", "dsn": "orders://orders@db.example.com", "orders.bin": "bm90LWEtc2VjcmV0",
		}),
		Entry(nil, "delimiters", map[string]string{"login": "admin:not-a-secret", "untouched": "{{ .Values.example }}"}),
		Entry(nil, "application", map[string]string{"mode": "production", "username": "admin"}),
		Entry(nil, "createormerge", map[string]string{"password": "not-a-secret"}),
		Entry(nil, "orphan", map[string]string{"certificate": "old"}),
		Entry(nil, "onchange", map[string]string{"licence": "not-a-secret"}),
		Entry(nil, "syncwindows", map[string]string{"password": "not-a-secret"}),
	)

	It("read metadata, and write it", func(ctx context.Context) {
		Expect(secret(ctx, ns, "metadata").Data).To(SatisfyAll(
			HaveLen(3), HaveKey("annotations"),
			HaveKeyWithValue("component", []byte("database")),
			HaveKeyWithValue("labels", MatchJSON(`{"team":"orders","app.kubernetes.io/component":"database"}`))))
		shaped := secret(ctx, ns, "template-sources")
		Expect(shaped.Labels).To(HaveKeyWithValue("example.com/user", "orders"))
		Expect(shaped.Annotations).To(HaveKeyWithValue("example.com/length", "12"))
		Expect(secret(ctx, ns, "orphan").Immutable).To(HaveValue(BeTrue()))
	})

	It("are stored as they were sent, after the operator has worked on them", func(ctx context.Context) {
		expectStored(ctx, objects...)
	})

	It("pass strict validation by the server under server-side apply too", func(ctx context.Context) {
		kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-k", world.Path(folder))
	})

	It("do not change when they are applied again", func(ctx context.Context) {
		expectUnchanged(ctx, objects, "apply", "-k", world.Path(folder))
	})
})

// objectsOf are the objects of a manifest of the project.
func objectsOf(file string) []*unstructured.Unstructured {
	GinkgoHelper()
	objects, err := world.Objects(file)
	Expect(err).NotTo(HaveOccurred())
	return objects
}

// sampleIn returns a sample as a user writes it for another namespace.
func sampleIn(ns, file string) string {
	GinkgoHelper()
	text, err := os.ReadFile(world.Path("config/samples/" + file))
	Expect(err).NotTo(HaveOccurred())
	return strings.ReplaceAll(string(text), "namespace: sluice-samples", "namespace: "+ns)
}

// objectsIn returns the objects of a manifest.
func objectsIn(manifest string) []*unstructured.Unstructured {
	GinkgoHelper()
	objects, err := story.Parse(strings.NewReader(manifest))
	Expect(err).NotTo(HaveOccurred())
	return objects
}

// ours reports whether an object is of a kind of this API.
func ours(object client.Object) bool {
	group := object.GetObjectKind().GroupVersionKind().Group
	return group == esv1.GroupVersion().Group || group == genv1alpha1.GroupVersion().Group
}

// expectWorking expects that all objects that have a condition Ready become so. Generators have none.
func expectWorking(ctx context.Context, objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, object := range objects {
		if object.GroupVersionKind().Group == esv1.GroupVersion().Group {
			Eventually(readyState(ctx, object)).Should(HavePrefix("True: "), "%s %s", object.GetKind(), object.GetName())
		}
	}
}

// expectStored expects that the specs of our own kinds are stored byte for byte as they were sent: nothing added, dropped or moved.
func expectStored(ctx context.Context, objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	specified := slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return !ours(o) || o.Object["spec"] == nil })
	if len(specified) == 0 {
		return
	}
	var sent strings.Builder
	for _, object := range specified {
		Expect(json.NewEncoder(&sent).Encode(object)).To(Succeed())
	}
	text, err := world.Kubectl(ctx, strings.NewReader(sent.String()), "get", "-o", "json", "-f", "-")
	Expect(err).NotTo(HaveOccurred())
	var stored struct {
		Items []struct {
			Spec json.RawMessage `json:"spec"`
		} `json:"items"`
	}
	Expect(json.Unmarshal([]byte(text), &stored)).To(Succeed())
	Expect(stored.Items).To(HaveLen(len(specified)))
	for i, object := range specified {
		want, err := json.Marshal(object.Object["spec"])
		Expect(err).NotTo(HaveOccurred())
		var got bytes.Buffer
		Expect(json.Compact(&got, stored.Items[i].Spec)).To(Succeed())
		Expect(got.String()).To(Equal(string(want)), "%s %s", object.GetKind(), object.GetName())
	}
}

// expectUnchanged expects that kubectl, run again, reports that it changed none of our objects, and that they did not change. Of a
// server-side apply it does not report whether it changed something.
func expectUnchanged(ctx context.Context, objects []*unstructured.Unstructured, args ...string) {
	GinkgoHelper()
	versions := func() map[string]string {
		all := map[string]string{}
		for _, object := range objects {
			if now := object.DeepCopy(); ours(object) {
				Expect(world.Client.Get(ctx, keyOf(object), now)).To(Succeed())
				all[now.GetKind()+" "+now.GetName()] = now.GetResourceVersion()
			}
		}
		return all
	}
	// The operator may still be busy with the first time.
	Eventually(func(g Gomega) {
		before := versions()
		for line := range strings.Lines(kubectl(ctx, args...)) {
			if strings.Contains(line, "external-secrets.io/") {
				g.Expect(line).To(Or(HaveSuffix(" unchanged\n"), HaveSuffix(" serverside-applied\n")))
			}
		}
		g.Expect(versions()).To(Equal(before))
	}).Should(Succeed())
}
