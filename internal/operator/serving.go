package operator

import (
	"crypto/tls"
	"errors"
	"flag"
	"strconv"

	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// MetricsTLS says how metrics are protected on their way.
type MetricsTLS struct {
	Enabled bool
	// Dir holds the certificate and its key, which are read again when they change. When it is empty, a certificate that
	// nobody has signed is made at the start.
	Dir, CertName, KeyName string
	// HTTP2 offers HTTP/2 too.
	HTTP2 bool
}

func (o *Options) bindServing(fs *flag.FlagSet) {
	fs.StringVar(&o.MetricsAddr, "metrics-addr", ":8080", "The address on which metrics are served; 0 turns them off.")
	fs.StringVar(&o.LiveAddr, "live-addr", ":8082", "The address on which /healthz and /readyz are served; 0 turns them off.")
	fs.StringVar(&o.ProfilesAddr, "pprof-addr", "0",
		"The address on which profiles of the process are served under /debug/pprof/, to everybody who can reach it; 0 turns them off.")
	o.MetricsTLS.bind(fs)
}

func (m *MetricsTLS) bind(fs *flag.FlagSet) {
	fs.BoolVar(&m.Enabled, "metrics-secure", false, "Serve metrics over TLS.")
	fs.StringVar(&m.Dir, "metrics-cert-dir", "",
		"The folder of the certificate for metrics-secure; when empty, a certificate that nobody has signed is made.")
	fs.StringVar(&m.CertName, "metrics-cert-name", "tls.crt", "The file of the certificate in metrics-cert-dir.")
	fs.StringVar(&m.KeyName, "metrics-key-name", "tls.key", "The file of the private key in metrics-cert-dir.")
	fs.BoolVar(&m.HTTP2, "enable-http2", false, "Offer HTTP/2 where metrics are served over TLS.")
	fs.BoolFunc("metrics-auth", "Only false is accepted: who may read metrics is for a network policy to say.", refuseAuth)
}

// refuseAuth accepts only what changes nothing. To ignore a wish for protection would be worse than not to start.
func refuseAuth(value string) error {
	if wanted, err := strconv.ParseBool(value); err != nil || wanted {
		return errors.New("metrics cannot ask who reads them: leave the flag out, and restrict access with a NetworkPolicy")
	}
	return nil
}

// metricsServer returns how metrics are served.
func (o *Options) metricsServer() metricsserver.Options {
	m := o.MetricsTLS
	server := metricsserver.Options{
		BindAddress: o.MetricsAddr, SecureServing: m.Enabled, CertDir: m.Dir, CertName: m.CertName, KeyName: m.KeyName,
	}
	if !m.HTTP2 {
		server.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}
	}
	return server
}
