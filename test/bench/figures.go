package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// figure is one measured number.
type figure struct {
	Step  string  `json:"step"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// Limit is what the value is not to exceed; nil where nothing is asked for.
	Limit *float64 `json:"limit,omitempty"`
}

// met says whether the figure is within its limit.
func (f figure) met() bool { return f.Limit == nil || f.Value <= *f.Limit }

// traffic is how often one thing was asked of the API server during a step.
type traffic struct {
	Step string `json:"step"`
	request
	Count int `json:"count"`
	// Each is Count for each object or refresh of the step.
	Each float64 `json:"each"`
}

// results are what a run found.
type results struct {
	Machine machine   `json:"machine"`
	Options options   `json:"options"`
	Began   time.Time `json:"began"`
	Figures []figure  `json:"figures"`
	Traffic []traffic `json:"requests"`
}

// machine is where the bench ran.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryGB int    `json:"memoryGB"`
	System   string `json:"system"`
	Go       string `json:"go"`
}

// thisMachine describes the machine; what cannot be found out stays empty.
func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return m
	}
	if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
		m.CPU = cpus[0].ModelName
	}
	if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		m.MemoryGB = int(*memory.MemTotalBytes >> 30)
	}
	return m
}

// finish prints the tables to out, and writes the JSON file when there is to be one.
func (r *results) finish(out io.Writer, file string) error {
	if len(r.Figures) == 0 {
		return nil
	}
	_, err := io.WriteString(out, r.tables())
	if file == "" {
		return err
	}
	text, encodeErr := json.MarshalIndent(r, "", "  ")
	return errors.Join(err, encodeErr, os.WriteFile(file, append(text, '\n'), 0o600))
}

// tables are the figures and the requests as text.
func (r *results) tables() string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%d ExternalSecrets, %d foreign Secrets, %d workers, on %d cores of %s, %d GB, %s\n\n",
		r.Options.N, r.Options.Foreign, r.Options.Concurrent, r.Machine.Cores, r.Machine.CPU, r.Machine.MemoryGB, r.Machine.Go)
	rows := [][]string{{"step", "figure", "value", "unit", "target"}}
	for _, f := range r.Figures {
		rows = append(rows, []string{f.Step, f.Name, number(f.Value), f.Unit, target(f)})
	}
	text.WriteString(table(rows))
	if slices.ContainsFunc(r.Figures, func(f figure) bool { return f.Name == strangers && f.Value > 10 }) {
		text.WriteString("\nThe machine was not for the bench alone. Times mean little then; computing times and ratios in one run mean more.\n")
	}
	if len(r.Traffic) == 0 {
		return text.String()
	}
	text.WriteString("\nRequests to the API server as it counts them, without those of the bench itself. " +
		"Those of kube-controller-manager are among them.\n\n")
	rows = [][]string{{"step", "verb", "resource", "count", "each"}}
	for _, t := range shortened(r.Traffic) {
		rows = append(rows, []string{t.Step, t.Verb, t.Resource, number(float64(t.Count)), number(t.Each)})
	}
	text.WriteString(table(rows))
	return text.String()
}

// shortened makes one line of all watches that a step has begun.
func shortened(all []traffic) []traffic {
	var out []traffic
	watches := map[string]int{}
	for _, t := range all {
		if t.Verb != "WATCH" {
			out = append(out, t)
			continue
		}
		if i, known := watches[t.Step]; known {
			out[i].Count, out[i].Each = out[i].Count+t.Count, out[i].Each+t.Each
			continue
		}
		watches[t.Step] = len(out)
		t.Resource = "(all)"
		out = append(out, t)
	}
	return out
}

func target(f figure) string {
	switch {
	case f.Limit == nil:
		return ""
	case f.met():
		return "<= " + number(*f.Limit)
	default:
		return "<= " + number(*f.Limit) + " MISSED"
	}
}
