package arch_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// predictable are the packages of this module and of the libraries that its values come from which import math/rand, and why that is right.
func predictable() map[string]string {
	return map[string]string{
		module + "/templates/funcs":            "its source is crypto/rand; math/rand/v2 draws from it without bias",
		"github.com/Masterminds/sprig/v3":      "templates/funcs replaces randInt and shuffle, which use it",
		"github.com/Masterminds/goutils":       "templates/funcs and sprig call its CryptoRandom functions alone",
		"github.com/huandu/xstrings":           "templates/funcs replaces shuffle, which uses it",
		"github.com/fxamacker/cbor/v2":         "the order of map keys in an encoding that is not used",
		"golang.org/x/crypto/ssh":              "which port of this machine to forward from; keys do not come near it",
		"golang.org/x/net/http2":               "which connection to use",
		"k8s.io/apimachinery/pkg/apis/meta/v1": "data for tests",
		"k8s.io/apimachinery/pkg/util/wait":    "how long to wait before a call is made again",
		"sigs.k8s.io/randfill":                 "data for tests",
		"sigs.k8s.io/randfill/bytesource":      "data for tests",
	}
}

// TestRandomnessIsTheSystems keeps values that can be guessed out of what templates and generators make.
func TestRandomnessIsTheSystems(t *testing.T) {
	var found []string
	for _, p := range packages(t) {
		if slices.ContainsFunc(p.imports(), isPredictable) && !isTestKit(p.path()) {
			found = append(found, p.ImportPath)
		}
	}
	for _, library := range libraries(t, "./templates/...", "./generators/...") {
		name, imports, _ := strings.Cut(library, " ")
		if slices.ContainsFunc(strings.Fields(imports), isPredictable) && !strings.HasPrefix(name, module) {
			found = append(found, name)
		}
	}
	var justified []string
	for name := range predictable() {
		justified = append(justified, name)
	}
	same(t, "the packages that are justified", "those that import math/rand", justified, found)
}

func isPredictable(path string) bool { return path == "math/rand" || path == "math/rand/v2" }

// libraries lists the packages outside the standard library that others are built from, each with its imports.
func libraries(t *testing.T, patterns ...string) []string {
	t.Helper()
	args := append([]string{"list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{join .Imports " "}}{{end}}`}, patterns...)
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list the dependencies: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
