package plan_test

import (
	"regexp"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

func object(generation int64, labels, annotations map[string]string) metav1.Object {
	return &metav1.ObjectMeta{Generation: generation, Labels: labels, Annotations: annotations}
}

func TestVersion(t *testing.T) {
	one, two := map[string]string{"a": "1"}, map[string]string{"a": "2"}
	base := plan.Version(object(3, one, nil))
	if !regexp.MustCompile(`^3-[0-9a-f]{56}$`).MatchString(base) {
		t.Errorf("Version() = %q, want the generation, a dash and a hash of 224 bits", base)
	}
	changed := map[string]metav1.Object{
		"generation":                object(4, one, nil),
		"label value":               object(3, two, nil),
		"no labels":                 object(3, nil, nil),
		"annotation":                object(3, one, one),
		"label turned annotation":   object(3, nil, one),
		"key and value swapped":     object(3, map[string]string{"1": "a"}, nil),
		"label that looks like two": object(3, map[string]string{`a":"1","b`: ""}, nil),
	}
	seen := map[string]string{base: "the base"}
	for name, o := range changed {
		version := plan.Version(o)
		if other, taken := seen[version]; taken {
			t.Errorf("%s has the same version as %s", name, other)
		}
		seen[version] = name
	}
	if plan.Version(object(3, map[string]string{"a": "1"}, nil)) != base {
		t.Error("equal objects have different versions")
	}
}

func TestSyncedGeneration(t *testing.T) {
	cases := map[string]int64{"": 0, "12-abc": 12, "12": 12, "x-abc": 0, plan.Version(object(7, nil, nil)): 7}
	for version, want := range cases {
		if got := plan.SyncedGeneration(version); got != want {
			t.Errorf("SyncedGeneration(%q) = %d, want %d", version, got, want)
		}
	}
}

func TestForceSync(t *testing.T) {
	const long, short = "external-secrets.io/force-sync", "force-sync"
	cases := map[string]struct {
		reason      string
		annotations map[string]string
		want        string
	}{
		"none":  {"nothing is asked for", map[string]string{"other": "1"}, ""},
		"long":  {"the full name counts", map[string]string{long: "1"}, "1"},
		"short": {"the short name counts", map[string]string{short: "2"}, "2"},
		"both":  {"both count", map[string]string{long: "1", short: "2"}, "1\n2"},
		"empty": {"an empty value asks for nothing", map[string]string{long: "", short: "2"}, "2"},
	}
	for name, c := range cases {
		if got := plan.ForceSync(object(1, nil, c.annotations)); got != c.want {
			t.Errorf("%s: ForceSync() = %q, want %q: %s", name, got, c.want, c.reason)
		}
	}
}

func TestNewRequest(t *testing.T) {
	cases := []struct {
		reason         string
		value, handled string
		want           bool
	}{
		{"nothing is asked for", "", "", false},
		{"the first request", "1", "", true},
		{"one value is one request", "1", "1", false},
		{"another value is another request", "2", "1", true},
		{"taking it away asks for nothing", "", "1", false},
		{"a value in the other spelling beside it", "1\n2", "1", true},
		{"both are handled", "1\n2", "1\n2", false},
		{"the full name changes", "3\n2", "1\n2", true},
		{"the short name changes", "1\n3", "1\n2", true},
		{"the short name gets the value of the full one", "1\n1", "1\n2", true},
		{"taking the full name away asks for nothing", "2", "1\n2", false},
		{"taking the short name away asks for nothing", "1", "1\n2", false},
		{"taking one away and changing the other", "3", "1\n2", true},
		{"taking both away asks for nothing", "", "1\n2", false},
	}
	for _, c := range cases {
		if got := plan.NewRequest(c.value, c.handled); got != c.want {
			t.Errorf("NewRequest(%q, %q) = %t: %s", c.value, c.handled, got, c.reason)
		}
	}
}

func TestInputs(t *testing.T) {
	type input struct{ kind, namespace, name, uid, state string }
	digest := func(all ...input) string {
		var inputs plan.Inputs
		for _, i := range all {
			inputs.Add(i.kind, types.NamespacedName{Namespace: i.namespace, Name: i.name}, types.UID(i.uid), i.state)
		}
		return inputs.Digest()
	}
	store, secret := input{"SecretStore", "ns", "a", "u1", "1"}, input{"Secret", "ns", "a", "u2", "77"}
	if digest(store, secret) != digest(secret, store) || digest(store, store, secret) != digest(store, secret) {
		t.Error("the order in which inputs are found, or that one is named twice, must not count")
	}
	changed := map[string][]input{
		"another state": {{"SecretStore", "ns", "a", "u1", "2"}, secret},
		"made anew":     {{"SecretStore", "ns", "a", "u9", "1"}, secret},
		"gone":          {{"SecretStore", "ns", "a", "", "0"}, secret},
		"other kind":    {{"ClusterSecretStore", "ns", "a", "u1", "1"}, secret},
		"not named":     {secret},
		"nothing":       nil,
	}
	for name, inputs := range changed {
		if digest(inputs...) == digest(store, secret) {
			t.Errorf("%s: the digest did not change", name)
		}
	}
}
