package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	tests := []struct {
		reason string
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{"one value is every percentile", []time.Duration{7}, 50, 7},
		{"half of the values are at most the median", hundred, 50, 50},
		{"one of a hundred is longer than the 99th", hundred, 99, 99},
		{"the 100th is the longest", hundred, 100, 100},
		{"between two values the larger one counts", []time.Duration{1, 2, 3}, 50, 2},
	}
	for _, test := range tests {
		if got := percentile(test.values, test.p); got != test.want {
			t.Errorf("%s: got %d, want %d", test.reason, got, test.want)
		}
	}
}

func TestSlope(t *testing.T) {
	if got := slope([]float64{0, 1, 2}, []float64{5, 7, 9}); got != 2 {
		t.Errorf("the slope of a line is %g, want 2", got)
	}
	if got := slope([]float64{1}, []float64{1}); got != 0 {
		t.Errorf("the slope of a point is %g, want 0", got)
	}
}
