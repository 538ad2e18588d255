package crash_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestKills kills the operator without a warning, at moments that chance picks: after a while, or right after a write of some
// kind has become visible.
func TestKills(t *testing.T) {
	random, begin := chance()
	f := newFleet(t, "kills", *objects)
	started := time.Now()
	f.launch(t)
	moments := killing{random: random, signals: f.signals, kinds: []string{toLeft, toRight, toTarget, toStatus}}.run(t, func() {
		f.rotate(t, random, *objects/5)
	})
	f.rest(t)
	f.judge(t)
	t.Logf("%d kills, %d of them right after a write; %s; %.0f seconds; %d violations; seed %d",
		*kills, moments, f.figures(), time.Since(started).Seconds(), len(f.Violations()), begin)
}

// signals tells what was written, to whoever waits for it.
type signals chan string

func (s signals) tell(kind string) {
	select {
	case s <- kind:
	default: // nobody listens
	}
}

// await returns when a write of the given kind is seen, and whether that was before a time has passed.
func (s signals) await(kind string, longest time.Duration) bool {
	for len(s) > 0 {
		<-s
	}
	timer := time.After(longest)
	for {
		select {
		case seen := <-s:
			if seen == kind {
				return true
			}
		case <-timer:
			return false
		}
	}
}

// killing starts the operator and kills it, again and again, and then starts one that lives until the test ends.
type killing struct {
	random  *rand.Rand
	signals signals
	// kinds are the writes after which it may be.
	kinds []string
	// flags are further ones of the operator.
	flags []string
}

// run calls busy in each life, and returns how many kills were right after a write.
func (k killing) run(t *testing.T, busy func()) (moments int) {
	t.Helper()
	for range *kills {
		operator, err := world.StartOperator(t.Context(), k.flags...)
		if err != nil {
			t.Fatal(err)
		}
		busy()
		if k.moment() {
			moments++
		}
		if err := operator.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	operator, err := world.StartOperator(t.Context(), k.flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := operator.Kill(); err != nil {
			t.Error(err)
		}
	})
	return moments
}

// moment waits for the moment of a kill, and reports whether that is right after a write.
func (k killing) moment() bool {
	if k.random.IntN(3) == 0 {
		<-time.After(time.Duration(k.random.Int64N(int64(1500 * time.Millisecond))))
		return false
	}
	return k.signals.await(k.kinds[k.random.IntN(len(k.kinds))], 2*time.Second)
}
