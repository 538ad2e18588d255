package funcs_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates/funcs"
)

// render executes a template over the functions alone, so that a test shows what users write.
func render(text string, data any) (string, error) {
	t, err := template.New("test").Funcs(funcs.All()).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, data)
	return out.String(), err
}

func mustRender(t *testing.T, text string, data any) string {
	t.Helper()
	out, err := render(text, data)
	if err != nil {
		t.Fatalf("render %s: %v", text, err)
	}
	return out
}

type failing struct {
	reason string
	text   string
	data   any
	want   string
}

// checkFailures requires for each case an error that is fit for users and contains the wanted text.
func checkFailures(t *testing.T, cases []failing) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := render(tc.text, tc.data)
			var known *fault.Error
			if !errors.As(err, &known) || known.Kind != fault.Invalid {
				t.Fatalf("got error %v, want a fault of kind Invalid", err)
			}
			if !strings.Contains(known.Message, tc.want) {
				t.Errorf("got message %q, want it to contain %q", known.Message, tc.want)
			}
		})
	}
}

func TestEverySprigFunctionIsDecidedOn(t *testing.T) {
	decided := funcs.All()
	for name := range funcs.Refused() {
		if _, ok := decided[name]; ok {
			t.Errorf("%s is refused but available", name)
		}
		decided[name] = true
	}
	for name := range sprig.TxtFuncMap() {
		if _, ok := decided[name]; !ok {
			t.Errorf("sprig has a function %s that is neither allowed nor refused", name)
		}
	}
}

func TestRefusedNamesExist(t *testing.T) {
	known := sprig.TxtFuncMap()
	for _, name := range slices.Sorted(maps.Keys(funcs.Refused())) {
		if _, ok := known[name]; !ok {
			t.Errorf("%s is refused but sprig has no such function", name)
		}
	}
}

func TestSize(t *testing.T) {
	loop := map[string]any{}
	loop["self"] = loop
	doubled := []any{"x"}
	for range 40 {
		doubled = []any{doubled, doubled}
	}
	cases := []struct {
		reason string
		value  any
		fits   bool
	}{
		{"a text counts with its length", strings.Repeat("x", 1<<20), true},
		{"a text above the limit does not fit", strings.Repeat("x", funcs.MaxValue+1), false},
		{"bytes count like text, not as a list of numbers", make([]byte, 1<<20), true},
		{"nil is nothing", nil, true},
		{"a map that contains itself has no end", loop, false},
		{"a list that holds itself in pairs grows by powers of two when written", doubled, false},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if got := funcs.Size(tc.value) <= funcs.MaxValue; got != tc.fits {
				t.Errorf("fits: got %v, want %v", got, tc.fits)
			}
		})
	}
}

func TestText(t *testing.T) {
	cases := []struct{ reason, text, want string }{
		{"repeat takes the count first", `{{ "ab" | repeat 3 }}`, "ababab"},
		{"indent pads every line", `{{ "a\nb" | indent 2 }}`, "  a\n  b"},
		{"nindent starts on a line of its own", `{{ "a\nb" | nindent 1 }}`, "\n a\n b"},
		{"replace takes old and new first", `{{ "a-b-c" | replace "-" "." }}`, "a.b.c"},
		{"trimAll takes the characters first", `{{ "$$5$" | trimAll "$" }}`, "5"},
		{"wrapWith breaks long words", `{{ "abcdef" | wrapWith 3 "/" }}`, "abc/def"},
		{"printf formats", `{{ printf "%s=%05d %q" "n" 42 "x" }}`, `n=00042 "x"`},
		{"printf may name its arguments", `{{ printf "%[2]s%[1]s%[2]s" "a" "b" }}`, "bab"},
		{"hexdec decodes", `{{ hexdec "68656c6c6f" }}`, "hello"},
		{
			"hexdec undoes the sum of a known text", `{{ "example" | sha256sum | hexdec | b64enc }}`,
			"UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw=",
		},
		{"fromJson reads a tree", `{{ (fromJson "{\"a\":{\"b\":\"c\"}}").a.b }}`, "c"},
		{"fromJson is silent about what is not JSON", `{{ "{ no" | fromJson | toJson }}`, "null"},
		{"b64dec puts its error in the place of the value, as sprig does", `{{ "%" | b64dec }}`, "illegal base64 data at input byte 0"},
		{"semver compares", `{{ semverCompare "^1.2.0" "1.3.0" }} {{ (semver "1.2.3").Minor }}`, "true 2"},
		{"html escapes", `{{ html "<a>" }}`, "&lt;a&gt;"},
		{"a known hash with sha", `{{ htpasswd "foo1" "FZ4jR;l]ON;pHKi=_'zh79P" "sha" }}`, "foo1:{SHA}wtdJD6OIjUniEJkTlewnKzfFxA4="},
		{
			"a certificate from a given key",
			`{{ $ca := genCAWithKey "ca" 365 (genPrivateKey "ecdsa") }}{{ (genSignedCert "c" nil (list "a.example") 1 $ca).Cert | certSANs }}`,
			"[a.example]",
		},
		{"htpasswd uses bcrypt by default", `{{ htpasswd "u" "p" | substr 0 5 }}`, "u:$2a"},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mustRender(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLists(t *testing.T) {
	cases := []struct{ reason, text, want string }{
		{"until counts from zero", `{{ until 3 }}`, "[0 1 2]"},
		{"until counts down", `{{ until -3 }}`, "[0 -1 -2]"},
		{"untilStep leaves out its end", `{{ untilStep 1 7 3 }}`, "[1 4]"},
		{"untilStep counts down", `{{ untilStep 5 0 -2 }}`, "[5 3 1]"},
		{"a step in the wrong direction gives nothing", `{{ untilStep 0 5 -1 }}`, "[]"},
		{"a step of zero gives nothing", `{{ untilStep 0 5 0 }}`, "[]"},
		{
			"the largest numbers do not overflow", `{{ untilStep 9223372036854775800 9223372036854775807 5 }}`,
			"[9223372036854775800 9223372036854775805]",
		},
		{"seq with an end", `{{ seq 3 }}`, "1 2 3"},
		{"seq with an end below one", `{{ seq -1 }}`, "1 0 -1"},
		{"seq with start and end", `{{ seq 3 1 }}`, "3 2 1"},
		{"seq with a step", `{{ seq 0 2 5 }}`, "0 2 4"},
		{"seq with a step in the wrong direction", `{{ seq 5 1 0 }}`, ""},
		{"seq without numbers", `{{ seq }}`, ""},
		{"join", `{{ list "a" 1 true | join "," }}`, "a,1,true"},
		{"join of a text is the text", `{{ join "," "a" }}`, "a"},
		{"split names the parts", `{{ $p := split "/" "a/b" }}{{ $p._0 }}{{ $p._1 }}`, "ab"},
		{"splitn stops", `{{ $p := splitn "/" 2 "a/b/c" }}{{ $p._1 }}`, "b/c"},
		{"splitList", `{{ splitList "," "a,b" }}`, "[a b]"},
		{"uniq", `{{ list 1 2 1 | uniq }}`, "[1 2]"},
		{"without", `{{ without (list 1 2 3) 1 3 }}`, "[2]"},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mustRender(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRegex(t *testing.T) {
	cases := []struct{ reason, text, want string }{
		{"match", `{{ regexMatch "^a+$" "aaa" }}`, "true"},
		{"a malformed expression does not match", `{{ regexMatch "(" "a" }}`, "false"},
		{"find", `{{ regexFind "[0-9]+" "ab12cd" }}`, "12"},
		{"find all", `{{ regexFindAll "[0-9]" "1a2b3" -1 }}`, "[1 2 3]"},
		{"find some", `{{ regexFindAll "[0-9]" "1a2b3" 2 }}`, "[1 2]"},
		{"replace with a group", `{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }}`, "-W-xxW-"},
		{"replace literally", `{{ regexReplaceAllLiteral "a(x*)b" "-ab-" "${1}" }}`, "-${1}-"},
		{"split", `{{ regexSplit "z+" "pizza" -1 }}`, "[pi a]"},
		{"quote", `{{ regexQuoteMeta "1.2" }}`, `1\.2`},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mustRender(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	mega := map[string]string{"m": strings.Repeat("ab", 1<<19), "cut": strings.Repeat("é", 1000)}
	checkFailures(t, []failing{
		{"repeat multiplies", `{{ repeat 1000000000 "abc" }}`, nil, "larger than 4 MiB"},
		{"repeat with a negative count", `{{ repeat -1 "a" }}`, nil, "negative"},
		{"indent multiplies", `{{ repeat 1000 "\n" | indent 1000000 }}`, nil, "larger than 4 MiB"},
		{"replace multiplies", `{{ .m | replace "a" .m }}`, mega, "larger than 4 MiB"},
		{"join multiplies", `{{ until 1000 | join .m }}`, mega, "larger than 4 MiB"},
		{"wrapWith multiplies", `{{ wrapWith 1 .m .m }}`, mega, "larger than 4 MiB"},
		{"a wide printf", `{{ printf "%999999999d" 1 }}`, nil, "larger than 4 MiB"},
		{"a printf that takes its width from an argument", `{{ printf "%*d" 999999999 1 }}`, nil, "not supported"},
		{"a printf that repeats an argument", `{{ printf "%[1]s%[1]s%[1]s%[1]s%[1]s" .m }}`, mega, "larger than 4 MiB"},
		{"a regular expression that repeats a group", `{{ regexReplaceAll "(.*)" .m "$1$1$1$1$1" }}`, mega, "larger than 4 MiB"},
		{
			"a regular expression that is too complex", `{{ regexMatch "a" .m }}{{ mustRegexMatch "(a{500}){2}b?(c{1000})" .m }}`,
			mega, "too complex",
		},
		{"a regular expression that is malformed", `{{ regexFind "(" "a" }}`, nil, "malformed"},
		{"until", `{{ until 1000000000 }}`, nil, "more than 100000 items"},
		{"untilStep over the whole range", `{{ untilStep -9223372036854775807 9223372036854775807 1 }}`, nil, "more than 100000 items"},
		{"seq", `{{ seq 1000000000 }}`, nil, "more than 100000 items"},
		{"split into single characters", `{{ split "" .m }}`, mega, "more than 100000 items"},
		{"uniq of many", `{{ until 5000 | uniq }}`, nil, "more than 2000 items"},
		{"trimAll with many characters", `{{ trimAll .cut "a" }}`, mega, "characters to trim"},
		{"random text", `{{ randAlphaNum 100000000 }}`, nil, "between 0 and 65536"},
		{"a random text of negative length would be empty", `{{ randAlphaNum -1 }}`, nil, "between 0 and 65536"},
		{"random bytes", `{{ randBytes 100000000 }}`, nil, "between 0 and 65536"},
		{"an empty range of random numbers", `{{ randInt 5 5 }}`, nil, "greater"},
		{"a large JSON text", `{{ repeat 3 .m | fromJson }}{{ repeat 3 .m | mustFromJson }}`, mega, "larger than 1 MiB"},
		{"a large YAML text", `{{ repeat 3 .m | fromYaml }}`, mega, "larger than 1 MiB"},
		{"a long version", `{{ semver .m }}`, mega, "longer than 4096"},
		{"a password that bcrypt cannot hash", `{{ htpasswd "u" .m }}`, mega, "more than 72 bytes"},
		{"a key that takes long to sign with", `{{ genCAWithKey "ca" 1 .m }}`, mega, "larger than 16 KiB"},
		{
			"a key that takes long to check", `{{ pemToPkcs12 . . }}`,
			block("CERTIFICATE", issue(t, "a", nil, nil).cert.Raw) + block("PRIVATE KEY", make([]byte, 1<<17)), "larger than 12 KiB",
		},
		{"an archive that takes long to read", `{{ pkcs12key .m }}`, mega, "larger than 256 KiB"},
		{"a user name with a colon", `{{ htpasswd "a:b" "p" }}`, nil, "colon"},
		{"hexdec of other text", `{{ hexdec "zz" }}`, nil, "not hexadecimal"},
	})
}

func TestRandomIsRandomAndWithinBounds(t *testing.T) {
	cases := []struct{ reason, text string }{
		{"letters and digits", `{{ randAlphaNum 32 }}`},
		{"bytes", `{{ randBytes 32 }}`},
		{"shuffled", `{{ shuffle "abcdefghijklmnopqrstuvwxyzäöü0123456789" }}`},
		{"numbers", `{{ randInt 0 9223372036854775807 }}`},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if first, second := mustRender(t, tc.text, nil), mustRender(t, tc.text, nil); first == second {
				t.Errorf("got %q twice", first)
			}
		})
	}
	for range 100 {
		if got := mustRender(t, `{{ randInt 3 5 }}`, nil); got != "3" && got != "4" {
			t.Fatalf("got %s, want 3 or 4", got)
		}
	}
}

func TestFailHidesItsMessage(t *testing.T) {
	_, err := render(`{{ fail "hunter2" }}`, nil)
	var failed *funcs.FailError
	if !errors.As(err, &failed) || failed.Message != "hunter2" {
		t.Fatalf("got %v, want a failure that carries the message", err)
	}
	if strings.Contains(failed.Error(), "hunter2") {
		t.Error("the error's text holds the message")
	}
}

func TestYAML(t *testing.T) {
	cases := []struct{ reason, text, want string }{
		{"toYaml has no line break at the end", `{{ dict "b" 1 "a" (list "x") | toYaml }}`, "a:\n- x\nb: 1"},
		{"fromYaml reads a map", `{{ (fromYaml "a: {b: c}").a.b }}`, "c"},
		{"fromYaml and toJson", `{{ fromYaml "foo: bar" | toJson }}`, `{"foo":"bar"}`},
		{
			"fromYaml puts errors in a key and does not quote the text", `{{ fromYaml "hunter2" | toJson }}`,
			`{"Error":"the text is not a YAML map"}`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mustRender(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
