package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// push measures how long the operator takes from its start until the last PushSecret is Ready, against a bare client that writes the
// same remote Secrets and statuses.
func push(ctx context.Context, b *bench) error {
	if err := b.needSamples(ctx); err != nil {
		return err
	}
	n := b.N / 5
	if err := b.pushBare(ctx, n); err != nil {
		return err
	}
	const group = "pushing"
	if err := b.createPushers(ctx, group, n); err != nil {
		return err
	}
	b.settle(ctx)
	w, err := b.open(ctx)
	if err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	at, err := b.observer.await(ctx, "the PushSecrets", func() bool { return len(b.observer.pushed[group]) == n })
	if err != nil {
		return err
	}
	if _, err := b.operator.whenQuiet(ctx, 1); err != nil {
		return err
	}
	u, err := w.close(ctx)
	if err != nil {
		return err
	}
	took := at.Sub(b.operator.began)
	b.found("PushSecrets", float64(n), "")
	b.found("until the last is Ready", took.Seconds(), "s")
	b.foundRatios(rateOf(took, u, n), b.floorPushed)
	b.found("the operator, for 1,000 objects", perThousand(u.operatorCPU, n), "CPU-s")
	b.found("kube-apiserver and etcd, for 1,000 objects", perThousand(u.serverCPU, n), "CPU-s")
	b.sent(u.requests, float64(n))
	if err := b.stopOperator(); err != nil {
		return err
	}
	return b.clear(ctx, append(namespaces(group), pushed), &esv1alpha1.PushSecret{}, &corev1.Secret{})
}

// pushBare measures the floor of push.
func (b *bench) pushBare(ctx context.Context, n int) error {
	if err := b.createPushers(ctx, ground, n); err != nil {
		return err
	}
	var err error
	done := func() bool { return len(b.observer.pushed[ground]) == n }
	b.floorPushed, err = b.writeBare(ctx, n, done, func(ctx context.Context, i int) error {
		name := place(ground, i)
		if err := b.createSecret(ctx, b.samplePushed.secret(pushed, name.Name, types.UID(""))); err != nil {
			return err
		}
		return b.patchStatus(ctx, statusPath("external-secrets.io/v1alpha1", "pushsecrets", name), b.samplePushed.statusOf(name.Name))
	})
	if err != nil {
		return err
	}
	return b.clear(ctx, append(namespaces(ground), pushed), &esv1alpha1.PushSecret{}, &corev1.Secret{})
}

// createPushers creates n PushSecrets and their sources.
func (b *bench) createPushers(ctx context.Context, group string, n int) error {
	if err := b.createNamespaces(ctx, group); err != nil {
		return err
	}
	return each(ctx, n, setters, func(ctx context.Context, i int) error {
		name := place(group, i)
		return b.create(ctx, source(name.Namespace, name.Name, i, "pushed-0123456789abcdef"), pusher(name))
	})
}
