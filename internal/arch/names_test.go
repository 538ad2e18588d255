package arch_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	meaningless := []string{"util", "utils", "common", "helper", "helpers", "base", "misc"}
	for _, p := range packages(t) {
		if slices.Contains(meaningless, p.Name) || slices.Contains(meaningless, path.Base(p.path())) {
			t.Errorf("%s: the name says nothing about what the package is for", p.path())
		}
		if p.Name != "main" && p.Name != path.Base(p.path()) {
			t.Errorf("%s: the package is called %s", p.path(), p.Name)
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		begins := "Package " + p.Name + " "
		if p.Name == "main" {
			begins = "Command " + path.Base(p.path()) + " "
		}
		comments := 0
		for _, file := range p.sources {
			if file.Doc == nil {
				continue
			}
			comments++
			if text := file.Doc.Text(); !strings.HasPrefix(text, begins) {
				t.Errorf("%s: the package's comment does not begin with %q", p.at(file), begins)
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, want one, in doc.go or beside func main", p.path(), comments)
		}
	}
}

func TestNothingRunsByItself(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range slices.Concat(p.sources, p.tests) {
			for _, declared := range file.Decls {
				if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: init runs before anybody asked for it", p.at(f))
				}
			}
			for _, spec := range file.Imports {
				if spec.Name != nil && spec.Name.Name == "_" && !strings.HasPrefix(p.path(), "cmd/") {
					t.Errorf("%s: %s is imported for what it does by itself", p.at(spec), unquoted(spec))
				}
			}
		}
	}
}
