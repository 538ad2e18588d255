package env

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// assetsVariable is the variable by which users of setup-envtest say where the control plane's binaries are.
const assetsVariable = "KUBEBUILDER_ASSETS"

const modulePath = "github.com/sluice-operator/sluice"

// AssetsDir returns the absolute path of the folder that holds etcd, kube-apiserver, kubectl and, for a cluster with
// Options.ControllerManager, kube-controller-manager: the value of KUBEBUILDER_ASSETS, or bin/controlplane under ModuleRoot.
// The error says what to run when the folder has no kube-apiserver.
func AssetsDir() (string, error) {
	if dir := os.Getenv(assetsVariable); dir != "" {
		if err := hasBinary(dir, "kube-apiserver"); err != nil {
			return "", fmt.Errorf("look for the control plane in %s (from %s): %w", dir, assetsVariable, err)
		}
		return filepath.Abs(dir)
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "controlplane")
	if err := hasBinary(dir, "kube-apiserver"); err != nil {
		return "", fmt.Errorf("the control plane is not built (%w), run: make controlplane", err)
	}
	return dir, nil
}

// ModuleRoot returns the absolute path of the repository: the nearest folder, from the working directory upwards, whose go.mod
// is that of Sluice's root module. Tests find config/, bin/ and samples under it whatever package they are in.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module root: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the module root: %w", err)
		}
		if strings.HasPrefix(string(content), "module "+modulePath+"\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the module root: no go.mod of %s in %s or above", modulePath, start)
		}
	}
}

func hasBinary(dir, name string) error {
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}
