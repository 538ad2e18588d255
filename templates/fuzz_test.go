package templates_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

// maxFuzzed is the output limit of the engines that are fuzzed.
const maxFuzzed = 1 << 16

// FuzzText holds the engine to what it promises for any template: it does not panic, its output is bounded, an error is of kind Invalid, and
// no error holds a value.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"", "{{", "{{ .password }}", "{{ .x }}", "{{ .my-key }}", `{{ index . "x" }}`, `{{ fail .password }}`, `{{ range .password }}{{ end }}`,
		`{{ mustToDate "2006" .password }}`, `{{ (fromJson .json).token.x }}`, `{{ index (list 1) .password }}`, `{{ urlParse .password }}`,
		`{{ regexFind .password "x" }}`, `{{ .password | pkcs12key }}`, `{{ jwkPublicKeyPem .json }}`, `{{ fromYaml .password | toYaml }}`,
		`{{ filterPEM "CERTIFICATE" .password }}`, `{{ slice .password 1 .password }}`, `{{ call .password }}`, `{{ printf "%d" .password | int }}`,
		`{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" .password }}`, `{{ $x := .password }}{{ $x.y }}`, `{{ atoi .password | until }}`,
		`{{ semver .password }}`, `{{ get .password "x" }}`, `{{ dig "a" "b" .json }}`, `{{ (now).Format .password }}`, `{{ eq .password 1 }}`,
		`{{ template .password }}`, `{{ rsaDecrypt .password "" "" "" }}`, `{{ if lt .password 1 }}{{ end }}`, `{{ decryptAES .password .password }}`,
	} {
		f.Add(text)
	}
	engine := templates.New(templates.WithTimeout(time.Second), templates.WithMaxOutput(maxFuzzed))
	data := map[string]any{"password": secret, "json": `{"token":"` + secret + `"}`}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			t.Skip("the template itself holds the value")
		}
		out, err := engine.Text("key", text, data)
		checkError(t, err)
		if len(out) > maxFuzzed {
			t.Errorf("%d bytes of output", len(out))
		}
	})
}

// FuzzKeysAndValues holds the reading of keys and values to its promises for any rendered text: an error holds no value, the result is
// bounded, and written as JSON it is read as the same again.
func FuzzKeysAndValues(f *testing.F) {
	for _, text := range []string{
		"", "a: b", "a: 007\nb: yes\nc: ~", "{a: [b]}", "- a", "a: &x b\nc: *x\n<<: {d: e}", "a: !!binary aGk=", "\"<<\": a", "? a\n: b",
		"a: |\n  b\n", "a: 'b", "\t", "%YAML 1.1\n---\na: b", "a: b\n---\nc: d", "&a a: *a", "!!map {a: b}", "1e3: 0x1F\n~: a", "a: \xff", "!x a: b",
	} {
		f.Add(text, "")
	}
	f.Add("a: ", "\nb: [")
	engine, writer := templates.New(templates.WithMaxOutput(maxFuzzed)), templates.New()
	read := func(text string) (map[string][]byte, error) {
		return engine.Map(templates.KeysAndValues, map[string]string{"key": "{{ .text }}"}, map[string][]byte{"text": []byte(text)})
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		_, err := read(before + secret + after)
		checkError(t, err)
		got, err := read(before + after)
		if err != nil {
			return
		}
		total, asTexts := 0, map[string]string{}
		for key, value := range got {
			total += len(key) + len(value)
			asTexts[key] = string(value)
			if !utf8.Valid(value) || !utf8.ValidString(key) {
				return // only !!binary makes such a value, and JSON cannot hold it
			}
			if len(key) > validation.DNS1123SubdomainMaxLength {
				return // longer than the key of any Secret; YAML reads none of more than 1024 characters without a mark of its own
			}
		}
		if total > maxFuzzed {
			t.Errorf("%d bytes of keys and values", total)
		}
		text, err := writer.Text("key", "{{ toJson .all }}", map[string]any{"all": asTexts})
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxFuzzed {
			return // escapes make it larger than what this engine renders
		}
		again, err := read(string(text))
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%s is read as something else: %v\n%s", text, err, diff)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want a fault of kind Invalid", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
		t.Errorf("the error holds a value: %v", err)
	}
}
