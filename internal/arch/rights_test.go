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
	for agreed, role := range map[string]string{
		"role.yaml": "config/rbac/role.yaml", "namespace_role.yaml": "config/rbac/namespace_role.yaml", "migration_role.yaml": "config/migration/role.yaml",
	} {
		want, got := rights(t, filepath.Join("testdata", agreed)), rights(t, filepath.Join(root, role))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s is not as agreed; if that is meant, say so in the review and change testdata/%s too:\n%s", role, agreed, diff)
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
