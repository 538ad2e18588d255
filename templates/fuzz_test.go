package templates_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

// FuzzText holds the engine to three promises for any template: it does not panic, an error is of kind Invalid, and no error holds a value.
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
	engine := templates.New(templates.WithTimeout(time.Second), templates.WithMaxOutput(1<<16))
	data := map[string]any{"password": secret, "json": `{"token":"` + secret + `"}`}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			t.Skip("the template itself holds the value")
		}
		_, err := engine.Text("key", text, data)
		checkError(t, err)
		_, err = engine.Map(templates.KeysAndValues, map[string]string{"key": text}, map[string][]byte{"password": []byte(secret)})
		checkError(t, err)
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
