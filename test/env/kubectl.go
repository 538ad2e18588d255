package env

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Kubectl runs the real kubectl as administrator of this cluster, with stdin (nil for none), and returns what it printed on
// standard output. The error of a failed run holds what it printed on standard error.
func (c *Cluster) Kubectl(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	options := slices.Concat([]string{"--kubeconfig", c.Kubeconfig(), "--cache-dir", c.file("kubectl-cache")}, args)
	cmd := exec.CommandContext(ctx, filepath.Join(c.assets, "kubectl"), options...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	// What the person at the keyboard set up for kubectl must not change what a test sees.
	cmd.Env = append(os.Environ(), "KUBERC=off")
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
