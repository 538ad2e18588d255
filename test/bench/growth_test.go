package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func TestGrowth(t *testing.T) {
	heap := func(sizes map[string]int64) *profile.Profile {
		p := &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
			PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"},
		}
		for name, size := range sizes {
			id := uint64(len(name))
			function := &profile.Function{ID: id, Name: "example.com/x/" + name}
			location := &profile.Location{ID: id, Line: []profile.Line{{Function: function}}}
			p.Function, p.Location = append(p.Function, function), append(p.Location, location)
			p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{location}, Value: []int64{1, size}})
		}
		return p
	}
	got, err := growth(heap(map[string]int64{"p.A": 10, "p.BB": 10, "p.CCC": 10}), heap(map[string]int64{"p.A": 15, "p.BB": 5, "p.CCC": 30}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]site{{"p.CCC", 20}, {"p.A", 5}}, got, cmp.AllowUnexported(site{})); diff != "" {
		t.Errorf("what has grown most comes first, what has shrunk not at all (-want +got):\n%s", diff)
	}
}
