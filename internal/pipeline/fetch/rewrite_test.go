package fetch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

func regexpOp(source, target string) esv1.ExternalSecretRewrite {
	return esv1.ExternalSecretRewrite{Regexp: &esv1.ExternalSecretRewriteRegexp{Source: source, Target: target}}
}

func transformOp(template string) esv1.ExternalSecretRewrite {
	return esv1.ExternalSecretRewrite{Transform: &esv1.ExternalSecretRewriteTransform{Template: template}}
}

func TestRewrite(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     []string
		ops    []esv1.ExternalSecretRewrite
		want   map[string]string
		fails  string
	}{
		"none": {"without operations keys stay", []string{"a"}, nil, map[string]string{"a": "a"}, ""},
		"prefix": {
			"what matches is replaced",
			[]string{"db/user", "x"},
			[]esv1.ExternalSecretRewrite{regexpOp("^db/", "")},
			map[string]string{"user": "db/user", "x": "x"},
			"",
		},
		"submatch": {
			"$1 stands for a submatch",
			[]string{"user-db"},
			[]esv1.ExternalSecretRewrite{regexpOp("(.*)-db", "db_$1")},
			map[string]string{"db_user": "user-db"},
			"",
		},
		"everywhere": {
			"every match is replaced",
			[]string{"a/b/c"},
			[]esv1.ExternalSecretRewrite{regexpOp("/", ".")},
			map[string]string{"a.b.c": "a/b/c"},
			"",
		},
		"transform": {
			"the key is .value",
			[]string{"user"},
			[]esv1.ExternalSecretRewrite{transformOp("{{ .value | upper }}")},
			map[string]string{"USER": "user"},
			"",
		},
		"in order": {
			"each works on the result of the one before",
			[]string{"a"},
			[]esv1.ExternalSecretRewrite{regexpOp("a", "b"), transformOp("{{ .value }}c"), regexpOp("^b", "x")},
			map[string]string{"xc": "a"},
			"",
		},
		"collision": {
			"of two keys that become one, the last in order wins, always",
			[]string{"b1", "b3", "b2"},
			[]esv1.ExternalSecretRewrite{regexpOp(`\d`, "")},
			map[string]string{"b": "b3"},
			"",
		},
		"bad regexp": {
			"the operation and the expression are named",
			[]string{"a"},
			[]esv1.ExternalSecretRewrite{regexpOp("a", "b"), regexpOp("(", "")},
			nil,
			`rewrite[1]: regexp.source "(" is not a valid regular expression`,
		},
		"bad template": {
			"the operation is named",
			[]string{"a"},
			[]esv1.ExternalSecretRewrite{transformOp("{{ .key }}")},
			nil,
			`rewrite[0]: key "a": template "transform", line 1: no value for key "key"`,
		},
		"empty": {
			"an operation must be one",
			[]string{"a"},
			[]esv1.ExternalSecretRewrite{{}},
			nil,
			"rewrite[0]: one of merge, regexp and transform must be set",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Collector{Engine: templates.New()}.rewrite(c.ops, named(c.in...))
			if c.fails != "" {
				if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(fault.Message(err), c.fails) {
					t.Errorf("rewrite() = %v, want %q: %s", err, c.fails, c.reason)
				}
				return
			}
			if diff := cmp.Diff(c.want, texts(got)); err != nil || diff != "" {
				t.Errorf("rewrite() (-want +got), error %v: %s\n%s", err, c.reason, diff)
			}
		})
	}
}

// TestRewriteIsBounded has keys that grow with each operation, which would take all memory before any of them is found invalid.
func TestRewriteIsBounded(t *testing.T) {
	double := regexpOp("^(.*)$", "$1$1")
	many := make([]esv1.ExternalSecretRewrite, 64)
	for i := range many {
		many[i] = double
	}
	long := strings.Repeat("x", maxRewritten+1)
	cases := map[string][]esv1.ExternalSecretRewrite{
		"a key that doubles again and again": many,
		"a long replacement":                 {regexpOp(".", long)},
		"a long key from a template":         {transformOp(long)},
	}
	for reason, operations := range cases {
		_, err := Collector{Engine: templates.New()}.rewrite(operations, values(map[string]string{"key": "s3cr3t"}))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), "4096") {
			t.Errorf("%s: %v, want fault.Invalid that names the limit", reason, err)
		}
	}
}

func FuzzRewriteRegexp(f *testing.F) {
	f.Add("db/user", "^db/(.*)$", "$1", "s3cr3t-value")
	f.Add("a", "(", "", "s3cr3t-value")
	f.Add("", "x*", "${y}", "s3cr3t-value")
	f.Fuzz(func(t *testing.T, key, source, target, value string) {
		got, err := RewriteRegexp(regexpOp(source, target).Regexp, map[string][]byte{key: []byte(value)})
		checkRewritten(t, got, err, value)
	})
}

func FuzzRewriteTransform(f *testing.F) {
	f.Add("db/user", `{{ .value | upper | replace "/" "_" }}`, "s3cr3t-value")
	f.Add("a", "{{ .x }}", "s3cr3t-value")
	f.Add("a", "{{", "s3cr3t-value")
	f.Add("", "{{ fail .value }}", "s3cr3t-value")
	f.Add("a.b", `{{ repeat 5000 .value }}{{ index (splitList "." .value) 1 }}`, "s3cr3t-value")
	engine := templates.New()
	f.Fuzz(func(t *testing.T, key, template, value string) {
		got, err := RewriteTransform(engine, transformOp(template).Transform, map[string][]byte{key: []byte(value)})
		checkRewritten(t, got, err, value)
	})
}

// checkRewritten checks that one key has become one key of a bounded length with the same value.
func checkRewritten(t *testing.T, got map[string][]byte, err error, value string) {
	t.Helper()
	if err != nil {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%v, want fault.Invalid", err)
		}
		return
	}
	if len(got) != 1 {
		t.Fatalf("one key became %d", len(got))
	}
	for key, kept := range got {
		if string(kept) != value {
			t.Error("the value was changed")
		}
		if len(key) > maxRewritten {
			t.Errorf("a key of %d bytes", len(key))
		}
	}
}

func TestRenamed(t *testing.T) {
	prefix, upper, same := regexpOp("^", "db-"), transformOp("{{ .value | upper }}"), regexpOp(".+", "x")
	merge := esv1.ExternalSecretRewrite{Merge: &esv1.ExternalSecretRewriteMerge{}}
	cases := map[string]struct {
		reason     string
		operations []esv1.ExternalSecretRewrite
		want       map[string]string
		unknown    bool
	}{
		"nothing to do": {reason: "keys keep their names", want: map[string]string{"a": "a", "b": "b"}},
		"two operations": {
			reason: "each works on what the one before left", operations: []esv1.ExternalSecretRewrite{prefix, upper},
			want: map[string]string{"a": "DB-A", "b": "DB-B"},
		},
		"two keys become one": {
			reason: "the value of the first is lost", operations: []esv1.ExternalSecretRewrite{same}, want: map[string]string{"b": "x"},
		},
		"merge": {reason: "the members of the values become keys", operations: []esv1.ExternalSecretRewrite{merge}, unknown: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, known, err := Collector{Engine: templates.New()}.Renamed(c.operations, []string{"b", "a"})
			if err != nil || known == c.unknown || !cmp.Equal(got, c.want) {
				t.Errorf("Renamed() = %v, %v, %v; want %v, %v: %s", got, known, err, c.want, !c.unknown, c.reason)
			}
		})
	}
}
