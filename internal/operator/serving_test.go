package operator_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"

	"github.com/sluice-operator/sluice/test/env"
)

var _ = Describe("Metrics over TLS", func() {
	DescribeTable("are served with the certificate of the folder", func(ctx SpecContext, http2 bool, protocol string) {
		home, here := newPlace(ctx), newPlace(ctx)
		ports, err := env.FreePorts(ctx, 1)
		Expect(err).NotTo(HaveOccurred())
		certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
		Expect(err).NotTo(HaveOccurred())
		o := defaults(home.name)
		o.Namespace, o.MetricsAddr = here.name, net.JoinHostPort("127.0.0.1", ports[0])
		o.MetricsTLS.Enabled, o.MetricsTLS.HTTP2, o.MetricsTLS.Dir = true, http2, GinkgoT().TempDir()
		Expect(os.WriteFile(filepath.Join(o.MetricsTLS.Dir, "tls.crt"), certificate, 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(o.MetricsTLS.Dir, "tls.key"), key, 0o600)).To(Succeed())
		o.Share()
		launch(cluster.Config, o)

		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(certificate)).To(BeTrue())
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
		DeferCleanup(transport.CloseIdleConnections)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+o.MetricsAddr+"/metrics", http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			response, err := transport.RoundTrip(request)
			g.Expect(err).NotTo(HaveOccurred())
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(body)).To(ContainSubstring("controller_runtime"))
			g.Expect(response.Proto).To(Equal(protocol))
		}).Should(Succeed())
	},
		Entry("over HTTP/1.1", false, "HTTP/1.1"),
		Entry("over HTTP/2 when that is asked for", true, "HTTP/2.0"),
	)
})
