package scenarios_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("the operator's process", Label("install"), func() {
	It("listens on nothing but its metrics and its health", func(ctx context.Context) {
		_, metrics, err := net.SplitHostPort(metricsAddress)
		Expect(err).NotTo(HaveOccurred())
		ports := listening(operator.PID())
		Expect(ports).To(HaveLen(2))
		Expect(ports).To(ContainElement(metrics))
		for _, port := range ports {
			page := map[bool]string{true: "/metrics", false: "/healthz"}[port == metrics]
			_, err := get(ctx, "http://127.0.0.1:"+port+page)
			Expect(err).NotTo(HaveOccurred(), "port %s", port)
		}
	})
})

// listening returns the TCP ports on which a process listens.
func listening(pid int) []string {
	GinkgoHelper()
	sockets := map[string]bool{}
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	Expect(err).NotTo(HaveOccurred())
	for _, descriptor := range descriptors {
		// A descriptor may be closed meanwhile.
		if what, err := os.Readlink(descriptor); err == nil {
			sockets[what] = true
		}
	}
	const listen = "0A"
	var ports []string
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(content)) {
			// The columns: number, local address, remote address, state, six others of which the last two are the user's, inode.
			columns := strings.Fields(line)
			if columns[3] != listen || !sockets["socket:["+columns[9]+"]"] {
				continue
			}
			_, hexadecimal, _ := strings.Cut(columns[1], ":")
			port, err := strconv.ParseUint(hexadecimal, 16, 16)
			Expect(err).NotTo(HaveOccurred())
			ports = append(ports, strconv.FormatUint(port, 10))
		}
	}
	return ports
}
