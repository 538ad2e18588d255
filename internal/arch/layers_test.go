package arch_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// rule says what the packages of one place may import from this module.
type rule struct {
	// packages and mayImport are patterns: "a" is one package, "a/*" each folder in it, "a/..." it and all below.
	packages, mayImport []string
	// foreign, when set, are all prefixes of other modules' packages that may be imported.
	foreign []string
}

// The layers that others build on, from the ground up.
func ground() []string {
	return []string{"apis/...", "internal/fault", "internal/ownership", "internal/retry"}
}
func contracts() []string { return []string{"providers", "generators", "templates/..."} }

// machinery stands in its order: each may import those before it.
func machinery() []string {
	return []string{
		"internal/metrics", "internal/fingerprint",
		"internal/credentials", "internal/wakeup", "internal/shard", "internal/queue", "internal/stores", "internal/lease",
		"internal/pipeline/plan", "internal/pipeline/fetch", "internal/pipeline/render", "internal/pipeline/apply", "internal/pipeline/report",
	}
}

// rules is the table of layers. The first rule whose packages match counts.
func rules() []rule {
	kubernetes := []string{"k8s.io/apimachinery/", "k8s.io/api/"}
	all := []rule{
		// Ground.
		{packages: []string{"apis/..."}, mayImport: []string{"apis/..."}, foreign: kubernetes},
		{packages: []string{"internal/fault"}, foreign: kubernetes},
		{
			packages: []string{"internal/ownership"}, mayImport: []string{"internal/fault"},
			foreign: append(kubernetes, "sigs.k8s.io/structured-merge-diff/"),
		},
		{
			packages: []string{"internal/retry"}, mayImport: []string{"apis/...", "internal/fault"},
			foreign: append(kubernetes, "k8s.io/utils/"),
		},
		// Contracts.
		{packages: []string{"providers"}, mayImport: ground()},
		{packages: []string{"generators"}, mayImport: ground()},
		{packages: []string{"templates/..."}, mayImport: append(ground(), "templates/...")},
		// Implementations, and the suites that test them: never each other.
		{packages: []string{"providers/*", "generators/*"}, mayImport: append(append(ground(), contracts()...), "internal/sdk/*")},
		{packages: []string{"internal/sdk/*"}, mayImport: ground()},
		// Faces: never an implementation, never each other.
		{packages: []string{"controllers/*"}, mayImport: slices.Concat(ground(), contracts(), machinery())},
		{packages: []string{"controllers"}, mayImport: slices.Concat(ground(), contracts(), machinery(), []string{"controllers/*"})},
		// Composition.
		{
			packages:  []string{"internal/catalog"},
			mayImport: slices.Concat(ground(), contracts(), []string{"providers/*", "generators/*"}),
		},
		{
			packages:  []string{"internal/operator"},
			mayImport: slices.Concat(ground(), contracts(), machinery(), []string{"controllers", "internal/catalog"}),
		},
		{packages: []string{"cmd/*"}, mayImport: []string{"internal/..."}},
		// Tests and what they are made of.
		{packages: []string{"test/...", "internal/arch"}, mayImport: []string{"..."}},
	}
	for i, one := range machinery() {
		all = append(all, rule{packages: []string{one}, mayImport: slices.Concat(ground(), contracts(), machinery()[:i])})
	}
	return all
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch folder, below := strings.CutSuffix(pattern, "/..."); {
		case pattern == "...", below && name == folder:
			return true
		case below:
			return strings.HasPrefix(name, folder+"/")
		default:
			ok, err := path.Match(pattern, name)
			return ok && err == nil
		}
	})
}

// forbidden says why the package may not have the import; empty when it may.
func forbidden(name, imported string) string {
	all := rules()
	i := slices.IndexFunc(all, func(r rule) bool { return matches(r.packages, name) })
	if i < 0 {
		return "is in no layer: give it a place in the table of this test and in docs/architecture.md"
	}
	own, inside := strings.CutPrefix(imported, module+"/")
	switch {
	case !inside && strings.Contains(imported, "."):
		if all[i].foreign != nil && !slices.ContainsFunc(all[i].foreign, func(p string) bool { return strings.HasPrefix(imported, p) }) {
			return "imports " + imported + ", which its layer does without"
		}
	case inside && isTestKit(own) && !isTestKit(name) && !strings.HasPrefix(name, "test/"):
		return "imports " + own + ", which is for tests"
	case inside && !matches(all[i].mayImport, own):
		return "imports " + own + ", which is not below its layer"
	}
	return ""
}

// isTestKit reports whether a package is made for tests.
func isTestKit(name string) bool {
	return strings.HasPrefix(name, "test/") || name == "providers/providertest" || name == "generators/generatortest"
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		if why := forbidden(p.path(), "errors"); why != "" {
			t.Errorf("%s %s", p.path(), why)
			continue
		}
		for _, imported := range p.imports() {
			if why := forbidden(p.path(), imported); why != "" {
				t.Errorf("%s %s", p.path(), why)
			}
		}
	}
}

func TestLayersAreTold(t *testing.T) {
	tests := []struct {
		reason, name, imported string
		ok                     bool
	}{
		{"types do not act", "apis/externalsecrets/v1", "sigs.k8s.io/controller-runtime/pkg/client", false},
		{"types know Kubernetes' types", "apis/externalsecrets/v1", "k8s.io/apimachinery/pkg/runtime", true},
		{"a contract stands on the ground", "providers", module + "/internal/fault", true},
		{"a contract does not know the machinery", "providers", module + "/internal/stores", false},
		{"the contracts do not know each other", "providers", module + "/generators", false},
		{"a provider knows its contract", "providers/vault", module + "/providers", true},
		{"and what it talks to", "providers/vault", "github.com/hashicorp/vault/api", true},
		{"and the clients that implementations share", "providers/vault", module + "/internal/sdk/workloadcredentials", true},
		{"which do not know what they are used for", "internal/sdk/workloadcredentials", module + "/providers", false},
		{"a provider does not know another", "providers/vault", module + "/providers/kubernetes", false},
		{"machinery knows no implementation", "internal/stores", module + "/providers/kubernetes", false},
		{"machinery has an order", "internal/pipeline/apply", module + "/internal/pipeline/render", true},
		{"which is not to be turned round", "internal/pipeline/render", module + "/internal/pipeline/apply", false},
		{"a controller knows the pipeline", "controllers/externalsecret", module + "/internal/pipeline/plan", true},
		{"a controller knows no implementation", "controllers/externalsecret", module + "/generators/password", false},
		{"a controller knows no other", "controllers/externalsecret", module + "/controllers/pushsecret", false},
		{"nor the catalog", "controllers/externalsecret", module + "/internal/catalog", false},
		{"the catalog knows implementations", "internal/catalog", module + "/providers/kubernetes", true},
		{"but not what tests them", "internal/catalog", module + "/providers/providertest", false},
		{"a new folder needs a place", "internal/helper", "errors", false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if why := forbidden(tt.name, tt.imported); (why == "") != tt.ok {
				t.Errorf("%s importing %s: allowed is %v, want %v (%s)", tt.name, tt.imported, !tt.ok, tt.ok, why)
			}
		})
	}
}
