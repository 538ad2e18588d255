package lab

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// Create creates objects, in the test's namespace where they have one.
func (l *Lab) Create(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		l.place(o)
		Expect(l.Client.Create(l.ctx, o)).To(Succeed())
	}
}

// place puts an object that has no namespace yet into the test's.
func (l *Lab) place(o client.Object) {
	GinkgoHelper()
	namespaced, err := l.Client.IsObjectNamespaced(o)
	Expect(err).NotTo(HaveOccurred())
	if namespaced && o.GetNamespace() == "" {
		o.SetNamespace(l.Namespace)
	}
}

// Edit reads an object, lets edit change it and writes it back, as a user does.
func Edit[O client.Object](l *Lab, o O, edit func(O)) {
	GinkgoHelper()
	l.place(o)
	Expect(l.Client.Get(l.ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	edit(o)
	Expect(l.Client.Update(l.ctx, o)).To(Succeed())
}

// EditStatus is Edit for the status.
func EditStatus[O client.Object](l *Lab, o O, edit func(O)) {
	GinkgoHelper()
	l.place(o)
	Expect(l.Client.Get(l.ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	edit(o)
	Expect(l.Client.Status().Update(l.ctx, o)).To(Succeed())
}

// Annotate sets an annotation.
func (l *Lab) Annotate(o client.Object, key, value string) {
	GinkgoHelper()
	Edit(l, o, func(o client.Object) { o.SetAnnotations(with(o.GetAnnotations(), key, value)) })
}

// Label sets a label.
func (l *Lab) Label(o client.Object, key, value string) {
	GinkgoHelper()
	Edit(l, o, func(o client.Object) { o.SetLabels(with(o.GetLabels(), key, value)) })
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// Delete deletes an object.
func (l *Lab) Delete(o client.Object) {
	GinkgoHelper()
	l.place(o)
	Expect(l.Client.Delete(l.ctx, o)).To(Succeed())
}

// Gone says whether an object does not exist any more.
func (l *Lab) Gone(o client.Object) bool {
	GinkgoHelper()
	err := l.Client.Get(l.ctx, client.ObjectKeyFromObject(o), o)
	Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
	return apierrors.IsNotFound(err)
}

// Reconcile lets a controller work once on an object, expects that it asks for no retry, and reads the object anew.
func (l *Lab) Reconcile(r reconcile.Reconciler, o client.Object) ctrl.Result {
	GinkgoHelper()
	result, err := l.Try(r, o)
	Expect(err).NotTo(HaveOccurred())
	return result
}

// Try is Reconcile for what may fail: an error is what makes the queue try again, slower each time.
func (l *Lab) Try(r reconcile.Reconciler, o client.Object) (ctrl.Result, error) {
	GinkgoHelper()
	result, err := r.Reconcile(l.ctx, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	l.Gone(o)
	return result, err
}

// Quietly expects that f makes the controllers write nothing and say nothing.
func (l *Lab) Quietly(f func()) {
	GinkgoHelper()
	l.Events()
	before := l.writes.Load()
	f()
	Expect(l.writes.Load()-before).To(BeZero(), "writes to the API server")
	Expect(l.Events()).To(BeEmpty(), "events")
}

// Events returns the events since the last call, each as type, reason and text.
func (l *Lab) Events() []string {
	var all []string
	for {
		select {
		case event := <-l.events.Events:
			all = append(all, event)
		default:
			return all
		}
	}
}

// ExpectEvent expects one event since the last look that begins like this and holds the given texts.
func (l *Lab) ExpectEvent(beginning string, texts ...string) {
	GinkgoHelper()
	all := l.Events()
	var found []string
	for _, event := range all {
		if strings.HasPrefix(event, beginning) {
			found = append(found, event)
		}
	}
	Expect(found).To(HaveLen(1), "events that begin with %q among %q", beginning, all)
	for _, text := range texts {
		Expect(found[0]).To(ContainSubstring(text))
	}
}

// ExpectReady expects an object to be Ready for the given reason, at its present generation, with a message that holds
// the texts.
func ExpectReady(o client.Object, reason string, texts ...string) {
	GinkgoHelper()
	expectCondition(o, metav1.ConditionTrue, reason, texts)
}

// ExpectNotReady is ExpectReady for an object that is not.
func ExpectNotReady(o client.Object, reason string, texts ...string) {
	GinkgoHelper()
	expectCondition(o, metav1.ConditionFalse, reason, texts)
}

func expectCondition(o client.Object, status metav1.ConditionStatus, reason string, texts []string) {
	GinkgoHelper()
	conditions, observed := statusOf(o)
	ready := meta.FindStatusCondition(conditions, esv1.ConditionReady)
	Expect(ready).NotTo(BeNil(), "condition Ready")
	Expect(ready.Status).To(Equal(status), "%s: %s", ready.Reason, ready.Message)
	Expect(ready.Reason).To(Equal(reason), "%s", ready.Message)
	Expect(ready.ObservedGeneration).To(Equal(o.GetGeneration()), "condition's observedGeneration")
	Expect(observed).To(Equal(o.GetGeneration()), "status.observedGeneration")
	for _, text := range texts {
		Expect(ready.Message).To(ContainSubstring(text))
	}
}

func statusOf(o client.Object) (conditions []metav1.Condition, observed int64) {
	GinkgoHelper()
	switch o := o.(type) {
	case *esv1.ExternalSecret:
		return o.Status.Conditions, o.Status.ObservedGeneration
	case *esv1.ClusterExternalSecret:
		return o.Status.Conditions, o.Status.ObservedGeneration
	case *esv1alpha1.PushSecret:
		return o.Status.Conditions, o.Status.ObservedGeneration
	case *esv1alpha1.ClusterPushSecret:
		return o.Status.Conditions, o.Status.ObservedGeneration
	case *genv1alpha1.GeneratorState:
		return o.Status.Conditions, o.Status.ObservedGeneration
	case esv1.GenericStore:
		return o.StoreStatus().Conditions, o.StoreStatus().ObservedGeneration
	}
	Fail("an object without conditions")
	return nil, 0
}

// Secret returns a Secret of the test's namespace.
func (l *Lab) Secret(name string) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(l.Client.Get(l.ctx, types.NamespacedName{Namespace: l.Namespace, Name: name}, secret)).To(Succeed())
	return secret
}

// ExpectSecret expects a Secret with exactly this data, and returns it.
func (l *Lab) ExpectSecret(name string, data map[string]string) *corev1.Secret {
	GinkgoHelper()
	secret := l.Secret(name)
	Expect(Texts(secret.Data)).To(Equal(data))
	return secret
}

// ExpectNoSecret expects that no Secret of this name exists.
func (l *Lab) ExpectNoSecret(name string) {
	GinkgoHelper()
	Expect(l.Gone(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: name}})).To(BeTrue(), "secret %s is gone", name)
}

// ExpectRemote expects the secret under key of a store to have exactly these fields.
func (l *Lab) ExpectRemote(store, key string, fields map[string]string) {
	GinkgoHelper()
	secret, exists := l.Memory(store).Peek(key)
	Expect(exists).To(BeTrue(), "secret %s in store %s exists", key, store)
	have := Texts(secret.Fields)
	if secret.Value != nil {
		have[""] = string(secret.Value)
	}
	Expect(have).To(Equal(fields))
}

// ExpectNoRemote expects that a store has nothing under key.
func (l *Lab) ExpectNoRemote(store, key string) {
	GinkgoHelper()
	_, exists := l.Memory(store).Peek(key)
	Expect(exists).To(BeFalse(), "secret %s in store %s exists", key, store)
}

// Texts returns values as text.
func Texts(values map[string][]byte) map[string]string {
	texts := make(map[string]string, len(values))
	for key, value := range values {
		texts[key] = string(value)
	}
	return texts
}

// Fields returns text as the fields of a remote secret.
func Fields(texts map[string]string) map[string][]byte {
	fields := make(map[string][]byte, len(texts))
	for key, text := range texts {
		fields[key] = []byte(text)
	}
	return fields
}
