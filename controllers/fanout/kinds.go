package fanout

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/metrics"
)

// kinds are a pair: a parent, which has no namespace, asks for the same child in many of them. Everything that depends on
// which pair it is stands here.
type kinds struct {
	// name is that of the controller.
	name                  string
	metric                metrics.Kind
	parentKind, childKind schema.GroupVersionKind
	// called is how people call a child, and resource how a right to it does.
	called, resource string
	// nameField is the field in which a parent names its children.
	nameField string
	// author is the field manager of every write to a child.
	author string
	// requests are the annotations that ask a child for something. Those of the parent are passed on.
	requests []string
	// former are the finalizers that the reference implementation leaves behind.
	former finalizers

	newParent, newChild     func() client.Object
	newParents, newChildren func() client.ObjectList
	// ask returns what a parent asks for, to be read only.
	ask func(parent client.Object) asked
	// statusOf returns where a parent's status is.
	statusOf func(parent client.Object) status
	// specOf returns a pointer to the spec of a child.
	specOf func(child client.Object) any
}

// asked is what a parent asks for.
type asked struct {
	childName string
	metadata  esv1.ChildMetadata
	// child makes a child that has the spec of all, and nothing else.
	child func() client.Object
	// selector, selectors and namespaces say which namespaces are meant, as plan.NewSelection takes them.
	selector   *metav1.LabelSelector
	selectors  []metav1.LabelSelector
	namespaces []string
	// refreshTime is the time after which all is looked at again; zero for never.
	refreshTime time.Duration
}

// status is where a parent's status is.
type status struct {
	childName          *string
	provisioned        *[]string
	failed             *[]esv1.NamespaceFailure
	conditions         *[]metav1.Condition
	observedGeneration *int64
}

// of turns a function about objects of one type into one about any object. It is called with objects of that type alone: they
// come from newParent, newChild and the lists of the same kinds.
func of[O client.Object, R any](f func(O) R) func(client.Object) R {
	return func(o client.Object) R { return f(o.(O)) } //nolint:forcetypeassert // see above
}
