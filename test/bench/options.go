package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// options are what a user of the bench can set.
type options struct {
	// N is the number of ExternalSecrets, Foreign that of Secrets that are nobody's business.
	N       int `json:"n"`
	Foreign int `json:"foreign"`
	// Concurrent is the number of workers, of the operator as of those who write the floor.
	Concurrent int `json:"concurrent"`
	// Window is how long steady refreshing is measured.
	Window time.Duration `json:"-"`
	// Samples is how many changes are followed to their targets.
	Samples int `json:"samples"`
	// Churn is how long the leak test runs, in place of the steps; zero for no leak test.
	Churn time.Duration `json:"-"`

	// JSON is the file that the figures are written to, Profile the folder for profiles of the operator; empty for none.
	JSON    string   `json:"-"`
	Profile string   `json:"-"`
	Only    []string `json:"only,omitempty"`
}

// step is one part of the bench. What it needs of earlier steps it does itself when they were not chosen.
type step struct {
	name, about string
	run         func(context.Context, *bench) error
}

func steps() []step {
	return []step{
		{"idle", "the operator without anything to do", idle},
		{"floor", "a bare client writes the same objects", floor},
		{"writes", "the ways to write a Secret", writes},
		{"push", "all PushSecrets are there before the operator starts", push},
		{"cold", "all ExternalSecrets are there before the operator starts", coldSync},
		{"memory", "nothing happens for a while", settledMemory},
		{"restart", "the operator is started again, and nothing is due", restart},
		{"steady", "objects are refreshed, and nothing has changed", steady},
		{"propagation", "sources change while other objects are refreshed", propagation},
		{"fairness", "new objects appear while others are refreshed", fairness},
		{"failover", "one of two replicas ends, of which one works", failover},
		{"shards", "one of two replicas ends, which share the work", shards},
	}
}

func parse(args []string) (options, error) {
	var o options
	var only string
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&o.N, "n", 5000, "The number of ExternalSecrets.")
	fs.IntVar(&o.Foreign, "foreign", 0, "The number of foreign Secrets of 20 KB; as many as -n when 0, none when negative.")
	fs.IntVar(&o.Concurrent, "concurrent", 4, "The workers of each controller, and those who write the floor.")
	fs.DurationVar(&o.Window, "window", time.Minute, "How long steady refreshing is measured.")
	fs.IntVar(&o.Samples, "samples", 250, "How many changes of sources are followed to their targets.")
	fs.DurationVar(&o.Churn, "churn", 0, "Look for leaks for this long, in place of the steps.")
	fs.StringVar(&o.JSON, "json", "", "The file to write the figures to.")
	fs.StringVar(&o.Profile, "profile", "", "The folder to write profiles of the operator to.")
	fs.StringVar(&only, "only", "", "Comma-separated names of steps, in place of all: "+strings.Join(names(steps()), ", ")+".")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: everything is set by flags", fs.Arg(0))
	}
	if o.N < len(homes()) || o.Concurrent < 1 {
		return o, fmt.Errorf("-n must be at least %d, and -concurrent at least 1", len(homes()))
	}
	if o.Foreign == 0 {
		o.Foreign = o.N
	}
	o.Foreign = max(o.Foreign, 0)
	o.Only = strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range o.Only {
		if !slices.Contains(names(steps()), name) {
			return o, fmt.Errorf("there is no step %q: the steps are %s", name, strings.Join(names(steps()), ", "))
		}
	}
	return o, nil
}

// chosen are the steps to take, in their order.
func (o *options) chosen() []step {
	if len(o.Only) == 0 {
		return steps()
	}
	return slices.DeleteFunc(steps(), func(s step) bool { return !slices.Contains(o.Only, s.name) })
}

func names(all []step) []string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		out = append(out, s.name)
	}
	return out
}
