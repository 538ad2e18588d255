package env_test

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/test/env"
)

// childVariable makes TestNothingOutlivesAKilledTest play the test that is killed.
const childVariable = "SLUICE_ENV_TEST_CHILD"

const addressPrefix = "address "

func TestNothingOutlivesAKilledTest(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		startAndHang(t)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), childVariable+"=yes", "TMPDIR="+t.TempDir())
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), addressPrefix)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed, so this is an error by design
	if address == "" {
		t.Fatal("the child started no control plane")
	}
	eventually(t.Context(), t, "the API server is gone", func(ctx context.Context) (bool, error) {
		return !listening(ctx, address), nil
	})
}

func listening(ctx context.Context, address string) bool {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

func startAndHang(t *testing.T) {
	t.Helper()
	cluster, err := env.Start(t.Context(), env.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(cluster.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(addressPrefix + server.Host)
	select {} // until the parent kills this process
}
