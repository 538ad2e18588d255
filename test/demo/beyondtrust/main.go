// Command beyondtrust plays the example of docs/generators/beyondtrustworkloadcredentialsdynamicsecret.md on a control plane of its own,
// with a server that behaves as BeyondTrust's and issues credentials that live for a minute, and shows on a time line how they are
// replaced.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
	"github.com/sluice-operator/sluice/test/guide"
	"github.com/sluice-operator/sluice/test/story"
)

const (
	page      = "docs/generators/beyondtrustworkloadcredentialsdynamicsecret.md"
	namespace = "external-secrets"
	site      = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
	token     = "demo-token"
	lifetime  = time.Minute
	// length is how long the demo shows what happens: three rotations.
	length = 3 * lifetime
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := play(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// play starts a world, tells the story and cleans up, also when it is interrupted.
func play(ctx context.Context) (err error) {
	service := beyondtrust.NewWorkloadCredentials(site, token, clock.RealClock{})
	defer service.Close()
	service.Define("production/aws-temp", beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: lifetime})
	fmt.Printf("A server that behaves as BeyondTrust Workload Credentials listens at %s.\n", service.APIURL())
	fmt.Println("Starting a control plane: etcd, kube-apiserver, kube-controller-manager.")
	w, err := story.Start(ctx, "", io.Discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	operator, err := w.StartOperator(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, operator.Kill()) }()

	fmt.Printf("Applying the example of %s, with that address.\nIts credentials live for %s; refreshInterval is 45m.\n\n", page, lifetime)
	if err := apply(ctx, w, service); err != nil {
		return err
	}
	lines, err := watch(ctx, w, service)
	if err != nil {
		return err
	}
	draw(os.Stdout, lines)
	counts := service.Counts()
	fmt.Printf("\nThe server has issued %d credentials: %d ended, %d in force.\n", counts.Minted, counts.Expired, counts.Live)
	return nil
}

// apply makes what the page shows, and the Secrets that it tells to make.
func apply(ctx context.Context, w *story.World, service *beyondtrust.WorkloadCredentials) error {
	blocks, err := guide.Blocks(w.Path(page))
	if err != nil {
		return err
	}
	manifests := []string{`apiVersion: v1
kind: Namespace
metadata: {name: ` + namespace + `}
---
apiVersion: v1
kind: Secret
metadata: {namespace: ` + namespace + `, name: api-token}
stringData: {token: ` + token + `}
---
apiVersion: v1
kind: Secret
metadata: {namespace: ` + namespace + `, name: my-ca-bundle}
data: {ca.crt: ` + base64.StdEncoding.EncodeToString(service.Authority()) + `}
`}
	for _, block := range blocks {
		if block.Info == "yaml" {
			manifests = append(manifests, strings.ReplaceAll(block.Text, "https://api.beyondtrust.io/site", service.APIURL()))
		}
	}
	_, err = w.Kubectl(ctx, strings.NewReader(strings.Join(manifests, "---\n")), "apply", "-f", "-")
	return err
}
