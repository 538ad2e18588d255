package crash_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-operator/sluice/test/env/faultproxy"
	"github.com/sluice-operator/sluice/test/story"
)

// TestBadNetwork puts a bad network between the operator, its stores included, and the API server. When it is good again,
// everything must come to rest.
func TestBadNetwork(t *testing.T) {
	random, begin := chance()
	f := newFleet(t, "network", *objects)
	proxy, err := faultproxy.Start(world.Config, rand.New(rand.NewPCG(begin, 1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	operator, err := world.StartOperatorAs(t.Context(), kubeconfigThrough(t, proxy))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := operator.Kill(); err != nil {
			t.Error(err)
		}
	})
	started := time.Now()
	proxy.Disturb(bad()...)
	f.launch(t)
	for end := time.After(*disturbed); ; f.rotate(t, random, *objects/5) {
		select {
		case <-time.After(500 * time.Millisecond):
			continue
		case <-end:
		}
		break
	}
	proxy.Disturb()
	f.rest(t)
	f.judge(t)
	counts := proxy.Counts()
	faults := 0
	for _, kind := range []faultproxy.Fault{
		faultproxy.Conflict, faultproxy.Broken, faultproxy.Unavailable, faultproxy.Throttled, faultproxy.Late,
		faultproxy.CutBefore, faultproxy.CutAfter, faultproxy.CutWatch,
	} {
		if counts[kind] == 0 {
			t.Errorf("there was no fault of kind %q", kind)
		}
		faults += counts[kind]
	}
	t.Logf("%d faults (%s); %s; %.0f seconds; %d violations; seed %d",
		faults, fmt.Sprint(counts), f.figures(), time.Since(started).Seconds(), len(f.Violations()), begin)
}

// bad are the rules of a bad network.
func bad() []faultproxy.Rule {
	return []faultproxy.Rule{
		{Applies: faultproxy.IsWatch, Share: 0.9, Faults: []faultproxy.Fault{
			faultproxy.CutWatch, faultproxy.CutWatch, faultproxy.CutWatch, faultproxy.CutBefore, faultproxy.Unavailable,
		}},
		{Applies: faultproxy.IsWrite, Share: 0.3, Faults: []faultproxy.Fault{
			faultproxy.Conflict, faultproxy.Broken, faultproxy.Unavailable, faultproxy.Throttled, faultproxy.Late,
			faultproxy.CutBefore, faultproxy.CutAfter, faultproxy.CutAfter,
		}},
		{Applies: func(*http.Request) bool { return true }, Share: 0.1, Faults: []faultproxy.Fault{
			faultproxy.Broken, faultproxy.Unavailable, faultproxy.Throttled, faultproxy.Late, faultproxy.CutBefore,
		}},
	}
}

// kubeconfigThrough writes a kubeconfig file of the operator that leads through a proxy, and returns its path.
func kubeconfigThrough(t *testing.T, proxy *faultproxy.Proxy) string {
	t.Helper()
	direct, err := world.KubeconfigFor(t.Context(), story.OperatorNamespace, story.OperatorAccount)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(direct)
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server, cluster.CertificateAuthorityData = proxy.Config().Host, proxy.Config().CAData
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}
