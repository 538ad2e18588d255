package env

import (
	"context"
	"fmt"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenSeconds is how long a token of KubeconfigFor lives: longer than any test, since nothing renews it.
const tokenSeconds = 24 * 60 * 60

// Kubeconfig returns the path of a kubeconfig file whose user may do everything. The file goes with the cluster's folder.
func (c *Cluster) Kubeconfig() string { return c.kubeconfigPath("admin") }

// KubeconfigFor writes a kubeconfig file that authenticates as an existing ServiceAccount, with a token that lives for a day and
// with no right but what role-based access control gives that ServiceAccount, and returns the file's path. It is how a process
// outside the cluster runs with exactly the rights that it would have inside.
func (c *Cluster) KubeconfigFor(ctx context.Context, namespace, name string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenSeconds))}}
	answer, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(c.Config)
	config.BearerToken = answer.Status.Token
	return c.writeKubeconfig(namespace+"."+name, config)
}

// configFor returns a configuration that authenticates by client certificate.
func (c *Cluster) configFor(user string, groups ...string) (*rest.Config, error) {
	pair, err := c.authority.user(user, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            c.url,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority.pem(), CertData: pair.certificate, KeyData: pair.key},
		// Tests wait for the API server, never for a client's own limit.
		QPS: -1,
	}, nil
}

func (c *Cluster) kubeconfigPath(user string) string { return filepath.Join(c.dir, user+".kubeconfig") }

func (c *Cluster) writeKubeconfig(user string, config *rest.Config) (string, error) {
	const name = "sluice-env"
	file := clientcmdapi.NewConfig()
	file.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	file.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	file.CurrentContext = name
	path := c.kubeconfigPath(user)
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		return "", fmt.Errorf("write the kubeconfig of %s: %w", user, err)
	}
	return path, nil
}
