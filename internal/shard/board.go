package shard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// board is what the Leases of all replicas looked like when they were last read. A Lease is alive as long as it changes: clocks
// of different machines are never compared.
type board struct {
	seen map[string]sighting
}

// sighting is a Lease, its record as client-go writes it, and when it was first seen like this.
type sighting struct {
	lease  *coordinationv1.Lease
	record []byte
	since  time.Time
}

// update takes in what was read at the given time.
func (b *board) update(leases []coordinationv1.Lease, now time.Time) {
	seen := make(map[string]sighting, len(leases))
	for i := range leases {
		lease := &leases[i]
		record := recordOf(lease)
		before, known := b.seen[lease.Name]
		if known && bytes.Equal(before.record, record) {
			seen[lease.Name] = sighting{lease: lease, record: record, since: before.since}
			continue
		}
		seen[lease.Name] = sighting{lease: lease, record: record, since: now}
	}
	b.seen = seen
}

// recordOf returns the record of a Lease as the lock of client-go returns it.
func recordOf(lease *coordinationv1.Lease) []byte {
	//nolint:errchkjson // texts, numbers and times can be encoded
	record, _ := json.Marshal(resourcelock.LeaseSpecToLeaderElectionRecord(&lease.Spec))
	return record
}

// held says that somebody has the Lease and renews it.
func (s sighting) held(now time.Time) bool {
	if s.lease == nil || ptr.Deref(s.lease.Spec.HolderIdentity, "") == "" {
		return false
	}
	return now.Before(s.since.Add(time.Duration(ptr.Deref(s.lease.Spec.LeaseDurationSeconds, 0)) * time.Second))
}

// by says that the Lease is the given replica's, in time or not.
func (s sighting) by(identity string) bool {
	return s.lease != nil && ptr.Deref(s.lease.Spec.HolderIdentity, "") == identity
}

// replicas splits the Leases whose names begin so: into the identities of those that live, in order, and the Leases of the others.
func (b *board) replicas(prefix string, now time.Time) (living []string, dead []*coordinationv1.Lease) {
	for name, s := range b.seen {
		switch {
		case !strings.HasPrefix(name, prefix):
		case s.held(now):
			living = append(living, *s.lease.Spec.HolderIdentity)
		default:
			dead = append(dead, s.lease)
		}
	}
	slices.Sort(living)
	slices.SortFunc(dead, func(a, b *coordinationv1.Lease) int { return cmp.Compare(a.Name, b.Name) })
	return living, dead
}

// share returns how many of the shards are a replica's. All together have them all, and none has two more than another. living
// are all replicas in order; one that does not find itself there counts itself too.
func share(shards int, living []string, identity string) int {
	rank, found := slices.BinarySearch(living, identity)
	replicas := len(living)
	if !found {
		replicas++
	}
	own := shards / replicas
	if rank < shards%replicas {
		own++
	}
	return own
}
