package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/internal/operator"
	"github.com/sluice-operator/sluice/test/env"
)

// The operator's place in the cluster, as config/ makes it.
const (
	OperatorNamespace = "sluice-system"
	OperatorAccount   = "sluice"
)

// World is a control plane with the CRDs and the operator's rights installed.
type World struct {
	*env.Cluster

	// Client reads and writes as an administrator.
	Client client.Client

	root, dir, kubeconfig string
	temporary             bool
}

// Start starts a world without an operator in it. dir is where data and logs go; empty means a temporary folder that
// Stop removes. log receives a line for each step.
func Start(ctx context.Context, dir string, log io.Writer) (*World, error) {
	root, err := env.ModuleRoot()
	if err != nil {
		return nil, err
	}
	w := &World{root: root, dir: dir, temporary: dir == ""}
	if w.temporary {
		if w.dir, err = os.MkdirTemp("", "sluice-story-"); err != nil {
			return nil, fmt.Errorf("make a folder: %w", err)
		}
	}
	w.Cluster, err = env.Start(ctx, env.Options{
		ControllerManager: true, CRDDirs: []string{"config/crd/bases"}, Dir: filepath.Join(w.dir, "control-plane"), Log: log,
	})
	if err != nil {
		return nil, err
	}
	if err := w.install(ctx); err != nil {
		return nil, errors.Join(err, w.Stop())
	}
	return w, nil
}

// install gives the operator its namespace, its identity and its rights, as a user's kubectl would.
func (w *World) install(ctx context.Context) error {
	scheme, err := operator.Scheme()
	if err != nil {
		return err
	}
	if w.Client, err = client.New(w.Config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	for _, path := range []string{"config/manager/namespace.yaml", "config/rbac"} {
		flag := "-f"
		if filepath.Ext(path) == "" {
			flag = "-k"
		}
		if _, err := w.Kubectl(ctx, nil, "apply", flag, w.Path(path)); err != nil {
			return fmt.Errorf("install %s: %w", path, err)
		}
	}
	w.kubeconfig, err = w.KubeconfigFor(ctx, OperatorNamespace, OperatorAccount)
	return err
}

// Stop ends everything.
func (w *World) Stop() error {
	err := w.Cluster.Stop()
	if w.temporary {
		err = errors.Join(err, os.RemoveAll(w.dir))
	}
	return err
}

// Path returns the absolute form of a path that starts at the root of the project.
func (w *World) Path(rel string) string { return filepath.Join(w.root, filepath.FromSlash(rel)) }

// Apply applies a file of the project with kubectl.
func (w *World) Apply(ctx context.Context, path string) error {
	_, err := w.Kubectl(ctx, nil, "apply", "-f", w.Path(path))
	return err
}

// Patience is how long a story waits for what should take a moment.
const Patience = 30 * time.Second
