package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// snapshot is the memory of the operator at one time, in MB.
type snapshot struct {
	at time.Time
	// resident is what the system counts, heap what a garbage collection has found to be in use.
	resident, heap float64
	goroutines     float64
	profile        *profile.Profile
}

// look takes a snapshot. The operator collects its garbage for it.
func (b *bench) look(ctx context.Context) (snapshot, error) {
	content, err := fetch(ctx, b.operator.profiles+"heap?gc=1")
	if err != nil {
		return snapshot{}, err
	}
	parsed, err := profile.Parse(bytes.NewReader(content))
	if err != nil {
		return snapshot{}, fmt.Errorf("parse a heap profile: %w", err)
	}
	const live, goroutines = "go_gc_heap_live_bytes", "go_goroutines"
	metrics, err := scrape(ctx, b.operator.metrics, live, goroutines)
	if err != nil {
		return snapshot{}, err
	}
	s := snapshot{at: time.Now(), profile: parsed, heap: metrics.sum(live) / megabyte, goroutines: metrics.sum(goroutines)}
	s.resident, _, err = memory(b.operator.PID())
	return s, err
}

// flat is by how many percent the heap may grow in a run without being called a leak.
const flat = 5

// foundGrowth notes how the memory grows, after a first quarter in which it may.
func (b *bench) foundGrowth(seen []snapshot) error {
	seen = seen[len(seen)/4:]
	if len(seen) < 3 {
		return errors.New("the time was too short to see whether the memory grows")
	}
	first, last := seen[0], seen[len(seen)-1]
	var hours, resident, heap []float64
	for _, s := range seen {
		hours = append(hours, s.at.Sub(first.at).Hours())
		resident, heap = append(resident, s.resident), append(heap, s.heap)
	}
	b.found("looks at the memory, after the first quarter", float64(len(seen)), "")
	b.found("resident memory at the end", last.resident, "MB")
	b.found("heap at the end", last.heap, "MB")
	b.found("goroutines at the end, more than at the beginning", last.goroutines-first.goroutines, "")
	b.found("growth of resident memory", slope(hours, resident), "MB/h")
	b.found("growth of the heap", slope(hours, heap), "MB/h")
	b.found("growth of the heap in the run", 100*slope(hours, heap)*hours[len(hours)-1]/first.heap, "%", flat)
	grown, err := growth(first.profile, last.profile)
	if err != nil {
		return err
	}
	b.sayf("what has grown most:")
	for _, site := range grown[:min(10, len(grown))] {
		b.sayf("  %8.1f KB %s", float64(site.bytes)/1024, site.where)
	}
	return nil
}

// site is a place in the code, with its callers, and what it has allocated that is in use.
type site struct {
	where string
	bytes int64
}

// growth returns the sites that have more in use in after than in before, the largest first.
func growth(before, after *profile.Profile) ([]site, error) {
	negative := before.Copy()
	negative.Scale(-1)
	difference, err := profile.Merge([]*profile.Profile{after, negative})
	if err != nil {
		return nil, fmt.Errorf("compare heap profiles: %w", err)
	}
	return slices.DeleteFunc(sites(difference), func(s site) bool { return s.bytes <= 0 }), nil
}

// sites are the places of a heap profile, the largest first.
func sites(p *profile.Profile) []site {
	inUse := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "inuse_space" })
	if inUse < 0 {
		return nil
	}
	total := map[string]int64{}
	for _, sample := range p.Sample {
		total[where(sample)] += sample.Value[inUse]
	}
	all := make([]site, 0, len(total))
	for place, bytes := range total {
		all = append(all, site{place, bytes})
	}
	slices.SortFunc(all, func(a, b site) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.where, b.where)) })
	return all
}

// where names the function that allocates and four that have called it.
func where(sample *profile.Sample) string {
	var functions []string
	for _, location := range sample.Location {
		for _, line := range location.Line {
			name := line.Function.Name
			functions = append(functions, name[strings.LastIndexByte(name, '/')+1:])
		}
	}
	return strings.Join(functions[:min(5, len(functions))], " < ")
}
