package operator

import (
	"flag"
	"testing"
)

func TestDelimitersOfTheFlags(t *testing.T) {
	var o Options
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	o.Bind(fs)
	if err := fs.Parse([]string{"--template-left-delimiter=<<", "--template-right-delimiter=>>"}); err != nil {
		t.Fatal(err)
	}
	got, err := o.engine().Text("key", "<< .a >> {{ .a }}", map[string]any{"a": "x"})
	if err != nil || string(got) != "x {{ .a }}" {
		t.Errorf("got %q, %v", got, err)
	}
}
