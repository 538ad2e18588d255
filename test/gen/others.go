package gen

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
)

// FakeProvider returns the spec of a store that holds the given values, each under its key.
func FakeProvider(values map[string]string) *esv1.SecretStoreProvider {
	fake := &esv1.FakeProvider{Data: []esv1.FakeProviderData{}}
	for key, value := range values {
		fake.Data = append(fake.Data, esv1.FakeProviderData{Key: key, Value: value})
	}
	return &esv1.SecretStoreProvider{Fake: fake}
}

// SecretStore returns a store that holds the given values.
func SecretStore(name string, values map[string]string) *esv1.SecretStore {
	return &esv1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1.SecretStoreSpec{Provider: FakeProvider(values)},
	}
}

// ClusterSecretStore returns a store that holds the given values.
func ClusterSecretStore(name string, values map[string]string) *esv1.ClusterSecretStore {
	return &esv1.ClusterSecretStore{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1.SecretStoreSpec{Provider: FakeProvider(values)},
	}
}

// KubernetesStore returns a store of the Secrets of namespace, as a ServiceAccount of its own namespace sees them.
func KubernetesStore(name, namespace, serviceAccount string) *esv1.SecretStore {
	store := SecretStore(name, nil)
	store.Spec.Provider = &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{
		RemoteNamespace: namespace,
		Auth:            &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: serviceAccount}},
	}}
	return store
}

// Secret returns a Secret with the given values.
func Secret(name string, values map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: values}
}

// ConfigMap returns a ConfigMap with the given texts.
func ConfigMap(name string, texts map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: texts}
}

// Password returns a generator of passwords under the given keys, of 24 characters each.
func Password(name string, keys ...string) *genv1alpha1.Password {
	return &genv1alpha1.Password{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: genv1alpha1.PasswordSpec{SecretKeys: keys}}
}

// Fake returns a generator that yields the given values.
func Fake(name string, values map[string]string) *genv1alpha1.Fake {
	return &genv1alpha1.Fake{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: genv1alpha1.FakeSpec{Data: values}}
}

// BeyondtrustDynamicSecret returns a generator of the credentials at a path of a site of BeyondTrust Workload Credentials. The Secret
// has the API token and the certificate authority, under token and ca.crt.
func BeyondtrustDynamicSecret(name, apiURL, siteID, secret, path string) *genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecret {
	return &genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecretSpec{Provider: esv1.BeyondtrustWorkloadCredentialsProvider{
			Auth: esv1.BeyondtrustWorkloadCredentialsAuth{APIKey: esv1.BeyondtrustWorkloadCredentialsAPIKey{
				Token: metametav1.SecretKeySelector{Name: secret, Key: "token"},
			}},
			Server:     esv1.BeyondtrustWorkloadCredentialsServer{APIURL: apiURL, SiteID: siteID},
			FolderPath: path,
			CAProvider: &esv1.CAProvider{Type: esv1.CAProviderSecret, Name: secret, Key: "ca.crt"},
		}},
	}
}
