package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of the kinds in this package.
const Group = "generators.external-secrets.io"

// The kinds of this package.
const (
	KindPassword = "Password"
	KindFake     = "Fake"
	KindUUID     = "UUID"
	KindSSHKey   = "SSHKey"
	KindMFA      = "MFA"
	KindWebhook  = "Webhook"
	// KindBeyondtrustWorkloadCredentialsDynamicSecret is as long as the API has it.
	KindBeyondtrustWorkloadCredentialsDynamicSecret = "BeyondtrustWorkloadCredentialsDynamicSecret"
	KindClusterGenerator                            = "ClusterGenerator"
	KindGeneratorState                              = "GeneratorState"
)

// GroupVersion returns the group and version of the kinds in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: "v1alpha1"}
}

// AddToScheme adds the kinds of this package to scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(),
		&Password{}, &PasswordList{},
		&Fake{}, &FakeList{},
		&UUID{}, &UUIDList{},
		&SSHKey{}, &SSHKeyList{},
		&MFA{}, &MFAList{},
		&Webhook{}, &WebhookList{},
		&BeyondtrustWorkloadCredentialsDynamicSecret{}, &BeyondtrustWorkloadCredentialsDynamicSecretList{},
		&ClusterGenerator{}, &ClusterGeneratorList{},
		&GeneratorState{}, &GeneratorStateList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}
