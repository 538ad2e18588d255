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

// maxWrites is how many objects are written at most in each way.
const maxWrites = 2000

// writes compares the ways to make a Secret, to change one of its values, and to write a status for the first time.
func writes(ctx context.Context, b *bench) error {
	n := min(maxWrites, b.N/2)
	owners, err := b.layGround(ctx, 4*n)
	if err != nil {
		return err
	}
	// Secrets that are created and updated are not those that are applied: who applies has another field manager.
	created, applied := owners[:n], owners[n:2*n]
	for _, way := range []struct {
		name   string
		owners []*esv1.ExternalSecret
		write  func(context.Context, *corev1.Secret) error
	}{
		{"Secret: create", created, b.createSecret},
		{"Secret: apply a new one", applied, b.applySecret},
		{"Secret: update", created, b.updateSecret},
		{"Secret: merge patch", created, b.patchSecret},
		{"Secret: apply a change", applied, b.applySecret},
	} {
		if err := b.writeSecrets(ctx, way.name, way.owners, way.write); err != nil {
			return err
		}
	}
	for i, way := range []struct {
		name  string
		write func(context.Context, *esv1.ExternalSecret) error
	}{
		{"status: merge patch", b.mergeStatus},
		{"status: JSON patch", b.jsonPatchStatus},
		{"status: update", b.updateStatus},
		{"status: apply", b.applyStatus},
	} {
		if err := b.writeStatuses(ctx, way.name, owners[i*n:(i+1)*n], (i+1)*n, way.write); err != nil {
			return err
		}
	}
	return b.clear(ctx, namespaces(ground), &corev1.Secret{}, &esv1.ExternalSecret{})
}

// writeSecrets writes the Secrets of ExternalSecrets in one way, with a value that they did not have before.
func (b *bench) writeSecrets(
	ctx context.Context, name string, owners []*esv1.ExternalSecret, write func(context.Context, *corev1.Secret) error,
) error {
	value := name + strings.Repeat("x", len(b.sampleSynced.written.Data[targetKey])-len(name))
	left := len(owners)
	done := func() bool {
		for left > 0 && b.observer.targets.of(targetOf(nameOf(owners[left-1]))) == value {
			left--
		}
		return left == 0
	}
	return b.try(ctx, name, len(owners), done, func(ctx context.Context, i int) error {
		secret := b.sampleSynced.secret(owners[i].Namespace, owners[i].Name, owners[i].UID)
		secret.Data[targetKey] = []byte(value)
		return write(ctx, secret)
	})
}

// writeStatuses writes the status of ExternalSecrets in one way. ready is how many are Ready then.
func (b *bench) writeStatuses(
	ctx context.Context, name string, owners []*esv1.ExternalSecret, ready int, write func(context.Context, *esv1.ExternalSecret) error,
) error {
	done := func() bool { return len(b.observer.ready[ground]) == ready }
	return b.try(ctx, name, len(owners), done, func(ctx context.Context, i int) error { return write(ctx, owners[i]) })
}

// try writes n objects in one way, and notes what that cost.
func (b *bench) try(ctx context.Context, name string, n int, done func() bool, write func(context.Context, int) error) error {
	b.settle(ctx)
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	end := b.observer.expect(done)
	if err := each(ctx, n, b.Concurrent, write); err != nil {
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
	b.found(name+": each", at.Sub(w.began).Seconds()*1000/float64(n), "ms")
	b.found(name+": kube-apiserver and etcd, for 1,000", perThousand(u.serverCPU, n), "CPU-s")
	b.found(name+": the client, for 1,000", perThousand(u.ownCPU, n), "CPU-s")
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
