package shard

import (
	"bytes"
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
)

// lock is the lock of client-go on a Lease that this process has watched before it wants it. Without that, client-go would begin
// to wait for the end of a dead holder's time only now.
type lock struct {
	*resourcelock.LeaseLock

	// expired is the record that has not changed for its time; nil for none.
	expired []byte
}

// Get implements resourcelock.Interface. A record that has expired names no holder any more. Whoever has changed it meanwhile
// is not overlooked: the Lease is written in the version that is read here.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.LeaseLock.Get(ctx)
	if err == nil && l.expired != nil && bytes.Equal(raw, l.expired) {
		record.HolderIdentity = ""
	}
	return record, raw, err
}

// lockOn returns the lock of a Lease that identifies its holder by identity.
func (r *Replica) lockOn(name, identity string, expired []byte) *lock {
	own := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: r.Namespace, Name: name},
		Client:     r.Leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}
	if name != r.Name {
		own.Labels = map[string]string{labelOf: r.Name}
	}
	return &lock{LeaseLock: own, expired: expired}
}

// release gives a Lease of this replica back. Nothing must be done any more for which it was needed.
func (r *Replica) release(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, r.RenewDeadline)
	defer cancel()
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		lease, err := r.leases().Get(ctx, name, metav1.GetOptions{})
		if err != nil || !(sighting{lease: lease}).by(r.Identity) {
			return err
		}
		lease.Spec = coordinationv1.LeaseSpec{
			HolderIdentity: new(""), LeaseDurationSeconds: new(int32(1)), LeaseTransitions: lease.Spec.LeaseTransitions,
			AcquireTime: &metav1.MicroTime{Time: r.Clock.Now()}, RenewTime: &metav1.MicroTime{Time: r.Clock.Now()},
		}
		_, err = r.leases().Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
}
