package plan

import "time"

// Lease is the time that something generated is good for.
type Lease struct {
	// From and Until are its ends. Without the second it does not end.
	From, Until time.Time
}

// Due returns when the lease is to be replaced, for the object of the given identity: when between 75 and 80 % of its time
// have passed. It is zero for a lease that does not end.
func (l Lease) Due(identity string) time.Time {
	if l.Until.IsZero() {
		return time.Time{}
	}
	lifetime := l.Until.Sub(l.From)
	if l.From.IsZero() || lifetime < 0 {
		// Nobody knows how much has passed, or it cannot be: the end itself is what is left to go by.
		return l.Until
	}
	return l.From.Add(lifetime - lifetime/4 + Jitter(identity, lifetime))
}

// Ends reports whether the lease is to be replaced by now.
func (l Lease) Ends(identity string, now time.Time) bool {
	return !l.Until.IsZero() && !now.Before(l.Due(identity))
}

// Renews reports whether a lease is to be replaced by now, under a policy that replaces any.
func Renews(f Facts) bool { return !Frozen(f) && f.Lease.Ends(f.Identity, f.Now) }

// First returns the lease that is to be replaced first; zero when none of them ends.
func First(identity string, leases ...Lease) Lease {
	var first Lease
	for _, l := range leases {
		if !l.Until.IsZero() && (first.Until.IsZero() || l.Due(identity).Before(first.Due(identity))) {
			first = l
		}
	}
	return first
}

// withLease makes a refresh due for a lease that ends, or that was given back. It rotates nothing else: what has no end stays. A sync
// window is waited for as long as a twentieth of the time is left.
func withLease(f Facts, d Decision) Decision {
	switch {
	case d.Due:
		return d
	case f.LeaseGone:
		return Decision{Due: true, Reason: ReasonLeaseGone}
	case f.Lease.Until.IsZero():
		return d
	}
	if !f.Lease.Ends(f.Identity, f.Now) {
		d.Next = Sooner(d.Next, f.Lease.Due(f.Identity).Sub(f.Now))
		return d
	}
	last := f.Lease.Until.Add(-f.Lease.Until.Sub(f.Lease.From) / jitterShare)
	if wait := f.Windows.Wait(f.Now); wait > 0 && !f.Now.Add(wait).After(last) {
		return Decision{Reason: ReasonWindowClosed, Next: wait}
	}
	return Decision{Due: true, Reason: ReasonLeaseEnds}
}

// Sooner returns the shorter of two times to wait; one that is not positive does not count.
func Sooner(a, b time.Duration) time.Duration {
	switch {
	case a <= 0:
		return max(b, 0)
	case b <= 0:
		return a
	default:
		return min(a, b)
	}
}
