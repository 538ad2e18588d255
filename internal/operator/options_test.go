package operator_test

import (
	"flag"
	"io"
	"net"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/sluice-operator/sluice/internal/operator"
	"github.com/sluice-operator/sluice/test/env"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"metrics-addr": ":8080", "live-addr": ":8082", "controller-class": "default", "namespace": "", "client-burst": "100",
		"store-requeue-interval": "5m0s", "enable-flood-gate": "true", "enable-secret-store-reconciler": "true",
		"enable-cluster-external-secret-reconciler": "true", "enable-cluster-push-secret-reconciler": "true",
		"enable-cluster-store-reconciler": "true", "enable-push-secret-reconciler": "true", "enable-leader-election": "false",
		"leader-election-id": "external-secrets-controller", "leader-election-lease-duration": "15s",
		"leader-election-renew-deadline": "10s", "leader-election-retry-period": "2s",
		"enable-generator-state": "true", "generator-gc-grace-period": "2m0s",
		"template-left-delimiter": "{{", "template-right-delimiter": "}}",
		"metrics-secure": "false", "metrics-cert-dir": "", "metrics-cert-name": "tls.crt", "metrics-key-name": "tls.key", "enable-http2": "false",
	}
	var o operator.Options
	flags := flag.NewFlagSet("sluice", flag.ContinueOnError)
	o.Bind(flags)
	for name, want := range known {
		if f := flags.Lookup(name); f == nil || f.DefValue != want {
			t.Errorf("flag --%s is %+v, want the default %q: users of this API know it so", name, f, want)
		}
	}
	for _, name := range []string{"concurrent", "client-qps", "operator-namespace", "never-copied-metadata", "pprof-addr", "shards"} {
		if flags.Lookup(name) == nil {
			t.Errorf("flag --%s is gone", name)
		}
	}
}

func TestFlagsWithoutEffect(t *testing.T) {
	t.Parallel()
	var o operator.Options
	flags := flag.NewFlagSet("sluice", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.Bind(flags)
	args := []string{"--enable-secrets-caching", "--enable-managed-secrets-caching=false", "--vault-token-cache-size", "5", "--concurrent=7"}
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 || o.Concurrency != 7 {
		t.Errorf("got %v and %d workers, want what the reference implementation knows to be accepted", err, o.Concurrency)
	}
	if err := flags.Parse([]string{"--metrics-auth=false"}); err != nil {
		t.Errorf("a flag that asks for what is so is refused: %v", err)
	}
	for _, arg := range []string{"--metrics-auth=true", "--metrics-auth", "--metrics-auth=perhaps"} {
		if err := flags.Parse([]string{arg}); err == nil {
			t.Errorf("%s, which would make something safer, is accepted and ignored", arg)
		}
	}
}

func TestOwnNamespace(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "somewhere")
	var o operator.Options
	flags := flag.NewFlagSet("sluice", flag.ContinueOnError)
	o.Bind(flags)
	if err := flags.Parse([]string{"--concurrent=7", "--leader-election-lease-duration=1m"}); err != nil {
		t.Fatal(err)
	}
	if o.OperatorNamespace != "somewhere" {
		t.Errorf("the operator's namespace is %q, want that of its pod", o.OperatorNamespace)
	}
	if o.Concurrency != 7 || o.LeaderElection.LeaseDuration != time.Minute {
		t.Errorf("flags set %d and %s, want 7 and 1m", o.Concurrency, o.LeaderElection.LeaseDuration)
	}
}

var _ = Describe("An operator that has its process for itself", func() {
	It("answers probes and serves its metrics", func(ctx SpecContext) {
		home, here := newPlace(ctx), newPlace(ctx)
		ports, err := env.FreePorts(ctx, 2)
		Expect(err).NotTo(HaveOccurred())
		o := defaults(home.name)
		o.Namespace = here.name
		o.LiveAddr, o.MetricsAddr = net.JoinHostPort("127.0.0.1", ports[0]), net.JoinHostPort("127.0.0.1", ports[1])
		launch(cluster.Config, o)
		for _, path := range []string{"/healthz", "/readyz"} {
			Eventually(func() error { return env.ProbeHTTP(ctx, "http://"+o.LiveAddr+path) }).Should(Succeed())
		}
		here.delivered(ctx, "app")
		lines := page(ctx, "http://"+o.MetricsAddr+"/metrics")
		Expect(lines).To(ContainElement(`externalsecret_status_condition{condition="Ready",name="app",namespace="` + here.name + `",status="True"} 1`))
		Expect(lines).To(ContainElement(`secretstore_status_condition{condition="Ready",name="app",namespace="` + here.name + `",status="True"} 1`))
		Expect(lines).To(ContainElement(HavePrefix(`externalsecret_sync_calls_total{name="app",namespace="` + here.name + `"}`)))
	})
})
