package pushsecret_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/controllers/pushsecret"
	"github.com/sluice-operator/sluice/internal/stores"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/providertest"
	"github.com/sluice-operator/sluice/test/env/lab"
	"github.com/sluice-operator/sluice/test/gen"
)

var _ = Describe("What a PushSecret writes", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("is one write for all entries of a remote secret, under one name", func() {
		ps := fromSecret("push", "a").Data("user", "db", "user").Data("user", "other", "user").Data("password", "db", "copy").PushSecret
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret", "user": "admin", "copy": "s3cret"})
		Expect(w.Memory("a").Calls(providertest.CallPut)).To(Equal(2), "writes to db and to other")
		for _, field := range []string{"password", "user", "copy"} {
			Expect(w.Memory("a").Owners("db", field)).To(ConsistOf(esv1alpha1.FieldManagerPrefix + w.Namespace + "/push"))
		}
	})

	It("is under another name for each PushSecret, however long that is", func() {
		long := strings.Repeat("n", 200)
		owners := map[string]bool{}
		for _, name := range []string{"one", "two", long + "a", long + "b"} {
			w.push(gen.NewPushSecret(name).From("source").To("a").Data("password", name[len(name)-1:], "password").PushSecret)
			found := w.Memory("a").Owners(name[len(name)-1:], "password")
			Expect(found).To(HaveLen(1))
			Expect(len(found[0])).To(BeNumerically("<=", 128), "what an API server accepts")
			owners[found[0]] = true
		}
		Expect(owners).To(HaveLen(4))
	})

	It("counts as pushed before only where the status says so: for this store, this key and this property", func() {
		for _, store := range []string{"a", "b"} {
			w.Memory(store).Seed("db", providers.Secret{Fields: lab.Fields(map[string]string{"password": "theirs", "user": "theirs"})})
			w.Memory(store).Seed("other", providers.Secret{Fields: lab.Fields(map[string]string{"password": "theirs"})})
		}
		ps := fromSecret("push", "a", "b").PushSecret
		w.Create(ps)
		pushed := func(store, key, property string) {
			GinkgoHelper()
			entry := gen.NewPushSecret("x").Data("password", key, property).Spec.Data[0]
			lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
				ps.Status.SyncedPushSecrets = esv1alpha1.SyncedPushSecretsMap{store: {"entry": entry}}
			})
			w.restart()
			w.Annotate(ps, "note", store+key+property)
			w.reconcile(ps)
		}
		pushed("SecretStore/a", "db", "user")
		pushed("SecretStore/a", "other", "password")
		pushed("SecretStore/c", "db", "password")
		Expect(w.value("a")).To(Equal("theirs"))
		pushed("SecretStore/b", "db", "password")
		Expect(w.value("a")).To(Equal("theirs"))
		Expect(w.value("b")).To(Equal("s3cret"))
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, providertest.Foreigner)
	})

	It("counts as pushed before in all its keys where the status says that the whole source was pushed", func() {
		w.Memory("a").Seed("db", providers.Secret{Fields: lab.Fields(map[string]string{"password": "old", "user": "old", "theirs": "x"})})
		ps := gen.NewPushSecret("push").From("source").To("a").All("db").PushSecret
		w.Create(ps)
		lab.EditStatus(w.Lab, ps, func(ps *esv1alpha1.PushSecret) {
			ps.Status.SyncedPushSecrets = esv1alpha1.SyncedPushSecretsMap{"SecretStore/a": {"db": ps.Spec.Data[0]}}
		})
		w.reconcile(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret", "user": "admin", "theirs": "x"})
	})

	It("takes the place of somebody else's only with updatePolicy Replace", func() {
		w.seed("a", map[string]string{"password": "theirs"})
		ps := fromSecret("push", "a").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, "updatePolicy: Replace", providertest.Foreigner)
		Expect(w.value("a")).To(Equal("theirs"))
		w.push(fromSecret("replacing", "a").Update(esv1alpha1.UpdateReplace).PushSecret)
		Expect(w.value("a")).To(Equal("s3cret"))
	})

	It("to a ClusterSecretStore is removed from it, where no SecretStore has its name", func() {
		cluster := gen.ClusterSecretStore(w.Namespace, nil)
		w.Create(cluster)
		DeferCleanup(func() { w.Delete(cluster) })
		ps := fromSecret("push").ToCluster(w.Namespace).Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		memory := w.Memories.Store(providers.Store{Kind: esv1.KindClusterSecretStore, Name: w.Namespace})
		_, exists := memory.Peek("db")
		Expect(exists).To(BeTrue())
		w.Delete(ps)
		w.reconcile(ps)
		Expect(w.Gone(ps)).To(BeTrue())
		_, exists = memory.Peek("db")
		Expect(exists).To(BeFalse())
	})

	It("to a SecretStore and a ClusterSecretStore of one name is removed from each", func() {
		cluster := gen.ClusterSecretStore(w.Namespace, nil)
		w.Create(cluster, gen.SecretStore(w.Namespace, nil))
		DeferCleanup(func() { w.Delete(cluster) })
		ps := fromSecret("push", w.Namespace).ToCluster(w.Namespace).Data("user", "db", "user").Deletion(esv1alpha1.DeletionDelete).PushSecret
		w.push(ps)
		memory := w.Memories.Store(providers.Store{Kind: esv1.KindClusterSecretStore, Name: w.Namespace})

		By("taking an entry from both")
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data = ps.Spec.Data[:1] })
		w.reconcile(ps)
		left, _ := memory.Peek("db")
		Expect(left.Fields).To(Equal(lab.Fields(map[string]string{"password": "s3cret"})))
		w.ExpectRemote(w.Namespace, "db", map[string]string{"password": "s3cret"})

		By("leaving the one that is not pushed to any more")
		lab.Edit(w.Lab, ps, func(ps *esv1alpha1.PushSecret) { ps.Spec.SecretStoreRefs = ps.Spec.SecretStoreRefs[:1] })
		w.reconcile(ps)
		_, exists := memory.Peek("db")
		Expect(exists).To(BeFalse())
		w.ExpectRemote(w.Namespace, "db", map[string]string{"password": "s3cret"})

		By("leaving the other one with the object")
		w.Delete(ps)
		w.reconcile(ps)
		w.ExpectNoRemote(w.Namespace, "db")
	})
})

// elsewhere is a store whose secrets may lie in another namespace, which stands in front of their keys.
type elsewhere struct{ *providertest.Memory }

func (elsewhere) Locate(key string, options json.RawMessage) (string, error) {
	var spec struct {
		RemoteNamespace string `json:"remoteNamespace"`
	}
	if len(options) == 0 {
		return key, nil
	}
	err := json.Unmarshal(options, &spec)
	return spec.RemoteNamespace + "/" + key, err
}

func (e elsewhere) GetAt(ctx context.Context, ref providers.Ref, options json.RawMessage) (secret providers.Secret, err error) {
	if ref.Key, err = e.Locate(ref.Key, options); err != nil {
		return secret, err
	}
	return e.Get(ctx, ref)
}

func (e elsewhere) Put(ctx context.Context, write providers.Write) (err error) {
	if write.Key, err = e.Locate(write.Key, write.Options); err != nil {
		return err
	}
	return e.Memory.Put(ctx, write)
}

func (e elsewhere) Delete(ctx context.Context, removal providers.Removal) (err error) {
	if removal.Key, err = e.Locate(removal.Key, removal.Options); err != nil {
		return err
	}
	return e.Memory.Delete(ctx, removal)
}

var _ = Describe("Another namespace than the store's", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		registry, err := providers.NewRegistry(providers.Define("fake",
			func(p *esv1.SecretStoreProvider) *esv1.FakeProvider { return p.Fake },
			func(_ context.Context, _ *esv1.FakeProvider, env providers.Env) (providers.Client, error) {
				return elsewhere{w.Memories.Store(env.Store)}, nil
			}))
		Expect(err).NotTo(HaveOccurred())
		w.controller = w.newController(func(config *pushsecret.Config) {
			config.Stores = stores.NewPool(stores.Config{Reader: config.Live, Providers: registry, Metrics: config.Metrics, Clock: config.Clock})
		})
	})

	// there lets the entries be pushed to the namespace other.
	there := func(ps gen.PushSecret) *esv1alpha1.PushSecret {
		for i := range ps.Spec.Data {
			ps.Spec.Data[i].Metadata = &runtime.RawExtension{Raw: []byte(`{"remoteNamespace":"other"}`)}
		}
		return ps.PushSecret
	}
	seed := func(key, value string) {
		w.Memory("a").Seed(key, providers.Secret{Fields: lab.Fields(map[string]string{"password": value})})
	}

	It("is where a value is looked for, written and removed", func() {
		seed("db", "here")
		ps := there(fromSecret("push", "a").Update(esv1alpha1.UpdateIfNotExists).Deletion(esv1alpha1.DeletionDelete))
		w.push(ps)
		w.ExpectRemote("a", "other/db", map[string]string{"password": "s3cret"})
		w.ExpectRemote("a", "db", map[string]string{"password": "here"})
		w.Delete(ps)
		w.reconcile(ps)
		w.ExpectNoRemote("a", "other/db")
		w.ExpectRemote("a", "db", map[string]string{"password": "here"})
	})

	It("is where IfNotExists finds what it leaves", func() {
		seed("other/db", "there")
		ps := there(fromSecret("push", "a").Update(esv1alpha1.UpdateIfNotExists).Deletion(esv1alpha1.DeletionDelete))
		w.push(ps)
		lab.ExpectReady(ps, esv1alpha1.ReasonSynced)
		w.ExpectRemote("a", "other/db", map[string]string{"password": "there"})
		w.ExpectNoRemote("a", "db")
		w.Delete(ps)
		w.reconcile(ps)
		w.ExpectRemote("a", "other/db", map[string]string{"password": "there"})
	})

	It("is where a generated value is adopted from, and where the previous one is taken away", func() {
		seed("other/db", "theirs")
		ps := generated("a").Every(0)
		ps.Spec.Data[0].PreviousProperty = "previous"
		w.push(there(ps))
		w.ExpectRemote("a", "other/db", map[string]string{"password": "theirs"})
		Expect(w.Generator.Minted()).To(BeZero())
		w.Annotate(ps.PushSecret, "force-sync", "1")
		w.reconcile(ps.PushSecret)
		w.ExpectRemote("a", "other/db", map[string]string{"password": "pw-1", "previous": "theirs"})
		lab.Edit(w.Lab, ps.PushSecret, func(ps *esv1alpha1.PushSecret) { ps.Spec.Data[0].PreviousProperty = "" })
		w.reconcile(ps.PushSecret)
		w.ExpectRemote("a", "other/db", map[string]string{"password": "pw-1"})
	})
})

var _ = Describe("A source that cannot be read", func() {
	forbidden := apierrors.NewForbidden(corev1.Resource("secrets"), "source", errors.New("no right"))

	DescribeTable("is not taken for one that is gone", func(labelled bool, refusal error, says string) {
		w := newWorld()
		w.Label(gen.Secret("source", nil), "pick", "me")
		ps := fromSecret("push", "a").Deletion(esv1alpha1.DeletionDelete)
		if labelled {
			ps.Spec.Selector = esv1alpha1.PushSecretSelector{}
			ps.FromLabelled("pick", "me")
		}
		w.push(ps.PushSecret)
		lab.ExpectReady(ps.PushSecret, esv1alpha1.ReasonSynced)
		w.controller = w.newController(func(config *pushsecret.Config) {
			live, ok := config.Live.(client.WithWatch)
			Expect(ok).To(BeTrue())
			config.Live = interceptor.NewClient(live, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					if _, secret := o.(*corev1.Secret); secret {
						return refusal
					}
					return c.Get(ctx, key, o, opts...)
				},
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					if _, secrets := list.(*corev1.SecretList); secrets {
						return refusal
					}
					return c.List(ctx, list, opts...)
				},
			})
		})
		w.Annotate(ps.PushSecret, "note", "x")
		_, err := w.Try(w.controller, ps.PushSecret)
		Expect(err).To(HaveOccurred())
		lab.ExpectNotReady(ps.PushSecret, esv1alpha1.ReasonErrored, says)
		w.ExpectRemote("a", "db", map[string]string{"password": "s3cret"})
		Expect(ps.Status.SyncedPushSecrets).To(HaveKey("SecretStore/a"))
	},
		Entry("for want of a right", false, forbidden, "get and list on secrets"),
		Entry("because nobody answers", false, apierrors.NewServiceUnavailable("down"), "could not be read"),
		Entry("for want of a right, by label", true, forbidden, "get and list on secrets"),
		Entry("because nobody answers, by label", true, apierrors.NewServiceUnavailable("down"), "could not be read"),
	)
})

var _ = Describe("A credential of the cluster itself", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	const bound = "kubernetes.io/service-account.name"

	DescribeTable("is no source of a PushSecret", func(kind corev1.SecretType, annotation, says string) {
		secret := gen.Secret("token", map[string]string{"token": "x"})
		secret.Type, secret.Annotations = kind, map[string]string{annotation: "default"}
		w.Create(secret)
		ps := gen.NewPushSecret("push").From("token").To("a").Data("token", "copy", "token").PushSecret
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, `source secret "token"`, says)
		w.ExpectNoRemote("a", "copy")
	},
		Entry("a ServiceAccount's token", corev1.SecretTypeServiceAccountToken, bound, "kubernetes.io/service-account-token is refused"),
		Entry("a bootstrap token", corev1.SecretTypeBootstrapToken, "note", "bootstrap.kubernetes.io/token is refused"),
		Entry("a Secret that is bound to a ServiceAccount", corev1.SecretTypeOpaque, bound, "kubernetes.io/service-account.* is refused"),
		Entry("a Secret with another mark of one", corev1.SecretTypeOpaque, "kubernetes.io/service-account.uid",
			"kubernetes.io/service-account.* is refused"),
	)

	DescribeTable("is not made by the template of a PushSecret", func(kind corev1.SecretType, annotation, says string) {
		ps := fromSecret("push", "a").Template("more", "x").PushSecret
		ps.Spec.Template.Type, ps.Spec.Template.Metadata.Annotations = kind, map[string]string{annotation: "default"}
		w.push(ps)
		lab.ExpectNotReady(ps, esv1alpha1.ReasonErrored, says)
		w.ExpectNoRemote("a", "db")
	},
		Entry("a ServiceAccount's token", corev1.SecretTypeServiceAccountToken, "note", "kubernetes.io/service-account-token is refused"),
		Entry("a bootstrap token", corev1.SecretTypeBootstrapToken, "note", "bootstrap.kubernetes.io/token is refused"),
		Entry("a Secret that is bound to a ServiceAccount", corev1.SecretTypeOpaque, bound, "kubernetes.io/service-account.* is refused"),
	)
})
