package arch_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestModulesAgree keeps what the modules of the repository share at one version: a package that two of them use is compiled once then, which
// saves minutes of a first build.
func TestModulesAgree(t *testing.T) {
	type version struct {
		Path    string `json:"Path"`
		Version string `json:"Version"`
	}
	seen := map[string]version{} // by the path of a dependency: the folder of the module that names it first, and the version there
	shared := 0
	for _, folder := range []string{".", "hack/tools", "test/controlplane", "test/gitops"} {
		command := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
		command.Dir = filepath.Join(root, folder)
		out, err := command.Output()
		if err != nil {
			t.Fatalf("read go.mod of %s: %v", folder, err)
		}
		var file struct {
			Require []version `json:"Require"`
			Replace []struct {
				Old version `json:"Old"`
				New version `json:"New"`
			} `json:"Replace"`
		}
		if err := json.Unmarshal(out, &file); err != nil {
			t.Fatal(err)
		}
		used := map[string]string{}
		for _, required := range file.Require {
			used[required.Path] = required.Version
		}
		for _, replaced := range file.Replace {
			if _, ok := used[replaced.Old.Path]; ok && replaced.New.Path == replaced.Old.Path {
				used[replaced.Old.Path] = replaced.New.Version
			}
		}
		for path, here := range used {
			first, ok := seen[path]
			switch {
			case !ok:
				seen[path] = version{folder, here}
			case first.Version != here:
				t.Errorf("%s is %s in %s/go.mod and %s in %s/go.mod: go get the newer one in both", path, first.Version, first.Path, here, folder)
			default:
				shared++
			}
		}
	}
	if shared < 50 {
		t.Errorf("only %d dependencies are shared: this test does not see them", shared)
	}
}
