package arch_test

import (
	"go/ast"
	"slices"
	"testing"
)

// unbounded are the functions that list in more than one namespace, and why that is right.
func unbounded() map[string]string {
	return map[string]string{
		// A ClusterExternalSecret and a ClusterPushSecret have no namespace themselves: they are about all of them.
		"controllers/fanout observe":           "of the ExternalSecrets or PushSecrets it asks for those that one such object owns",
		"controllers/fanout pick":              "these are ClusterExternalSecrets or ClusterPushSecrets",
		"controllers/fanout releaseNamespaces": "these are namespaces",

		"internal/shard each":  "it lists from a cache what the operator works on itself",
		"internal/stores find": "it asks an index, whose key names the store that is read from",

		"controllers/pushsecret list": "its options come from the caller, which puts the namespace among them",
		"internal/wakeup collect":     "it asks an index, whose key names the namespace of what is referred to",
	}
}

// TestListsAreBounded finds lists of the API that are not limited to a namespace: they would show one tenant's objects to another, and
// need a right in the whole cluster.
func TestListsAreBounded(t *testing.T) {
	const clients = "sigs.k8s.io/controller-runtime/pkg/client"
	seen := map[string]bool{}
	bounded := 0
	for _, p := range packages(t) {
		if isTestKit(p.path()) {
			continue
		}
		for _, file := range p.sources {
			if !slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool { return unquoted(spec) == clients }) {
				continue
			}
			for _, declared := range file.Decls {
				f, ok := declared.(*ast.FuncDecl)
				if !ok {
					continue
				}
				for _, call := range lists(f) {
					name := p.path() + " " + f.Name.Name
					switch {
					case slices.ContainsFunc(call.Args, isNamespace):
						bounded++
					case unbounded()[name] != "":
						seen[name] = true
					default:
						t.Errorf("%s: this list has no client.InNamespace", p.at(call))
					}
				}
			}
		}
	}
	for name := range unbounded() {
		if !seen[name] {
			t.Errorf("%s lists nothing: take it out of this test", name)
		}
	}
	if bounded == 0 {
		t.Error("no list was seen that is bounded")
	}
}

// lists are the calls of List with a context, a list and more, or without more.
func lists(f *ast.FuncDecl) []*ast.CallExpr {
	var all []*ast.CallExpr
	ast.Inspect(f, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if called, ok := call.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "List" && len(call.Args) >= 2 {
			all = append(all, call)
		}
		return true
	})
	return all
}

func isNamespace(argument ast.Expr) bool {
	call, ok := argument.(*ast.CallExpr)
	if !ok {
		return false
	}
	called, ok := call.Fun.(*ast.SelectorExpr)
	return ok && called.Sel.Name == "InNamespace"
}
