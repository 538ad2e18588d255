package arch_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sluice-operator/sluice/apis"
)

// TestEveryFieldIsTold keeps kubectl explain and docs/reference complete.
func TestEveryFieldIsTold(t *testing.T) {
	told := 0
	for _, d := range definitions(t) {
		for _, v := range d.Spec.Versions {
			walk(v.Name, v.Schema.OpenAPI, func(path string, node map[string]any) {
				told++
				if node["description"] == nil && !strings.HasSuffix(path, "[]") && path != v.Name+".metadata" {
					t.Errorf("%s: %s has no description", d.Spec.Names.Kind, path)
				}
			})
		}
	}
	if told < 100 {
		t.Errorf("only %d fields were seen", told)
	}
}

// TestReferenceHasEveryKind compares docs/reference with the definitions. What stands there is compared by make verify.
func TestReferenceHasEveryKind(t *testing.T) {
	untold := regexp.MustCompile("(?m)^\\| `.*\\|  \\|$")
	var defined, found []string
	for _, d := range definitions(t) {
		if !slices.Contains(defined, d.Spec.Group) {
			defined = append(defined, d.Spec.Group)
		}
		page := filepath.Join(root, "docs/reference", d.Spec.Group+".md")
		if !slices.Contains(anchors(t, page), strings.ToLower(d.Spec.Names.Kind)) {
			t.Errorf("%s has no section on %s: run make generate", page, d.Spec.Names.Kind)
		}
	}
	for _, page := range entries(t, "docs/reference", isPage, "README", "meta.external-secrets.io") {
		found = append(found, page)
		text, err := os.ReadFile(filepath.Join(root, "docs/reference", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range untold.FindAllString(string(text), -1) {
			t.Errorf("docs/reference/%s.md: nothing is said of %s", page, row)
		}
	}
	same(t, "the API groups", "the pages in docs/reference", defined, found)
}

// TestReferenceHasEveryField walks through the types and looks for each field in the section of its type.
func TestReferenceHasEveryField(t *testing.T) {
	var all strings.Builder
	for _, page := range entries(t, "docs/reference", isPage, "README") {
		text, err := os.ReadFile(filepath.Join(root, "docs/reference", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var look func(reflect.Type)
	look = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			look(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] || !strings.HasPrefix(typ.PkgPath(), module+"/apis") || strings.HasSuffix(typ.Name(), "List") {
			return
		}
		seen[typ] = true
		_, section, told := strings.Cut(all.String(), "\n## "+typ.Name()+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !told {
			t.Errorf("docs/reference has no section on %s", typ.Name())
		}
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && name != "metadata" && !strings.Contains(section, "| `"+name+"`") {
				t.Errorf("docs/reference says nothing of %s.%s", typ.Name(), name)
			}
			look(field.Type)
		}
	}
	for _, typ := range scheme.AllKnownTypes() {
		if !strings.HasSuffix(typ.PkgPath(), "/v1beta1") {
			look(typ)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d types were seen", len(seen))
	}
}

// TestOptionalFieldsSaySo keeps two marks in step: the definitions go by the tag, docs/reference by the comment.
func TestOptionalFieldsSaySo(t *testing.T) {
	root := []string{"metadata", "spec", "status"}
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.path(), "apis/") {
			continue
		}
		for _, file := range p.sources {
			ast.Inspect(file, func(node ast.Node) bool {
				field, ok := node.(*ast.Field)
				if !ok || field.Tag == nil {
					return true
				}
				tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
				name, options, _ := strings.Cut(tag, ",")
				marked := field.Doc != nil && slices.ContainsFunc(field.Doc.List, func(c *ast.Comment) bool { return c.Text == "// +optional" })
				if !slices.Contains(root, name) && strings.Contains(options, "omit") != marked {
					t.Errorf("%s: %q is optional in one of the tag and the comment alone", p.at(field), name)
				}
				return true
			})
		}
	}
}
