package fetch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

func values(in map[string]string) map[string][]byte {
	out := make(map[string][]byte, len(in))
	for key, text := range in {
		out[key] = []byte(text)
	}
	return out
}

func TestMerge(t *testing.T) {
	type op = esv1.ExternalSecretRewriteMerge
	apart := map[string]string{"a": `{"user":"u"}`, "b": `{"port":5432}`}
	clash := map[string]string{"a": `{"x":"a","y":1}`, "b": `{"x":"b","y":2}`, "c": `{"x":"c"}`}
	cases := map[string]struct {
		reason string
		op     op
		in     map[string]string
		want   map[string]string
		fails  string
	}{
		"extract": {"members become keys", op{}, apart, map[string]string{"user": "u", "port": "5432"}, ""},
		"named": {
			"Extract is the default",
			op{Strategy: esv1.MergeStrategyExtract},
			apart,
			map[string]string{"user": "u", "port": "5432"},
			"",
		},
		"JSON": {
			"inputs stay beside the merged object",
			op{Strategy: esv1.MergeStrategyJSON, Into: "all"},
			apart,
			map[string]string{"a": apart["a"], "b": apart["b"], "all": `{"port":5432,"user":"u"}`},
			"",
		},
		"JSON without into": {"the object needs a key", op{Strategy: esv1.MergeStrategyJSON}, apart, nil, "merge.into must name"},
		"conflict":          {"no value is lost in silence; each name stands once", op{}, clash, nil, "merge failed with conflicts: x, y"},
		"conflict ignored": {
			"the last in alphabetical order wins",
			op{ConflictPolicy: esv1.MergeConflictIgnore},
			clash,
			map[string]string{"x": "c", "y": "2"},
			"",
		},
		"priority": {
			"those named come last and win",
			op{Priority: []string{"a"}, ConflictPolicy: esv1.MergeConflictIgnore},
			map[string]string{"a": `{"x":1}`, "b": `{"x":2}`},
			map[string]string{"x": "1"},
			"",
		},
		"conflict with a priority": {
			"an order alone does not make two values one",
			op{Priority: []string{"a"}},
			map[string]string{"a": `{"x":1}`, "b": `{"x":2}`},
			nil,
			"merge failed with conflicts: x (set conflictPolicy: Ignore",
		},
		"order of priority": {
			"the last one named wins over all",
			op{Priority: []string{"c", "a"}, ConflictPolicy: esv1.MergeConflictIgnore},
			clash,
			map[string]string{"x": "a", "y": "1"},
			"",
		},
		"conflict beside a priority": {
			"those that are not named still conflict", op{Priority: []string{"c"}}, clash, nil, "merge failed with conflicts: x, y",
		},
		"strict priority": {"a name that is not there is a mistake", op{Priority: []string{"z"}}, apart, nil, `merge.priority names "z"`},
		"lenient priority": {
			"a name that is not there is passed over",
			op{Priority: []string{"z"}, PriorityPolicy: esv1.MergePriorityIgnoreNotFound},
			apart,
			map[string]string{"user": "u", "port": "5432"},
			"",
		},
		"text": {
			"a value must be an object",
			op{},
			map[string]string{"a": "s3cr3t"},
			nil,
			`merge: the value of key "a" is not a JSON object`,
		},
		"list": {
			"a list has no keys",
			op{},
			map[string]string{"a": `["s3cr3t"]`},
			nil,
			`merge: the value of key "a" is not a JSON object`,
		},
		"null": {"null adds nothing", op{}, map[string]string{"a": "null", "b": `{"x":1}`}, map[string]string{"x": "1"}, ""},
		"JSON over an input": {
			"into may be the key of an input",
			op{Strategy: esv1.MergeStrategyJSON, Into: "a"},
			apart,
			map[string]string{"a": `{"port":5432,"user":"u"}`, "b": apart["b"]},
			"",
		},
		"nested": {
			"only the first level is merged: a nested object is one value",
			op{ConflictPolicy: esv1.MergeConflictIgnore},
			map[string]string{"a": `{"db":{"user":"u"}}`, "b": `{"db":{"port":1}}`},
			map[string]string{"db": `{"port":1}`},
			"",
		},
		"trailer": {
			"what follows the object would be lost in silence",
			op{},
			map[string]string{"a": `{"x":1} {"y":"s3cr3t"}`},
			nil,
			`merge: the value of key "a" is not a JSON object`,
		},
		"garbage": {
			"what follows the object is not JSON",
			op{},
			map[string]string{"a": `{"x":1}}`},
			nil,
			`merge: the value of key "a" is not a JSON object`,
		},
		"nothing": {"nothing merged is nothing", op{}, nil, map[string]string{}, ""},
		"kinds of values": {
			"text as it is, numbers exact, null empty, the rest as JSON",
			op{},
			map[string]string{"a": `{"s":"a\"<b>","b":true,"n":null,"i":12345678901234567890,"f":1.50,"e":1e3,"o":{"z":1.0,"h":"<"},"l":[1,"x"]}`},
			map[string]string{
				"s": `a"<b>`, "b": "true", "n": "", "i": "12345678901234567890", "f": "1.5", "e": "1000",
				"o": `{"h":"<","z":1.0}`, "l": `[1,"x"]`,
			},
			"",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := merge(&c.op, values(c.in))
			if c.fails != "" {
				if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(fault.Message(err), c.fails) || strings.Contains(fault.Message(err), "s3cr3t") {
					t.Errorf("merge() = %v, want %q and no value: %s", err, c.fails, c.reason)
				}
				return
			}
			if diff := cmp.Diff(c.want, texts(got)); err != nil || diff != "" {
				t.Errorf("merge() (-want +got), error %v: %s\n%s", err, c.reason, diff)
			}
		})
	}
}

func TestMergeLeavesItsInputAlone(t *testing.T) {
	in := values(map[string]string{"a": `{"x":1}`})
	op := esv1.ExternalSecretRewriteMerge{Strategy: esv1.MergeStrategyJSON, Into: "all"}
	if _, err := merge(&op, in); err != nil || len(in) != 1 {
		t.Errorf("error %v, %d keys in the input, want 1: what a store returned is shared", err, len(in))
	}
}

// FuzzMerge puts a marked text into a value: no error may repeat it.
func FuzzMerge(f *testing.F) {
	const marked = "s3cr3t-marked-value"
	f.Add(`{"x":1`, `}`, `{"y":2}`, false)
	f.Add(`{"x":"`, `"}`, `{"x":3}`, true)
	f.Add(`["`, `"]`, ``, false)
	f.Add(`{"x":1e`, `}`, `{"x":-0}`, true)
	f.Fuzz(func(t *testing.T, before, after, other string, asJSON bool) {
		op := esv1.ExternalSecretRewriteMerge{ConflictPolicy: esv1.MergeConflictIgnore, Into: "all"}
		if asJSON {
			op.Strategy = esv1.MergeStrategyJSON
		}
		in := values(map[string]string{"a": before + marked + after, "b": other})
		got, err := Collector{Engine: templates.New()}.rewrite([]esv1.ExternalSecretRewrite{{Merge: &op}}, in)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || strings.Contains(fault.Message(err), marked) {
				t.Errorf("%v, want fault.Invalid without a value", err)
			}
			return
		}
		if asJSON && !json.Valid(got["all"]) {
			t.Errorf("the merged object %q is not JSON", got["all"])
		}
	})
}
