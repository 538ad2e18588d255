package scenarios_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// kubectl runs kubectl and expects it to succeed.
func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	out, err := world.Kubectl(ctx, nil, args...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s", strings.Join(args, " "))
	return out
}

// apply applies manifests as text.
func apply(ctx context.Context, manifests string) {
	GinkgoHelper()
	_, err := world.Kubectl(ctx, strings.NewReader(manifests), "apply", "-f", "-")
	Expect(err).NotTo(HaveOccurred())
}

// refused applies manifests that the API server refuses, and returns its answer.
func refused(ctx context.Context, manifests string, args ...string) string {
	GinkgoHelper()
	_, err := world.Kubectl(ctx, strings.NewReader(manifests), append([]string{"apply", "-f", "-"}, args...)...)
	Expect(err).To(HaveOccurred())
	return err.Error()
}

// keyOf returns the name of an object.
func keyOf(o client.Object) types.NamespacedName { return client.ObjectKeyFromObject(o) }

// namespace makes a namespace for one spec.
func namespace(ctx context.Context, name string) string {
	GinkgoHelper()
	Expect(world.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
	return name
}

// secret returns a Secret once it is there.
func secret(ctx context.Context, namespace, name string) *corev1.Secret {
	GinkgoHelper()
	var s corev1.Secret
	Eventually(func() error {
		return world.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &s)
	}).Should(Succeed(), "secret %s/%s", namespace, name)
	return &s
}

// ready returns the Ready condition of an object; an empty one while it has none.
func ready(ctx context.Context, object client.Object, namespace, name string) func() (metav1.Condition, error) {
	return func() (metav1.Condition, error) {
		err := world.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, object)
		if err != nil {
			return metav1.Condition{}, err
		}
		var conditions []metav1.Condition
		switch o := object.(type) {
		case *esv1.ExternalSecret:
			conditions = o.Status.Conditions
		case *esv1.ClusterExternalSecret:
			conditions = o.Status.Conditions
		case *esv1.SecretStore:
			conditions = o.Status.Conditions
		case *esv1.ClusterSecretStore:
			conditions = o.Status.Conditions
		case *esv1alpha1.PushSecret:
			conditions = o.Status.Conditions
		case *esv1alpha1.ClusterPushSecret:
			conditions = o.Status.Conditions
		}
		if c := meta.FindStatusCondition(conditions, esv1.ConditionReady); c != nil && c.ObservedGeneration == object.GetGeneration() {
			return *c, nil
		}
		return metav1.Condition{}, nil
	}
}

// readyState returns the status of the Ready condition of an object as it was applied last, and its message; empty while
// it has none.
func readyState(ctx context.Context, applied *unstructured.Unstructured) func() (string, error) {
	return func() (string, error) {
		now := applied.DeepCopy()
		if err := world.Client.Get(ctx, keyOf(applied), now); err != nil {
			return "", err
		}
		conditions, _, err := unstructured.NestedSlice(now.Object, "status", "conditions")
		for _, c := range conditions {
			condition, ok := c.(map[string]any)
			if ok && condition["type"] == esv1.ConditionReady && condition["observedGeneration"] == now.GetGeneration() {
				return fmt.Sprintf("%s: %s", condition["status"], condition["message"]), nil
			}
		}
		return "", err
	}
}

func haveStatus(status metav1.ConditionStatus) OmegaMatcher {
	return HaveField("Status", status)
}

func say(parts ...string) OmegaMatcher {
	all := make([]OmegaMatcher, 0, len(parts))
	for _, part := range parts {
		all = append(all, ContainSubstring(part))
	}
	return HaveField("Message", SatisfyAll(all...))
}
