package arch_test

import (
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"
)

// TestDeploymentIsConfined keeps what the operator's process may do on its node.
func TestDeploymentIsConfined(t *testing.T) {
	var deployment appsv1.Deployment
	read(t, filepath.Join(root, "config/manager/deployment.yaml"), &deployment)
	pod := deployment.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 || len(pod.Volumes) != 0 {
		t.Fatalf("%d containers, %d before them and %d volumes, want one container alone",
			len(pod.Containers), len(pod.InitContainers), len(pod.Volumes))
	}
	container := pod.Containers[0]
	if pod.SecurityContext == nil || container.SecurityContext == nil || container.SecurityContext.Capabilities == nil {
		t.Fatal("the process is not confined")
	}
	drop := container.SecurityContext.Capabilities.Drop
	for what, ok := range map[string]bool{
		"runs as another user than root":    ptr.Deref(pod.SecurityContext.RunAsNonRoot, false),
		"cannot write to its file system":   ptr.Deref(container.SecurityContext.ReadOnlyRootFilesystem, false),
		"cannot gain privileges":            !ptr.Deref(container.SecurityContext.AllowPrivilegeEscalation, true),
		"has no capabilities":               len(drop) == 1 && drop[0] == "ALL",
		"shares nothing with the node":      !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
		"has a limit to the memory it uses": !container.Resources.Limits.Memory().IsZero(),
	} {
		if !ok {
			t.Errorf("it is not so that the operator %s", what)
		}
	}
	var ports []string
	for _, port := range container.Ports {
		ports = append(ports, port.Name)
	}
	same(t, "the ports that are meant", "config/manager/deployment.yaml", []string{"health", "metrics"}, ports)
}
