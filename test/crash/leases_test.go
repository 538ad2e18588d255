package crash_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// TestLeases kills the operator, at moments that chance picks, while it obtains credentials that are lent for a time, delivers them,
// replaces them and gives them back. Each lease that was ever issued must be accounted for.
func TestLeases(t *testing.T) {
	random, begin := chance()
	l := newLending(t, "leases", *objects)
	started := time.Now()
	l.launch(t)
	moments := killing{
		random: random, signals: l.signals, kinds: []string{toLender, toState, toLeft, toTarget}, flags: l.flags(),
	}.run(t, func() { l.busy(t, random) })
	l.begin()
	l.service.Mend()
	l.rest(t)
	l.judge(t)
	figures := l.figures()
	l.leave(t)
	t.Logf("%d kills, %d of them right after a write; %s; %.0f seconds; seed %d", *kills, moments, figures, time.Since(started).Seconds(), begin)
}

// busy is what users and the service do in one life of the operator.
func (l *lending) busy(t *testing.T, random *rand.Rand) {
	t.Helper()
	l.begin()
	l.service.Mend()
	if random.IntN(3) == 0 {
		l.service.FailStatus(1+random.IntN(4), http.StatusServiceUnavailable, "")
	}
	l.comeBack(t)
	if random.IntN(2) == 0 { // a longer life, in which something is asked for
		l.calm(t)
	}
	for i, name := range some(random, l.settled(t), len(l.borrowers)/4) {
		if i == 0 && !l.borrowers[name].short {
			l.goAway(t, name)
		} else {
			l.request(t, name)
		}
	}
}

// calm waits until most borrowers are settled, for some seconds at most.
func (l *lending) calm(t *testing.T) {
	t.Helper()
	end := time.After(4 * time.Second)
	for tick := time.Tick(50 * time.Millisecond); len(l.settled(t)) < len(l.borrowers)*3/4; {
		select {
		case <-tick:
		case <-end:
			return
		}
	}
}
