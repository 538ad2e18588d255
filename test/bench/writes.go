package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// maxWrites is how many Secrets are written at most in each way.
const maxWrites = 2000

// way is a way to write a Secret.
type way struct {
	name string
	// applied says that it writes the Secrets that are applied, and not those that are created and updated.
	applied bool
	write   func(context.Context, *corev1.Secret) error
}

// writes compares the ways to write one Secret: to make it, and to change one of its values.
func writes(ctx context.Context, b *bench) error {
	n := min(maxWrites, b.N/2)
	uids, err := b.layGround(ctx, 2*n)
	if err != nil {
		return err
	}
	ways := []way{
		{name: "create", write: b.createSecret},
		{name: "apply a new one", applied: true, write: b.applySecret},
		{name: "update", write: b.updateSecret},
		{name: "merge patch", write: b.patchSecret},
		{name: "apply a change", applied: true, write: b.applySecret},
	}
	for _, way := range ways {
		if err := b.try(ctx, way, n, uids); err != nil {
			return err
		}
	}
	return b.clear(ctx, namespaces(ground), &corev1.Secret{}, &esv1.ExternalSecret{})
}

// try writes n Secrets in one way, and notes what that cost. The first n of the ground are created, the others are applied.
func (b *bench) try(ctx context.Context, way way, n int, uids []types.UID) error {
	from := 0
	if way.applied {
		from = n
	}
	value := strings.Repeat("x", len(b.sampleSynced.written.Data[targetKey])-len(way.name)) + way.name
	left := n
	done := func() bool {
		for left > 0 && b.observer.targets.of(targetOf(place(ground, from+left-1))) == value {
			left--
		}
		return left == 0
	}
	b.settle(ctx)
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	end := b.observer.expect(done)
	err = each(ctx, n, b.Concurrent, func(ctx context.Context, i int) error {
		name := place(ground, from+i)
		secret := b.sampleSynced.secret(name.Namespace, name.Name, uids[from+i])
		secret.Data[targetKey] = []byte(value)
		return way.write(ctx, secret)
	})
	if err != nil {
		return err
	}
	at, err := end.wait(ctx, "the last write")
	if err != nil {
		return err
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	b.found(way.name+": each", at.Sub(w.began).Seconds()*1000/float64(n), "ms")
	b.found(way.name+": kube-apiserver and etcd, for 1,000", perThousand(u.serverCPU, n), "CPU-s")
	b.found(way.name+": the client, for 1,000", perThousand(u.ownCPU, n), "CPU-s")
	return nil
}

func (b *bench) updateSecret(ctx context.Context, s *corev1.Secret) error {
	if _, err := b.clientset.CoreV1().Secrets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update a Secret: %w", err)
	}
	return nil
}

func (b *bench) patchSecret(ctx context.Context, s *corev1.Secret) error {
	patch, err := json.Marshal(map[string]any{"data": map[string][]byte{targetKey: s.Data[targetKey]}})
	if err != nil {
		return err
	}
	_, err = b.clientset.CoreV1().Secrets(s.Namespace).Patch(ctx, s.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patch a Secret: %w", err)
	}
	return nil
}

func (b *bench) applySecret(ctx context.Context, s *corev1.Secret) error {
	config, err := json.Marshal(s)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{FieldManager: esv1.FieldManagerPrefix + s.Name, Force: new(true)}
	if _, err = b.clientset.CoreV1().Secrets(s.Namespace).Patch(ctx, s.Name, types.ApplyPatchType, config, options); err != nil {
		return fmt.Errorf("apply a Secret: %w", err)
	}
	return nil
}
