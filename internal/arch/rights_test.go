package arch_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

func rights(t *testing.T, file string) []rbacv1.PolicyRule {
	t.Helper()
	var role rbacv1.ClusterRole
	read(t, file, &role)
	if len(role.Rules) == 0 {
		t.Fatalf("%s has no rules", file)
	}
	return role.Rules
}

// TestRights makes a new right of the operator something that nobody adds in passing.
func TestRights(t *testing.T) {
	for _, role := range []string{
		"rbac/role.yaml", "rbac/namespace_role.yaml", "namespaced/cluster_role.yaml", "migration/migration_role.yaml", "shards/shards_role.yaml",
	} {
		copied := filepath.Join("testdata", filepath.Base(role))
		want, got := rights(t, copied), rights(t, filepath.Join(root, "config", role))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("config/%s is not as agreed; if that is meant, say so in the review and change %s too:\n%s", role, copied, diff)
		}
	}
}

func TestRightsHaveLimits(t *testing.T) {
	for _, rule := range rights(t, filepath.Join(root, "config/rbac/role.yaml")) {
		for _, verb := range rule.Verbs {
			if slices.Contains([]string{"*", "escalate", "bind", "impersonate", "deletecollection"}, verb) {
				t.Errorf("%v %v: nothing needs the verb %s", rule.APIGroups, rule.Resources, verb)
			}
		}
		if slices.Contains(rule.Verbs, "update") && slices.ContainsFunc(rule.Resources, func(r string) bool {
			return !strings.HasSuffix(r, "/finalizers")
		}) {
			t.Errorf("%v: what users write is patched, never updated", rule.Resources)
		}
	}
}
