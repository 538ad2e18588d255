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
	moments := 0
	for range *kills {
		operator, err := world.StartOperator(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.rotate(t, random, *objects/5)
		if moment(f, random) {
			moments++
		}
		if err := operator.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	operator, err := world.StartOperator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := operator.Kill(); err != nil {
			t.Error(err)
		}
	})
	f.rest(t)
	f.judge(t)
	t.Logf("%d kills, %d of them right after a write; %s; %.0f seconds; %d violations; seed %d",
		*kills, moments, f.figures(), time.Since(started).Seconds(), len(f.Violations()), begin)
}

// moment waits for the moment of a kill, and reports whether that is right after a write.
func moment(f *fleet, random *rand.Rand) bool {
	if random.IntN(3) == 0 {
		<-time.After(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
		return false
	}
	kinds := []string{toLeft, toRight, toTarget, toStatus}
	return f.await(kinds[random.IntN(len(kinds))], 2*time.Second)
}
