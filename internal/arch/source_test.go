package arch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// root is the root of the repository, from here.
	root   = "../.."
	module = "github.com/sluice-operator/sluice"
)

// pkg is one package of the module.
type pkg struct {
	Name           string   `json:"Name"`
	Dir            string   `json:"Dir"`
	ImportPath     string   `json:"ImportPath"`
	GoFiles        []string `json:"GoFiles"`
	IgnoredGoFiles []string `json:"IgnoredGoFiles"`
	TestGoFiles    []string `json:"TestGoFiles"`
	XTestGoFiles   []string `json:"XTestGoFiles"`

	sources, tests []*ast.File
	positions      *token.FileSet
}

// path is the package's folder from the root: internal/fault.
func (p *pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// at is the place of a node as people read it.
func (p *pkg) at(node ast.Node) string {
	position := p.positions.Position(node.Pos())
	return p.path() + "/" + filepath.Base(position.Filename) + ":" + strconv.Itoa(position.Line)
}

// imports are the imports of the files that are not tests, on every platform, sorted.
func (p *pkg) imports() []string {
	var all []string
	for _, file := range p.sources {
		for _, spec := range file.Imports {
			all = append(all, unquoted(spec))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func unquoted(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, `"`) }

// packages lists the packages of the module, with their files parsed.
func packages(t *testing.T) []*pkg {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list",
		"-json=Name,Dir,ImportPath,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	var all []*pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{positions: token.NewFileSet()}
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.sources = p.parse(t, p.GoFiles, p.IgnoredGoFiles)
		p.tests = p.parse(t, p.TestGoFiles, p.XTestGoFiles)
		all = append(all, p)
	}
}

func (p *pkg) parse(t *testing.T, names ...[]string) []*ast.File {
	t.Helper()
	var files []*ast.File
	for _, name := range slices.Concat(names...) {
		file, err := parser.ParseFile(p.positions, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
