package crash_test

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/story"
)

// rest waits until everybody who is there has what was asked for, and nothing is on its way.
func (l *lending) rest(t *testing.T) {
	t.Helper()
	last := len(l.lives) - 1
	l.until(t, func() string {
		l.comeBack(t)
		if n := len(l.settled(t)); n < len(l.borrowers) {
			return fmt.Sprintf("%d of %d borrowers are settled", n, len(l.borrowers))
		}
		l.lost, l.idle = l.account()
		if l.lost[last]+l.idle[last] > 0 {
			return fmt.Sprintf("of the leases of an operator that was not killed %d are written down nowhere, and %d were delivered to nobody",
				l.lost[last], l.idle[last])
		}
		if n := l.replaced(); n > 0 {
			return fmt.Sprintf("%d leases were replaced and are not given back", n)
		}
		return ""
	})
}

// replaced counts the leases in force that a Secret has shown and none shows any more, but for those that nobody can end.
func (l *lending) replaced() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, lease := range l.service.Leases() {
		since, shown := l.shown[lease.ID]
		if shown && !since.IsZero() && lease.Path != lentFixed && lease.Revoked.IsZero() && time.Now().Before(lease.Until) {
			n++
		}
	}
	return n
}

// account counts the leases of each life that no GeneratorState has ever told of, and those that no Secret has ever shown.
func (l *lending) account() (lost, idle []int) {
	lost, idle = make([]int, len(l.lives)), make([]int, len(l.lives))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lease := range l.service.Leases() {
		life := 0
		for life+1 < len(l.lives) && lease.Issued.After(l.lives[life+1]) {
			life++
		}
		switch _, shown := l.shown[lease.ID]; {
		case !l.written[lease.ID]:
			lost[life]++
		case !shown:
			idle[life]++
		}
	}
	return lost, idle
}

// until waits until nothing is missing any more.
func (l *lending) until(t *testing.T, missing func() string) {
	t.Helper()
	patience := time.After(4 * story.Patience)
	for tick := time.Tick(100 * time.Millisecond); ; {
		what := missing()
		if what == "" {
			return
		}
		select {
		case err := <-l.ended:
			t.Fatal(err)
		case <-patience:
			t.Fatal(what)
		case <-tick:
		}
	}
}

// judge reports what was not in order: leases that were obtained without need, lost, or given back while a Secret had them.
func (l *lending) judge(t *testing.T) {
	t.Helper()
	for _, violation := range l.Violations() {
		t.Error(violation)
	}
	for life := range l.lives {
		// What a process had obtained when it died, and not written down or delivered, is at most what it was working on.
		if l.lost[life] > abreast || l.idle[life] > abreast {
			t.Errorf("life %d of %d: %d leases are written down nowhere, and %d were delivered to nobody, when at most %d can be",
				life+1, len(l.lives), l.lost[life], l.idle[life], abreast)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lease := range l.service.Leases() {
		if since, shown := l.shown[lease.ID]; shown && !lease.Revoked.IsZero() && (since.IsZero() || lease.Revoked.Before(since)) {
			t.Errorf("lease %s of %s was given back while a Secret had it", lease.ID, lease.Path)
		}
	}
}

// leave deletes all borrowers, and expects that everything that can be given back and was written down is given back.
func (l *lending) leave(t *testing.T) {
	t.Helper()
	for name := range l.borrowers {
		l.goAway(t, name)
	}
	l.until(t, func() string {
		var states genv1alpha1.GeneratorStateList
		if err := world.Client.List(t.Context(), &states, client.InNamespace(l.home)); err != nil {
			t.Fatal(err)
		}
		if n := len(states.Items); n > 0 {
			return fmt.Sprintf("%d GeneratorStates are left", n)
		}
		return ""
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, lease := range l.service.Leases() {
		if lease.Path != lentFixed && l.written[lease.ID] && lease.Revoked.IsZero() && now.Before(lease.Until) {
			t.Errorf("lease %s of %s is in force, and no GeneratorState tells of it", lease.ID, lease.Path)
		}
	}
}

// figures says how large the lending is and what it went through.
func (l *lending) figures() string {
	lost, idle := 0, 0
	for life := range l.lives {
		lost, idle = lost+l.lost[life], idle+l.idle[life]
	}
	counts := l.service.Counts()
	return fmt.Sprintf("%d borrowers, %d requests; %d leases issued = %d in force + %d given back + %d ended; "+
		"%d were obtained by a process that died before they were written down, and %d before they were delivered",
		len(l.borrowers), l.requests, counts.Minted, counts.Live, counts.Revoked, counts.Expired, lost, idle)
}
