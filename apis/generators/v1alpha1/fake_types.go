package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FakeSpec lists the values of a Fake.
type FakeSpec struct {
	// Controller names the controller class that serves this generator, as in the operator's flag --controller-class. Every class when empty.
	// +optional
	Controller string `json:"controller,omitempty"`
	// Data are the values, by key.
	// +optional
	Data map[string]string `json:"data,omitempty"`
}

// Fake yields the values that its spec lists.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels="external-secrets.io/component=controller"
// +kubebuilder:resource:scope=Namespaced,path=fakes,categories={external-secrets,external-secrets-generators}
type Fake struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec FakeSpec `json:"spec,omitempty"`
}

// FakeList is a list of Fakes.
// +kubebuilder:object:root=true
type FakeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Fake `json:"items"`
}
