package templates_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

// secret stands in the data of every failing case; no error may hold it.
const secret = "hunter2-canary"

func TestText(t *testing.T) {
	data := map[string]any{
		"user": "admin", "password": secret, "service-account": "robot", "empty": "", "bytes": []byte("raw"),
		"json": `{"host":"db","ports":[1,2],"none":null}`,
	}
	cases := []struct{ reason, text, want string }{
		{"plain text stays as it is", "no actions", "no actions"},
		{"an empty template renders to nothing", "", ""},
		{"a variable", "{{ .user }}", "admin"},
		{"a variable inside of text, white space kept", " a: {{ .user }}\n", " a: admin\n"},
		{"a name with a dash", `{{ index . "service-account" }}`, "robot"},
		{"an empty value is a value", "[{{ .empty }}]", "[]"},
		{"bytes are text", "{{ .bytes | upper }}", "RAW"},
		{"index of a missing key can have a default", `{{ index . "missing" | default "none" }}`, "none"},
		{"index of a missing key is false", `{{ if index . "missing" }}yes{{ else }}no{{ end }}`, "no"},
		{
			"a missing key is the empty text wherever an expression uses it",
			`[{{ index . "a-b" | b64enc }}{{ printf "%s" (index $ "a-b") }}{{ len (index . "a-b") }}{{ eq (index . "a-b") "" }}` +
				`{{ $x := index . "a-b" }}{{ $x | quote }}{{ "a-b" | index . | upper }}{{ range list 1 }}{{ index $ "a-b" | trim }}{{ end }}]`,
			`[0true""]`,
		},
		{"a missing key is not more than its text", `{{ if ne (index . "a-b") "" }}yes{{ else }}no{{ end }}`, "no"},
		{"coalesce takes the first that is there", `{{ coalesce (index . "a-b") (index . "c-d") .user }}`, "admin"},
		{"get of a missing key is empty, as in sprig", `[{{ get . "missing" }}]`, "[]"},
		{"hasKey over the data", `{{ hasKey . "user" }} {{ hasKey . "missing" }}`, "true false"},
		{"a pipeline", `{{ "1234" | b64enc | b64dec }}`, "1234"},
		{"a declared variable prints nothing", `{{ $x := .user | upper }}{{ $x }}`, "ADMIN"},
		{"range over the sorted data", `{{ range $k, $v := . }}{{ $k }} {{ end }}`, "bytes empty json password service-account user "},
		{"range over a list in JSON", `{{ range (fromJson .json).ports }}<{{ . }}>{{ end }}`, "<1><2>"},
		{
			"range with break, continue and else",
			`{{ range until 9 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if gt . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}`,
			"023",
		},
		{"range over nothing", `{{ range list }}x{{ else }}none{{ end }}`, "none"},
		{"with", `{{ with .user }}{{ . }}{{ end }}`, "admin"},
		{"and, or short-circuit", `{{ if or .user (fail "no") }}ok{{ end }}`, "ok"},
		{"a template of its own", `{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .user }}{{ template "t" "x" }}`, "<admin><x>"},
		{"a method without arguments", `{{ (semver "1.2.3").Major }}`, "1"},
		{"a method with arguments", `{{ (now).Format "x" }}`, "x"},
		{"numbers and truth values", `{{ 3 }} {{ 1.5 }} {{ true }}`, "3 1.5 true"},
		{"set works on a copy of the data", `{{ $_ := set . "user" "other" }}{{ .user }}`, "other"},
		{"text that is escaped for Helm renders to its literal", "{{ `{{ .user }}` }}", "{{ .user }}"},
		{"comments print nothing", `a{{/* comment */}}b`, "ab"},
		{"null in JSON can have a default", `{{ (fromJson .json).none | default "d" }}`, "d"},
	}
	engine := templates.New()
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := engine.Text("key", tc.text, data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if data["user"] != "admin" {
		t.Error("a template changed the caller's data")
	}
}

type failing struct{ reason, text, want string }

func checkFailures(t *testing.T, engine *templates.Engine, cases []failing) {
	t.Helper()
	data := map[string]any{"password": secret, "user": secret, "json": `{"token":"` + secret + `","none":null}`, "number": secret + "1"}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := engine.Text("key", tc.text, data)
			var known *fault.Error
			if !errors.As(err, &known) || known.Kind != fault.Invalid {
				t.Fatalf("got %v, want a fault of kind Invalid", err)
			}
			if diff := cmp.Diff(tc.want, known.Message); diff != "" {
				t.Error(diff)
			}
			if chain := fmt.Sprintf("%+v %v", known, known.Cause); strings.Contains(chain, secret) {
				t.Errorf("the error holds a value: %s", chain)
			}
		})
	}
}

func TestErrorsNameTheFaultAndNoValue(t *testing.T) {
	checkFailures(t, templates.New(), []failing{
		{
			"a misspelt key",
			"a\n{{ .passwrod }}",
			`template "key", line 2: no value for key "passwrod" (known keys: json, number, password, user)`,
		},
		{
			"a key that is missing further down", `{{ (fromJson .json).user }}`,
			`template "key", line 1: no value for key "user" in the value that it is taken from`,
		},
		{
			"index of a missing key",
			`{{ index . "x" }}`,
			`template "key", line 1: the expression has no value: a key that index looks up is missing, ` +
				`or the value is null (if it is optional, add: | default "")`,
		},
		{
			"index of a missing key further down", `{{ with fromJson .json }}{{ index . "x" | upper }}{{ end }}`,
			`template "key", line 1: an argument has no value where string is expected: a key that index looks up is missing, or the value is null`,
		},
		{
			"null in JSON",
			`{{ (fromJson .json).none }}`,
			`template "key", line 1: the expression has no value: a key that index looks up is missing, ` +
				`or the value is null (if it is optional, add: | default "")`,
		},
		{"a field of a text", `{{ .password.x }}`, `template "key", line 1: the value has no field "x"`},
		{"an unknown function", `{{ .password | base64decode }}`, `template "key", line 1: there is no function "base64decode"`},
		{
			"a function that is left out", `{{ env "HOME" }}`,
			`template "key", line 1: function "env" is not available: templates cannot read the operator's environment`,
		},
		{
			"the engine's own functions are not to be called",
			`{{ _print .password }}`,
			`template "key", line 1: there is no function "_print"`,
		},
		{"an unknown variable", `{{ $x }}`, `template "key", line 1: variable "$x" is not defined`},
		{"an unknown template", `{{ template "x" }}`, `template "key", line 1: no template "x" is defined`},
		{
			"a dash in a key", `{{ .my-key }}`,
			`template "key", line 1: syntax error at a dash; a key with a dash is written {{ index . "my-key" }}`,
		},
		{"an action that is not closed", `{{ .password`, `template "key", line 1: syntax error: unclosed action`},
		{"a block that is not closed", `{{ if .password }}x`, `template "key", line 1: syntax error: a block is not closed with {{end}}`},
		{"an end without a block", `{{ end }}`, `template "key", line 1: syntax error: {{end}} without a block that it belongs to`},
		{"a quotation that is not closed", `{{ "x }}`, `template "key", line 1: syntax error: unterminated quoted string`},
		{"break outside of a loop", `{{ break }}`, `template "key", line 1: syntax error: {{break}} outside of {{range}}`},
		{"other syntax errors", "{{ #xx }}", `template "key", line 1: syntax error`},
		{"too few arguments", `{{ repeat 3 }}`, `template "key", line 1: wrong number of arguments for repeat: want 2 got 1`},
		{
			"a text where a number is needed", `{{ repeat .number "x" }}`,
			`template "key", line 1: an argument has the wrong type: expected int, got string`,
		},
		{"a literal of the wrong type", `{{ repeat "x" "x" }}`, `template "key", line 1: an argument has the wrong type: expected integer`},
		{"a function's own words", `{{ hexdec .password }}`, `template "key", line 1: function "hexdec": the text is not hexadecimal`},
		{
			"a library's error quotes the value", `{{ mustToDate "2006" .password }}`,
			`template "key", line 1: function "mustToDate" cannot work with what it was given`,
		},
		{
			"a library's panic quotes the value", `{{ urlParse (printf ":%s" .password) }}`,
			`template "key", line 1: function "urlParse" cannot work with what it was given`,
		},
		{
			"an operator's error quotes the value", `{{ index (list 1) .password }}`,
			`template "key", line 1: function "index" cannot work with what it was given`,
		},
		{
			"range over a text quotes the value",
			`{{ range .password }}{{ end }}`,
			`template "key", line 1: range needs a list, a map or a number`,
		},
		{"fail with a literal", `{{ fail "user is missing" }}`, `template "key", line 1: the template failed on purpose: user is missing`},
		{
			"fail with a value", `{{ fail .password }}`,
			`template "key", line 1: the template failed on purpose (its message is not shown, since it may hold a value)`,
		},
		{"calling a text", `{{ call .password }}`, `template "key", line 1: function "call" cannot work with what it was given`},
		{"a variable with an argument", `{{ .password "x" }}`, `template "key", line 1: the expression cannot be evaluated`},
		{
			"an error in a template of its own", "{{ define \"t\" }}\n{{ .x }}{{ end }}{{ template \"t\" dict }}",
			`template "key", line 2: no value for key "x" (known keys: json, number, password, user)`,
		},
	})
}

func TestErrorsListAFewKeys(t *testing.T) {
	data := map[string]any{}
	for i := range 25 {
		data[fmt.Sprintf("k%02d", i)] = secret
	}
	_, err := templates.New().Text("key", "{{ .x }}", data)
	if err == nil || !strings.HasSuffix(err.Error(), "k18, k19 and 5 more)") {
		t.Errorf("got %v", err)
	}
	_, err = templates.New().Text("key", "{{ .x }}", nil)
	if want := `template "key", line 1: no value for key "x" (there are no keys at all)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBounds(t *testing.T) {
	const prefix = `template "key", line 1: `
	const tooMuch = prefix + "the template does too much work"
	const tooLarge = "a value is larger than 4 MiB or nested too deep"
	// The time stands still, so that a busy machine does not reach another limit first.
	engine := templates.New(templates.WithClock(clocktesting.NewFakePassiveClock(time.Unix(0, 0))))
	checkFailures(t, engine, []failing{
		{
			"a loop that prints without end", `{{ range 1000000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}`,
			`template "key": the rendered text is larger than 1048576 bytes`,
		},
		{"a loop that prints nothing", `{{ range 9223372036854775807 }}{{ end }}`, tooMuch},
		{"loops in loops", `{{ $l := until 10000 }}{{ range $l }}{{ range $l }}{{ range $l }}{{ end }}{{ end }}{{ end }}`, tooMuch},
		{"a text that doubles", `{{ $x := "a" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}`, prefix + `function "print": ` + tooLarge},
		{
			"a list that doubles", `{{ $x := list "a" }}{{ range 40 }}{{ $x = list $x $x }}{{ end }}{{ $x }}`,
			prefix + `function "list": ` + tooLarge,
		},
		{"a map that contains itself", `{{ $d := dict }}{{ $_ := set $d "a" $d }}`, prefix + `function "set": ` + tooLarge},
		{
			"a map that grows after it was put into a list a thousand times",
			`{{ $d := dict }}{{ $l := list }}{{ range 1000 }}{{ $l = append $l $d }}{{ end }}{{ $_ := set $d "x" (repeat 100000 "a") }}{{ $l }}`,
			prefix + tooLarge,
		},
		{
			"a method that makes its argument larger",
			`{{ $d := toDate "2006-01-02" "2024-12-25" }}{{ $x := repeat 3000000 "1" }}{{ $x = $d.Format $x }}`,
			prefix + tooLarge,
		},
		{
			"templates that call themselves", `{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}`,
			prefix + "the templates call each other more than 100 levels deep",
		},
		{
			"templates that call themselves twice",
			`{{ define "t" }}{{ if . }}{{ template "t" (rest .) }}{{ template "t" (rest .) }}{{ end }}{{ end }}{{ template "t" (until 60) }}`,
			prefix + `function "rest": the template does too much work`,
		},
		{
			"blocks in blocks", strings.Repeat("{{ if 1 }}", 1000) + strings.Repeat("{{ end }}", 1000),
			`template "key": the template is nested more than 500 levels deep`,
		},
		{
			"brackets in brackets", "{{ " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + " }}",
			`template "key": the template is nested more than 500 levels deep`,
		},
		{"very many actions", strings.Repeat("{{ 1 }}", 20_000), `template "key": the template has more than 10000 actions`},
		{"very many arguments", "{{ list " + strings.Repeat("1 ", 2000) + "}}", prefix + `function "list": more than 1000 arguments`},
		{
			"very many keys", `{{ range 1000 }}{{ $k := genPrivateKey "ecdsa" }}{{ end }}`,
			prefix + `function "genPrivateKey": the template does too much work`,
		},
		{
			"a function with a bound of its own", `{{ repeat 1000000000 "x" }}`,
			prefix + `function "repeat": the result would be larger than 4 MiB`,
		},
	})
}

func TestMaxOutput(t *testing.T) {
	engine := templates.New(templates.WithMaxOutput(8))
	if got, err := engine.Text("key", "{{ .a }}5678", map[string]any{"a": "1234"}); err != nil || string(got) != "12345678" {
		t.Errorf("at the limit: got %q, %v", got, err)
	}
	_, err := engine.Text("key", "{{ .a }}56789", map[string]any{"a": "1234"})
	if want := `template "key": the rendered text is larger than 8 bytes`; err == nil || err.Error() != want {
		t.Errorf("above the limit: got %v, want %s", err, want)
	}
}

// racing is a clock that advances by one second whenever it is read.
type racing struct {
	clock.PassiveClock
	now time.Time
}

func (r *racing) Now() time.Time {
	r.now = r.now.Add(time.Second)
	return r.now
}

func TestTimeout(t *testing.T) {
	engine := templates.New(templates.WithClock(&racing{}), templates.WithTimeout(10*time.Second))
	for reason, text := range map[string]string{
		"a quick template":                   "{{ 1 }}{{ 2 }}",
		"functions that take long by nature": strings.Repeat(`{{ htpasswd "u" "p" | trunc 0 }}`, 3),
	} {
		if _, err := engine.Text("key", text, nil); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
	for _, text := range []string{`{{ range 20 }}{{ end }}`, strings.Repeat(`{{ $x := upper "a" }}`, 20)} {
		_, err := engine.Text("key", text, nil)
		if err == nil || !strings.HasSuffix(err.Error(), "the template takes too long to render") {
			t.Errorf("%.20s: got %v", text, err)
		}
	}
}

func TestDelimiters(t *testing.T) {
	engine := templates.New()
	square := engine.With(templates.WithDelimiters("[[", "]]"))
	data := map[string]any{"a": "x"}
	cases := []struct {
		reason string
		engine *templates.Engine
		want   string
	}{
		{"the default", engine, "x [[ .a ]]"},
		{"square brackets", square, "{{ .a }} x"},
		{"back to the default", square.With(templates.WithDelimiters("", "")), "x [[ .a ]]"},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			// Twice, since the second rendering takes the parsed template from the cache that the engines share.
			for range 2 {
				got, err := tc.engine.Text("key", "{{ .a }} [[ .a ]]", data)
				if err != nil || string(got) != tc.want {
					t.Errorf("got %q, %v, want %q", got, err, tc.want)
				}
			}
		})
	}
}

func TestManyRenderingsShareAnEngine(t *testing.T) {
	engine := templates.New()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				want := strconv.Itoa(i)
				got, err := engine.Text("key", `{{ range list .a }}{{ . | upper }}{{ end }}`, map[string]any{"a": want})
				if err != nil || string(got) != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	group.Wait()
}

func TestExamplesAreQuick(t *testing.T) {
	engine := templates.New()
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := engine.Text("key", `{{ .user }}:{{ .password | b64enc }}`, map[string]any{"user": "u", "password": "p"}); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 300 {
		t.Errorf("a cached template takes %v allocations", allocations)
	}
}

func BenchmarkText(b *testing.B) {
	engine := templates.New()
	data := map[string]any{"user": "u", "password": "p"}
	for b.Loop() {
		if _, err := engine.Text("key", `{{ .user }}:{{ .password | b64enc | quote }}`, data); err != nil {
			b.Fatal(err)
		}
	}
}
