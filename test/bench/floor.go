package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// rate is what one object costs: time, all workers together, and computing time of all that took part. Zero means that it was not
// measured.
type rate struct {
	time, cpu time.Duration
}

// rateOf divides what n objects took.
func rateOf(took time.Duration, u usage, n int) rate {
	return rate{took / time.Duration(n), u.total() / time.Duration(n)}
}

// foundRatios notes how many times the floor a step took, and what is wanted of it at most, if anything; nothing when the floor was
// not measured.
func (b *bench) foundRatios(measured, floor rate, limit ...float64) {
	if floor.time > 0 && floor.cpu > 0 {
		b.found("ratio to the floor", float64(measured.time)/float64(floor.time), "x", limit...)
		b.found("ratio of computing times of all processes", float64(measured.cpu)/float64(floor.cpu), "x")
	}
}

// ground is the group of the namespaces in which the floor is written.
const ground = "ground"

// floor measures what the writes of a cold sync cost a bare client: for each ExternalSecret, create its Secret and patch its status,
// with as many workers as the operator has.
func floor(ctx context.Context, b *bench) error {
	owners, err := b.layGround(ctx, b.N)
	if err != nil {
		return err
	}
	done := func() bool { return len(b.observer.ready[ground]) == b.N && len(b.observer.targets[ground]) == b.N }
	b.floorSynced, err = b.writeBare(ctx, b.N, done, func(ctx context.Context, i int) error {
		name := place(ground, i)
		if err := b.createSecret(ctx, b.sampleSynced.secret(name.Namespace, name.Name, owners[i].UID)); err != nil {
			return err
		}
		return b.patchStatus(ctx, statusPath("external-secrets.io/v1", "externalsecrets", name), b.sampleSynced.statusOf(name.Name))
	})
	if err != nil {
		return err
	}
	return b.clear(ctx, namespaces(ground), &corev1.Secret{}, &esv1.ExternalSecret{})
}

// layGround creates n ExternalSecrets while there is no operator, and returns them.
func (b *bench) layGround(ctx context.Context, n int) ([]*esv1.ExternalSecret, error) {
	if err := b.needSamples(ctx); err != nil {
		return nil, err
	}
	if err := b.createNamespaces(ctx, ground); err != nil {
		return nil, err
	}
	all := make([]*esv1.ExternalSecret, n)
	return all, each(ctx, n, setters, func(ctx context.Context, i int) error {
		name := place(ground, i)
		all[i] = reader(name, name.Name)
		return b.create(ctx, all[i])
	})
}

// writeBare calls write for n objects, by as many workers as the operator has, and notes what that cost until the observer has seen
// the end of it.
func (b *bench) writeBare(ctx context.Context, n int, done func() bool, write func(context.Context, int) error) (rate, error) {
	b.settle(ctx)
	w, err := b.open(ctx)
	if err != nil {
		return rate{}, err
	}
	end := b.observer.expect(done)
	if err := each(ctx, n, b.Concurrent, write); err != nil {
		return rate{}, err
	}
	at, err := end.wait(ctx, "what was written")
	if err != nil {
		return rate{}, err
	}
	u, err := w.close(ctx)
	if err != nil {
		return rate{}, err
	}
	took := at.Sub(w.began)
	b.found("floor: until the last is seen", took.Seconds(), "s")
	b.found("floor: kube-apiserver and etcd, for 1,000 objects", perThousand(u.serverCPU, n), "CPU-s")
	b.found("floor: the client itself, for 1,000 objects", perThousand(u.ownCPU, n), "CPU-s")
	return rateOf(took, u, n), nil
}

// createSecret creates a Secret, in one request.
func (b *bench) createSecret(ctx context.Context, s *corev1.Secret) error {
	if _, err := b.clientset.CoreV1().Secrets(s.Namespace).Create(ctx, s, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create a Secret: %w", err)
	}
	return nil
}

// patchStatus sends a merge patch for the status of an object, and reads nothing of the answer.
func (b *bench) patchStatus(ctx context.Context, path string, patch []byte) error {
	if err := b.clientset.CoreV1().RESTClient().Patch(types.MergePatchType).AbsPath(path).Body(patch).Do(ctx).Error(); err != nil {
		return fmt.Errorf("patch a status: %w", err)
	}
	return nil
}

// statusPath is where the status of an object is written.
func statusPath(groupVersion, resource string, name types.NamespacedName) string {
	return fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s/status", groupVersion, name.Namespace, resource, name.Name)
}

// perThousand is a time for each 1,000 of n, in seconds.
func perThousand(d time.Duration, n int) float64 { return d.Seconds() / float64(n) * 1000 }
