package templates

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-operator/sluice/templates/funcs"
)

// TestFunctionsAreTheAllowList fails when the set of functions changes: whoever adds one to the file has looked at what it can reach.
func TestFunctionsAreTheAllowList(t *testing.T) {
	golden, err := os.ReadFile("testdata/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	available := funcs.All()
	maps.Copy(available, builtins())
	if diff := cmp.Diff(strings.Fields(string(golden)), slices.Sorted(maps.Keys(available))); diff != "" {
		t.Errorf("testdata/functions.txt differs from what templates can call:\n%s", diff)
	}
}
