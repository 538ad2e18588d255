package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTables(t *testing.T) {
	limit := 1.5
	r := results{
		Figures: []figure{
			{Step: "cold", Name: "ratio", Value: 2, Unit: "x", Limit: &limit}, {Step: "cold", Name: "better", Value: 1.2, Unit: "x", Limit: &limit},
		},
		Traffic: []traffic{
			{"cold", request{"WATCH", "secrets"}, 2, 0.5}, {"cold", request{"GET", "secrets"}, 4, 1}, {"cold", request{"WATCH", "configmaps"}, 1, 0.25},
		},
	}
	text := r.tables()
	for reason, want := range map[string]string{
		"a target that is missed stands out": "<= 1.50 MISSED |",
		"one that is met does not":           "<= 1.50        |",
		"all watches are one line":           "| cold | WATCH | (all)    |     3 | 0.75 |",
		"other requests are lines of theirs": "| cold | GET   | secrets  |     4 |    1 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: there is no %q in\n%s", reason, want, text)
		}
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 12: "12", 5000: "5000", 1234.5: "1234", 12.345: "12.3", 1.2345: "1.23", 0.01234: "0.0123"} {
		if got := number(value); got != want {
			t.Errorf("%g is written %s, want %s", value, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([][]string{{"figure", "value"}, {"größe", "1.5"}, {"a", "10"}})
	want := "" +
		"| figure | value |\n" +
		"| ------ | ----: |\n" +
		"| größe  |   1.5 |\n" +
		"| a      |    10 |\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers are aligned to the right, the rest to the left (-want +got):\n%s", diff)
	}
}
