package kubernetes

import (
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/sluice-operator/sluice/internal/fault"
)

// loadKubeconfig reads the current context of a kubeconfig. Whoever may write the kubeconfig must not be able to run
// something in the operator's pod or to read its files: plugins and paths are refused.
func loadKubeconfig(content []byte) (*rest.Config, error) {
	config, err := clientcmd.Load(content)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s.authRef points to a value that is not a kubeconfig", specPath)
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil {
		return nil, fault.New(fault.Invalid, "%s.authRef: the kubeconfig has no context under the name of its current-context", specPath)
	}
	cluster, user := config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo]
	if cluster == nil || user == nil {
		return nil, fault.New(fault.Invalid, "%s.authRef: the kubeconfig's current context names a cluster or a user that is not in it",
			specPath)
	}
	if setting := forbidden(cluster, user); setting != "" {
		return nil, fault.New(fault.Invalid, "%s.authRef: the kubeconfig uses %s, which would act inside the operator: "+
			"put certificates, keys and tokens into the kubeconfig itself", specPath, setting)
	}
	if _, err := parseServer(cluster.Server, specPath+".authRef: the kubeconfig's server"); err != nil {
		return nil, err
	}
	loaded, err := clientcmd.NewNonInteractiveClientConfig(*config, config.CurrentContext, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s.authRef: the kubeconfig's current context is not usable", specPath)
	}
	return loaded, nil
}

// forbidden returns the name of a setting that would run a program or read a file.
func forbidden(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) string {
	for _, setting := range []struct {
		name string
		used bool
	}{
		{"exec", user.Exec != nil},
		{"auth-provider", user.AuthProvider != nil},
		{"tokenFile", user.TokenFile != ""},
		{"client-certificate", user.ClientCertificate != ""},
		{"client-key", user.ClientKey != ""},
		{"certificate-authority", cluster.CertificateAuthority != ""},
	} {
		if setting.used {
			return setting.name
		}
	}
	return ""
}
