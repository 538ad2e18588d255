package fanout

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
)

// failuresIn are failures of so many namespaces, whose reasons have the length of a long one.
func failuresIn(n int) failures {
	all := failures{}
	for i := range n {
		all[fmt.Sprintf("namespace-%05d", i)] = fault.New(fault.Conflict, "reason %d %s", i, strings.Repeat("x", 150))
	}
	return all
}

func TestFailuresAreNamed(t *testing.T) {
	message := failuresIn(2).message()
	for _, text := range []string{"one or more namespaces failed: namespace-00000: reason 0 ", "; namespace-00001: reason 1 "} {
		if !strings.Contains(message, text) {
			t.Errorf("%q does not say %q", message, text)
		}
	}
	if strings.Contains(message, "in all") {
		t.Errorf("%q counts what it names", message)
	}
}

func TestFailuresAreBounded(t *testing.T) {
	all := failuresIn(10_000)
	if got := all.list(); len(got) != 500 || got[499].Namespace != "namespace-00499" {
		t.Errorf("the status lists %d failures up to %q, want the first 500", len(got), got[len(got)-1].Namespace)
	}
	message := all.message()
	if !strings.HasSuffix(message, "(10000 in all, see status.failedNamespaces)") || len(message) > 2000 {
		t.Errorf("the message has %d bytes and ends with %q", len(message), message[len(message)-50:])
	}
}

func TestPressing(t *testing.T) {
	conflict, denied := fault.New(fault.Conflict, "conflict"), fault.New(fault.Denied, "denied")
	tests := []struct {
		reason string
		failed failures
		want   error
	}{
		{"nothing failed", failures{}, nil},
		{"what takes a change is all there is", failures{"a": conflict}, conflict},
		{"what may mend itself goes before what does not", failures{"a": conflict, "b": denied, "c": conflict}, denied},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if got := tt.failed.pressing(); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSuccess(t *testing.T) {
	tests := []struct {
		reason string
		out    outcome
		want   string
	}{
		{"nothing is selected", outcome{}, "no namespace is selected"},
		{"everything is there", outcome{provisioned: []string{"a"}}, `external secret "child" is in every selected namespace`},
		{
			"a name leads nowhere",
			outcome{missing: []string{"x", "y"}},
			"no namespace is selected; spec.namespaces names what does not exist: x, y",
		},
		{
			"many do",
			outcome{provisioned: []string{"a"}, missing: []string{"1", "2", "3", "4", "5", "6"}},
			`external secret "child" is in every selected namespace; spec.namespaces names what does not exist: 1, 2, 3, 4, 5, …`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			want := externalSecrets().wanted(parent())
			if got := want.success(tt.out); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
