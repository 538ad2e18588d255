package env

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say what Start starts. The zero value is an API server with etcd and nothing installed.
type Options struct {
	// ControllerManager adds kube-controller-manager with the controllers for namespaces, ServiceAccounts and their tokens,
	// kube-root-ca.crt, garbage collection and aggregated ClusterRoles.
	ControllerManager bool
	// CRDDirs are folders with CustomResourceDefinitions to install; a relative path starts at ModuleRoot. They are served before
	// kube-controller-manager starts, so its garbage collector knows them from the first moment.
	CRDDirs []string
	// Dir is where data, logs and kubeconfig files go; it is created, and what an earlier cluster stored there is discarded. Empty
	// means a temporary folder that Stop removes.
	Dir string
	// Log receives one line for each step; nil discards them.
	Log io.Writer
}

// Cluster is a running control plane. Its methods are safe for concurrent use, except that nothing may be called after Stop.
type Cluster struct {
	// Config authenticates as an administrator, without a limit on the client's side. Copy it before a change.
	Config *rest.Config

	client      kubernetes.Interface
	authority   *authority
	assets, dir string
	url         string
	temporary   bool
	log         io.Writer
	// processes are in order of their start.
	processes []*Process
}

// Start starts a control plane and returns when it is ready for use: the CRDs are served, and with ControllerManager the default
// namespace has its ServiceAccount and its kube-root-ca.crt. ctx bounds the start alone. On an error nothing is left running.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	cluster, err := prepare(options)
	if err != nil {
		return nil, err
	}
	if err := cluster.start(ctx, options); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return cluster, nil
}

// Stop kills all processes and waits for them, then removes the cluster's folder if it was a temporary one. It takes
// milliseconds. Calling it again does nothing.
func (c *Cluster) Stop() error {
	var failures []error
	for _, p := range slices.Backward(c.processes) {
		failures = append(failures, p.Kill())
	}
	if c.temporary {
		failures = append(failures, os.RemoveAll(c.dir))
	}
	return errors.Join(failures...)
}

// Process returns the running component of the given name, such as kube-apiserver; nil when it was not started.
func (c *Cluster) Process(name string) *Process {
	for _, p := range c.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

func prepare(options Options) (*Cluster, error) {
	assets, err := AssetsDir()
	if err != nil {
		return nil, err
	}
	if options.ControllerManager {
		if err := hasBinary(assets, "kube-controller-manager"); err != nil {
			return nil, fmt.Errorf("%w in %s, run: make controlplane, and unset %s", err, assets, assetsVariable)
		}
	}
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	dir, err := folder(options.Dir)
	if err != nil {
		return nil, err
	}
	return &Cluster{
		authority: authority,
		assets:    assets,
		dir:       dir,
		temporary: options.Dir == "",
		log:       cmp.Or(options.Log, io.Discard),
	}, nil
}

func folder(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "sluice-env-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("prepare the cluster's folder: %w", err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, etcdData)), os.MkdirAll(dir, 0o700)); err != nil {
		return "", fmt.Errorf("prepare the cluster's folder: %w", err)
	}
	return dir, nil
}

func (c *Cluster) start(ctx context.Context, options Options) error {
	etcd, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcd); err != nil {
		return err
	}
	if err := c.installCRDs(options.CRDDirs); err != nil {
		return err
	}
	if !options.ControllerManager {
		return nil
	}
	return c.startControllerManager(ctx)
}

func (c *Cluster) installCRDs(dirs []string) error {
	if len(dirs) == 0 {
		return nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return err
	}
	paths := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(root, dir)
		}
		paths = append(paths, dir)
	}
	installed, err := envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true})
	if err != nil {
		return fmt.Errorf("install the CRDs: %w", err)
	}
	c.logf("%d CRDs installed", len(installed))
	return nil
}

// logf reports progress; that the report cannot be written is no reason to fail.
func (c *Cluster) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.log, format+"\n", args...)
}
