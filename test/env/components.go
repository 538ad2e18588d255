package env

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/keyutil"
)

const (
	host               = "127.0.0.1"
	etcdData           = "etcd"
	issuer             = "https://kubernetes.default.svc.cluster.local"
	serviceAccountKey  = "sa.key"
	authorityFile      = "ca.crt"
	controllersEnabled = "namespace-controller,serviceaccount-controller,serviceaccount-token-controller," +
		"root-ca-certificate-publisher-controller,garbage-collector-controller,clusterrole-aggregation-controller"
)

// startEtcd returns the URL that etcd serves clients on.
func (c *Cluster) startEtcd(ctx context.Context) (string, error) {
	ports, err := FreePorts(ctx, 2)
	if err != nil {
		return "", err
	}
	url, peer := "http://"+net.JoinHostPort(host, ports[0]), "http://"+net.JoinHostPort(host, ports[1])
	return url, c.run(ctx, "etcd", func(ctx context.Context) error { return ProbeHTTP(ctx, url+"/health") },
		"--data-dir="+filepath.Join(c.dir, etcdData), "--unsafe-no-fsync",
		"--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
}

func (c *Cluster) startAPIServer(ctx context.Context, etcd string) error {
	ports, err := FreePorts(ctx, 1)
	if err != nil {
		return err
	}
	c.url = "https://" + net.JoinHostPort(host, ports[0])
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.writeServerFiles(); err != nil {
		return err
	}
	return c.run(ctx, "kube-apiserver", c.probeAPIServer,
		"--etcd-servers="+etcd, "--bind-address="+host, "--secure-port="+ports[0],
		"--advertise-address="+host, "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file="+c.file("apiserver.crt"), "--tls-private-key-file="+c.file("apiserver.key"),
		"--client-ca-file="+c.file(authorityFile), "--authorization-mode=RBAC",
		"--service-account-issuer="+issuer, "--service-account-signing-key-file="+c.file(serviceAccountKey),
		"--service-account-key-file="+c.file(serviceAccountKey))
}

func (c *Cluster) startControllerManager(ctx context.Context) error {
	config, err := c.configFor("system:kube-controller-manager")
	if err != nil {
		return err
	}
	kubeconfig, err := c.writeKubeconfig("kube-controller-manager", config)
	if err != nil {
		return err
	}
	return c.run(ctx, "kube-controller-manager", c.probeControllers,
		"--kubeconfig="+kubeconfig, "--bind-address="+host, "--secure-port=0", "--leader-elect=false",
		"--use-service-account-credentials", "--service-account-private-key-file="+c.file(serviceAccountKey),
		"--root-ca-file="+c.file(authorityFile), "--controllers="+controllersEnabled)
}

// run starts one component and waits until probe is content with it.
func (c *Cluster) run(ctx context.Context, name string, probe func(context.Context) error, args ...string) error {
	p, err := StartProcess(ctx, c.dir, filepath.Join(c.assets, name), nil, args...)
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	if err := p.WaitReady(ctx, probe); err != nil {
		return err
	}
	c.logf("%s is ready", name)
	return nil
}

// connect sets what an administrator needs to reach the API server, before it runs.
func (c *Cluster) connect() (err error) {
	if c.Config, err = c.configFor("admin", "system:masters"); err != nil {
		return err
	}
	if _, err = c.writeKubeconfig("admin", c.Config); err != nil {
		return err
	}
	if c.client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return fmt.Errorf("create the administrator's client: %w", err)
	}
	return nil
}

func (c *Cluster) writeServerFiles() error {
	server, err := c.authority.server()
	if err != nil {
		return err
	}
	signer, err := newKey()
	if err != nil {
		return err
	}
	signerPEM, err := keyutil.MarshalPrivateKeyToPEM(signer)
	if err != nil {
		return fmt.Errorf("encode the key that signs ServiceAccount tokens: %w", err)
	}
	files := map[string][]byte{
		"apiserver.crt": server.certificate, "apiserver.key": server.key,
		authorityFile: c.authority.pem(), serviceAccountKey: signerPEM,
	}
	for name, content := range files {
		if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
			return fmt.Errorf("write the API server's files: %w", err)
		}
	}
	return nil
}

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

func (c *Cluster) probeAPIServer(ctx context.Context) error {
	return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// probeControllers asks for what the controllers make in every namespace.
func (c *Cluster) probeControllers(ctx context.Context) error {
	_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	return err
}

// ProbeHTTP returns nil when url answers with status 200.
func ProbeHTTP(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// FreePorts returns n different ports that nothing listens on at this moment.
func FreePorts(ctx context.Context, n int) ([]string, error) {
	ports := make([]string, 0, n)
	for range n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// All stay open until the last is found: else one port could be found twice.
		defer func() { _ = listener.Close() }()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		ports = append(ports, port)
	}
	return ports, nil
}
