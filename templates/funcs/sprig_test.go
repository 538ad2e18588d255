package funcs_test

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"github.com/sluice-operator/sluice/templates/funcs"
)

// extended is the one function that takes more than sprig's: htpasswd may be told the algorithm.
const extended = "htpasswd"

// TestSprigFunctionsHaveTheirParameters holds the functions that replace some of sprig to the same parameters, in the same order.
func TestSprigFunctionsHaveTheirParameters(t *testing.T) {
	all := funcs.All()
	for name, fn := range sprig.TxtFuncMap() {
		if _, refused := funcs.Refused()[name]; refused || name == extended {
			continue
		}
		theirs, ours := reflect.TypeOf(fn), reflect.TypeOf(all[name])
		same := ours.NumIn() == theirs.NumIn() && ours.IsVariadic() == theirs.IsVariadic() && ours.Out(0) == theirs.Out(0)
		for i := 0; same && i < theirs.NumIn(); i++ {
			same = ours.In(i) == theirs.In(i)
		}
		if !same {
			t.Errorf("%s is %s, in sprig it is %s", name, ours, theirs)
		}
	}
}

// TestSprigFunctionsGiveWhatSprigGives renders the lines of testdata/sprig.txt, which use every function of sprig that templates have, with
// sprig itself and with our functions. Of what is random or depends on the time the lines print what does not change.
func TestSprigFunctionsGiveWhatSprigGives(t *testing.T) {
	texts, err := os.ReadFile("testdata/sprig.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(texts)) {
		var want strings.Builder
		theirs, err := template.New("test").Funcs(sprig.TxtFuncMap()).Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Execute(&want, nil); err != nil {
			t.Fatalf("sprig fails at %s: %v", text, err)
		}
		if got := mustRender(t, text, nil); got != want.String() {
			t.Errorf("%s\n got %s\nwant %s", text, got, want.String())
		}
	}
	used := regexp.MustCompile(`\w+`).FindAllString(string(texts), -1)
	used = append(used, "fail") // gives nothing
	for _, name := range slices.Sorted(maps.Keys(sprig.TxtFuncMap())) {
		if _, refused := funcs.Refused()[name]; !refused && name != extended && !slices.Contains(used, name) {
			t.Errorf("no text uses %s", name)
		}
	}
}
