package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n=100", "-only=restart,cold"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cold", "restart"}, names(o.chosen())); diff != "" {
		t.Errorf("the chosen steps are taken in their own order (-want +got):\n%s", diff)
	}
	if o.Foreign != 100 {
		t.Errorf("there are %d foreign Secrets, want as many as objects", o.Foreign)
	}
	for _, args := range [][]string{{"-only=warm"}, {"-n=5"}, {"cold"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
