package funcs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates/funcs"
)

// FuzzFunctions gives any text to our own functions: they neither panic nor fail with an error that is not fit for users, and those that
// select leave alone what they have selected.
func FuzzFunctions(f *testing.F) {
	for _, text := range []string{
		"", "hunter2", rfcRSA, rfcEC, rfcEd25519, rfcX25519, rfcEd25519Private, rfcEd25519Public, "a: {b: [c]}", `{"a":1}`, "68656c6c6f",
		"junk " + rfcEd25519Private + "junk" + rfcEd25519Public, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "0\x80",
	} {
		f.Add(text)
	}
	repeatable := []string{`{{ filterPEM "PRIVATE KEY" . }}`, `{{ filterPEM "CERTIFICATE" . }}`, `{{ filterCertChain "leaf" . }}`}
	others := []string{
		`{{ certSANs . }}`, `{{ jwkPublicKeyPem . }}`, `{{ jwkPrivateKeyPem . }}`, `{{ pkcs12key . }}`, `{{ pkcs12certPass "pw" . }}`, `{{ hexdec . }}`,
		`{{ pemToPkcs12 . . }}`, `{{ fullPemToPkcs12Pass . . "pw" }}`, `{{ pemTruststoreToPKCS12 . }}`, `{{ rsaDecrypt "RSA-OAEP" "" . . }}`,
		`{{ fromJson . }}`, `{{ fromYaml . | toYaml }}`, `{{ mustFromJson . }}`, `{{ semver . }}`,
		`{{ mustRegexMatch . . }}`, `{{ regexReplaceAll . . . }}`, `{{ printf . . }}`,
		`{{ htpasswd . "pw" "sha" }}`, `{{ split . . }}`, `{{ wrapWith 3 . . }}`,
	}
	all := template.New("all").Funcs(funcs.All())
	for _, one := range slices.Concat(repeatable, others) {
		template.Must(all.New(one).Parse(one))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, one := range repeatable {
			if once := attempt(t, all, one, text); once != "" {
				if twice := attempt(t, all, one, once); twice != once {
					t.Errorf("%s: %q became %q", one, once, twice)
				}
			}
		}
		for _, one := range others {
			attempt(t, all, one, text)
		}
	})
}

// attempt renders a template, and returns nothing where it fails as it may.
func attempt(t *testing.T, all *template.Template, name, text string) string {
	t.Helper()
	var out strings.Builder
	err := all.ExecuteTemplate(&out, name, text)
	if err == nil {
		return out.String()
	}
	if known, ok := errors.AsType[*fault.Error](err); !ok || known.Kind != fault.Invalid {
		t.Errorf("%s: %v, want a fault of kind Invalid", name, err)
	}
	return ""
}
