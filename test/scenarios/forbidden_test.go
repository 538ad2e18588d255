package scenarios_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// tokenSecret is a Secret that gives access to the cluster: Kubernetes fills it with a token.
const tokenSecret = `---
apiVersion: v1
kind: Secret
metadata: {name: token, annotations: {kubernetes.io/service-account.name: default}}
type: kubernetes.io/service-account-token
`

// mint is an annotation by which Kubernetes would fill a Secret with a token.
const mint = `kubernetes.io/service-account.name: default`

// tokensOf are the names of the Secrets in a namespace that give access to the cluster, or ask for it.
func tokensOf(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	var all corev1.SecretList
	Expect(world.Client.List(ctx, &all)).To(Succeed())
	var found []string
	for i := range all.Items {
		s := &all.Items[i]
		special := s.Type == corev1.SecretTypeServiceAccountToken || s.Type == "bootstrap.kubernetes.io/token"
		for name := range s.Annotations {
			special = special || strings.HasPrefix(name, "kubernetes.io/service-account.")
		}
		if special && s.Namespace == namespace {
			found = append(found, s.Name)
		}
	}
	return found
}

var _ = DescribeTable("no ExternalSecret makes or reads a credential of the cluster itself", Label("secrecy"),
	func(ctx context.Context, ns, manifests, says string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, tokenSecret+fakeStoreDocument+granted(ns, "keeper", `["*"]`)+kubernetesStore(ns, "keeper", "")+manifests)
		var es esv1.ExternalSecret
		Eventually(ready(ctx, &es, ns, "wrong")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse), say(says)))
		Expect(tokensOf(ctx, ns)).To(ConsistOf("token"))
	},
	Entry("by type", "forbidden-type",
		fromFake(`, target: {template: {type: kubernetes.io/service-account-token}}`), "kubernetes.io/service-account-token"),
	Entry("by type and annotation", "forbidden-both",
		fromFake(`, target: {template: {type: kubernetes.io/service-account-token, metadata: {annotations: {`+mint+`}}}}`),
		"kubernetes.io/service-account-token"),
	Entry("by type, for bootstrapping", "forbidden-bootstrap",
		fromFake(`, target: {template: {type: bootstrap.kubernetes.io/token}}`), "bootstrap.kubernetes.io/token"),
	Entry("by annotation", "forbidden-annotation",
		fromFake(`, target: {template: {metadata: {annotations: {`+mint+`}}}}`), "kubernetes.io/service-account.*"),
	Entry("by an annotation that a template yields", "forbidden-rendered",
		fromFake(`, target: {template: {templateFrom: [{target: Annotations, literal: "`+mint+`"}]}}`), "kubernetes.io/service-account.*"),
	Entry("by adding to one", "forbidden-merge",
		fromFake(`, target: {name: token, creationPolicy: Merge}`), "kubernetes.io/service-account-token"),
	Entry("by taking one over", "forbidden-owner",
		fromFake(`, target: {name: token}`), "kubernetes.io/service-account-token"),
	Entry("by taking one for a template", "forbidden-template",
		fromFake(`, target: {template: {templateFrom: [{secret: {name: token, items: [{key: token}]}}]}}`), "kubernetes.io/service-account-token"),
	Entry("by reading one", "forbidden-read",
		externalSecret(`{secretStoreRef: {name: store}, dataFrom: [{extract: {key: token}}]}`), "kubernetes.io/service-account-token"),
)

var _ = DescribeTable("no PushSecret makes or passes on a credential of the cluster itself", Label("secrecy", "push"),
	func(ctx context.Context, ns, push, says string) {
		namespace(ctx, ns)
		applyIn(ctx, ns, tokenSecret+source+granted(ns, "keeper", `["*"]`)+kubernetesStore(ns, "keeper", "")+push)
		var ps esv1alpha1.PushSecret
		Eventually(ready(ctx, &ps, ns, "push")).Should(SatisfyAll(haveStatus(metav1.ConditionFalse), say(says)))
		Expect(tokensOf(ctx, ns)).To(ConsistOf("token"))
		Expect(world.Client.Get(ctx, types.NamespacedName{Namespace: ns, Name: "kept"}, &corev1.Secret{})).NotTo(Succeed())
	},
	Entry("by type", "forbidden-push-type",
		pushOf("store", `, template: {type: kubernetes.io/service-account-token}`), "kubernetes.io/service-account-token"),
	Entry("by type, for bootstrapping", "forbidden-push-bootstrap",
		pushOf("store", `, template: {type: bootstrap.kubernetes.io/token}`), "bootstrap.kubernetes.io/token"),
	Entry("by annotation of the template", "forbidden-push-annotation",
		pushOf("store", `, template: {metadata: {annotations: {`+mint+`}}}`), "kubernetes.io/service-account.*"),
	Entry("by annotation of the entry", "forbidden-push-metadata",
		pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: db}}, data: [{match: {secretKey: user,
  remoteRef: {remoteKey: kept, property: user}}, metadata: {apiVersion: kubernetes.external-secrets.io/v1alpha1,
  kind: PushSecretMetadata, spec: {annotations: {`+mint+`}}}}]}`), "kubernetes.io/service-account.name"),
	Entry("by writing into one", "forbidden-push-into",
		pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: db}},
  data: [{match: {secretKey: user, remoteRef: {remoteKey: token, property: user}}}]}`), "kubernetes.io/service-account-token"),
	Entry("by taking one for its source", "forbidden-push-source",
		pushSecret(`{secretStoreRefs: [{name: store}], selector: {secret: {name: token}},
  data: [{match: {secretKey: token, remoteRef: {remoteKey: kept, property: user}}}]}`), "kubernetes.io/service-account-token"),
)

// fakeStoreDocument is fakeStore after another document.
const fakeStoreDocument = "---" + fakeStore

// fromFake is an ExternalSecret of the fake store, with further fields of its spec.
func fromFake(more string) string {
	return externalSecret(`{secretStoreRef: {name: fake}, data: [{secretKey: a, remoteRef: {key: db, property: user}}]` + more + `}`)
}
