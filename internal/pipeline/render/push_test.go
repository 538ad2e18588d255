package render_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/templates"
)

func push(key, remote, property string) esv1alpha1.PushSecretData {
	return esv1alpha1.PushSecretData{Match: esv1alpha1.PushSecretMatch{
		SecretKey: key, RemoteRef: esv1alpha1.PushSecretRemoteRef{RemoteKey: remote, Property: property},
	}}
}

func reversed(d esv1alpha1.PushSecretData) esv1alpha1.PushSecretData {
	d.ConversionStrategy = esv1alpha1.ConversionReverseUnicode
	return d
}

func optioned(d esv1alpha1.PushSecretData, options string) esv1alpha1.PushSecretData {
	d.Metadata = &runtime.RawExtension{Raw: []byte(options)}
	return d
}

func matching(pattern string, change func(*esv1alpha1.PushSecretDataTo)) esv1alpha1.PushSecretDataTo {
	to := esv1alpha1.PushSecretDataTo{Match: &esv1alpha1.PushSecretDataToMatch{RegExp: pattern}}
	change(&to)
	return to
}

func unchanged(*esv1alpha1.PushSecretDataTo) {}

func renaming(source, target string) esv1alpha1.PushSecretRewrite {
	return esv1alpha1.PushSecretRewrite{Regexp: &esv1.ExternalSecretRewriteRegexp{Source: source, Target: target}}
}

func TestEntries(t *testing.T) {
	keys := []string{"db-user", "db-pass", "a_U002f_b"}
	cases := []struct {
		reason string
		data   []esv1alpha1.PushSecretData
		to     []esv1alpha1.PushSecretDataTo
		want   []render.Entry
	}{
		{"nothing asked for", nil, nil, nil},
		{
			"entries stand as they are written",
			[]esv1alpha1.PushSecretData{push("x", "r", "p"), push("", "all", "")},
			nil,
			[]render.Entry{{Data: push("x", "r", "p")}, {Data: push("", "all", "")}},
		},
		{
			"each matching key, in order, is a secret of its own", nil,
			[]esv1alpha1.PushSecretDataTo{matching("^db-", unchanged)},
			[]render.Entry{{Data: push("db-pass", "db-pass", "")}, {Data: push("db-user", "db-user", "")}},
		},
		{
			"without a pattern all keys match", nil,
			[]esv1alpha1.PushSecretDataTo{{}},
			[]render.Entry{{Data: push("a_U002f_b", "a_U002f_b", "")}, {Data: push("db-pass", "db-pass", "")}, {Data: push("db-user", "db-user", "")}},
		},
		{
			"an entry in data wins over a pattern for its key",
			[]esv1alpha1.PushSecretData{push("db-user", "r", "")},
			[]esv1alpha1.PushSecretDataTo{matching("^db-", unchanged)},
			[]render.Entry{{Data: push("db-user", "r", "")}, {Data: push("db-pass", "db-pass", "")}},
		},
		{
			"also where it names the key as it is after the conversion",
			[]esv1alpha1.PushSecretData{reversed(push("a/b", "r", ""))},
			[]esv1alpha1.PushSecretDataTo{matching("^a", unchanged)},
			[]render.Entry{{Data: reversed(push("a/b", "r", ""))}},
		},
		{
			"rewrites make the names of the remote secrets, one after the other", nil,
			[]esv1alpha1.PushSecretDataTo{matching("^db-", func(to *esv1alpha1.PushSecretDataTo) {
				to.Rewrite = []esv1alpha1.PushSecretRewrite{
					renaming("^db-", "app/"), {Transform: &esv1.ExternalSecretRewriteTransform{Template: "{{ .value | upper }}"}},
				}
			})},
			[]render.Entry{{Data: push("db-pass", "APP/PASS", "")}, {Data: push("db-user", "APP/USER", "")}},
		},
		{
			"a conversion changes the key and the name made of it", nil,
			[]esv1alpha1.PushSecretDataTo{matching("^a", func(to *esv1alpha1.PushSecretDataTo) {
				to.ConversionStrategy = esv1alpha1.ConversionReverseUnicode
			})},
			[]render.Entry{{Data: reversed(push("a/b", "a/b", ""))}},
		},
		{
			"a remote key bundles what matches", nil,
			[]esv1alpha1.PushSecretDataTo{matching("^db-", func(to *esv1alpha1.PushSecretDataTo) { to.RemoteKey = "db" })},
			[]render.Entry{{Data: push("", "db", ""), Bundle: []string{"db-pass", "db-user"}}},
		},
		{
			"a bundle of nothing is nothing, not everything", nil,
			[]esv1alpha1.PushSecretDataTo{matching("^none$", func(to *esv1alpha1.PushSecretDataTo) { to.RemoteKey = "db" })},
			nil,
		},
		{
			"one place with other options is another place",
			[]esv1alpha1.PushSecretData{optioned(push("x", "r", ""), `{"ns":"a"}`), optioned(push("x", "r", ""), `{"ns":"b"}`)},
			nil,
			[]render.Entry{{Data: optioned(push("x", "r", ""), `{"ns":"a"}`)}, {Data: optioned(push("x", "r", ""), `{"ns":"b"}`)}},
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := render.Entries(&esv1alpha1.PushSecretSpec{Data: tc.data}, tc.to, keys, templates.New())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesRefusals(t *testing.T) {
	cases := []struct {
		reason string
		data   []esv1alpha1.PushSecretData
		to     []esv1alpha1.PushSecretDataTo
		says   string
	}{
		{"two sources for one place", []esv1alpha1.PushSecretData{push("x", "r", "p"), push("y", "r", "p")}, nil, `"r/p"`},
		{
			"two keys that are rewritten into one", nil, []esv1alpha1.PushSecretDataTo{matching("", func(to *esv1alpha1.PushSecretDataTo) {
				to.Rewrite = []esv1alpha1.PushSecretRewrite{renaming(".*", "one")}
			})}, `"one"`,
		},
		{"a pattern that is none", nil, []esv1alpha1.PushSecretDataTo{matching("(", unchanged)}, `spec.dataTo[0]: match.regexp "("`},
		{
			"a rewrite that is none", nil, []esv1alpha1.PushSecretDataTo{matching("", func(to *esv1alpha1.PushSecretDataTo) {
				to.Rewrite = []esv1alpha1.PushSecretRewrite{renaming("(", "x")}
			})}, `spec.dataTo[0]: rewrite[0]: regexp.source "("`,
		},
		{
			"a rewrite that leaves no name", nil, []esv1alpha1.PushSecretDataTo{matching("user", func(to *esv1alpha1.PushSecretDataTo) {
				to.Rewrite = []esv1alpha1.PushSecretRewrite{renaming(".*", "")}
			})}, `"user"`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := render.Entries(&esv1alpha1.PushSecretSpec{Data: tc.data}, tc.to, []string{"user", "pass"}, templates.New())
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("err = %v (%s), want Invalid with %q", err, fault.KindOf(err), tc.says)
			}
		})
	}
}

func TestWrites(t *testing.T) {
	source := render.Source{
		Data: values(map[string]string{"user": "admin", "a_U002f_b": "<x>"}), Type: corev1.SecretTypeBasicAuth,
		Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"n": "2"},
	}
	write := func(key string, whole bool, options string, fields map[string]string) providers.Write {
		w := providers.Write{
			Key: key, Owner: "me", Whole: whole, Prune: whole, Replace: true, Fields: values(fields), Type: source.Type,
			Labels: source.Labels, Annotations: source.Annotations,
		}
		if options != "" {
			w.Options = json.RawMessage(options)
		}
		return w
	}
	cases := []struct {
		reason  string
		entries []render.Entry
		want    []providers.Write
	}{
		{"nothing to push", nil, nil},
		{
			"a key without a property is the value of the secret as a whole",
			[]render.Entry{{Data: push("user", "r", "")}},
			[]providers.Write{write("r", false, "", map[string]string{"": "admin"})},
		},
		{
			"entries for one secret are one write, and the order of the secrets stays",
			[]render.Entry{{Data: push("user", "r", "p")}, {Data: push("user", "q", "p")}, {Data: push("a_U002f_b", "r", "s")}},
			[]providers.Write{
				write("r", false, "", map[string]string{"p": "admin", "s": "<x>"}), write("q", false, "", map[string]string{"p": "admin"}),
			},
		},
		{
			"other options are another write",
			[]render.Entry{{Data: optioned(push("user", "r", "p"), `{"ns":"a"}`)}, {Data: push("user", "r", "q")}},
			[]providers.Write{
				write("r", false, `{"ns":"a"}`, map[string]string{"p": "admin"}), write("r", false, "", map[string]string{"q": "admin"}),
			},
		},
		{
			"without a key the whole source is pushed",
			[]render.Entry{{Data: push("", "r", "")}},
			[]providers.Write{write("r", true, "", map[string]string{"user": "admin", "a_U002f_b": "<x>"})},
		},
		{
			"with its keys converted",
			[]render.Entry{{Data: reversed(push("", "r", ""))}},
			[]providers.Write{write("r", true, "", map[string]string{"user": "admin", "a/b": "<x>"})},
		},
		{
			"the whole source in one property is JSON",
			[]render.Entry{{Data: push("", "r", "p")}},
			[]providers.Write{write("r", false, "", map[string]string{"p": `{"a_U002f_b":"<x>","user":"admin"}`})},
		},
		{
			"an entry names the key as it is after the conversion",
			[]render.Entry{{Data: reversed(push("a/b", "r", "p"))}},
			[]providers.Write{write("r", false, "", map[string]string{"p": "<x>"})},
		},
		{
			"a bundle has its keys alone, converted",
			[]render.Entry{{Data: reversed(push("", "r", "")), Bundle: []string{"a_U002f_b"}}},
			[]providers.Write{write("r", true, "", map[string]string{"a/b": "<x>"})},
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := render.Writes(tc.entries, source, "me", true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEntriesCanBeWritten carries a converted key through both steps.
func TestEntriesCanBeWritten(t *testing.T) {
	data := values(map[string]string{"a_U002f_b": "v"})
	to := esv1alpha1.PushSecretDataTo{ConversionStrategy: esv1alpha1.ConversionReverseUnicode}
	entries, err := render.Entries(&esv1alpha1.PushSecretSpec{}, []esv1alpha1.PushSecretDataTo{to}, []string{"a_U002f_b"}, templates.New())
	if err != nil {
		t.Fatal(err)
	}
	writes, err := render.Writes(entries, render.Source{Data: data}, "me", false)
	if err != nil || len(writes) != 1 || writes[0].Key != "a/b" || string(writes[0].Fields[""]) != "v" || writes[0].Replace {
		t.Errorf("writes = %+v, %v", writes, err)
	}
}

func TestWritesRefusals(t *testing.T) {
	cases := []struct {
		reason  string
		entries []render.Entry
		data    map[string]string
		says    string
	}{
		{
			"a key that is missing is named, with those that are there",
			[]render.Entry{{Data: push("nope", "r", "")}},
			map[string]string{"user": "s3cret", "pass": "s3cret"},
			"secret key nope does not exist in the source (it has: pass, user)",
		},
		{
			"two keys that become one",
			[]render.Entry{{Data: reversed(push("", "r", ""))}},
			map[string]string{"a_U0062_": "s3cret", "ab": "s3cret"},
			"secret name collision during conversion: ab",
		},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := render.Writes(tc.entries, render.Source{Data: values(tc.data)}, "me", false)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("err = %v (%s), want Invalid with %q", err, fault.KindOf(err), tc.says)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}

func TestEntryNames(t *testing.T) {
	if id := (render.Entry{Data: push("x", "r", "")}).ID(); id != "r" {
		t.Errorf("ID = %q, want the remote key", id)
	}
	if id := (render.Entry{Data: push("x", "r", "p")}).ID(); id != "r/p" {
		t.Errorf("ID = %q, want remote key and property", id)
	}
	if options := (render.Entry{Data: push("x", "r", "")}).Options(); options != nil {
		t.Errorf("Options = %s, want none", options)
	}
	if options := (render.Entry{Data: optioned(push("x", "r", ""), `{}`)}).Options(); string(options) != `{}` {
		t.Errorf("Options = %s, want them as written", options)
	}
}

func TestConverted(t *testing.T) {
	cases := []struct{ reason, key, want string }{
		{"nothing to convert", "plain-key_1.txt", "plain-key_1.txt"},
		{"a slash", "a_U002f_b", "a/b"},
		{"upper case digits", "a_U002F_b", "a/b"},
		{"two in a row", "_U002f__U002f_", "//"},
		{"a character of six digits", "_U10ffff_", "\U0010ffff"},
		{"too few digits", "_U2f_", "_U2f_"},
		{"beyond the last character", "_Uffffff_", "_Uffffff_"},
		{"half a character", "_Ud800_", "_Ud800_"},
		{"an escape within an escape is not read twice", "_U005f_U002f_", "_U002f_"},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			if got := render.Converted(esv1alpha1.ConversionReverseUnicode, tc.key); got != tc.want {
				t.Errorf("Converted(%q) = %q, want %q", tc.key, got, tc.want)
			}
			if got := render.Converted(esv1alpha1.ConversionNone, tc.key); got != tc.key {
				t.Errorf("Converted without a strategy = %q, want %q", got, tc.key)
			}
		})
	}
}

// FuzzEntries checks that every entry that is made can be written, under a name that is one.
func FuzzEntries(f *testing.F) {
	f.Add("a_U002f_b", "^a", "_", "-", true)
	f.Add("key", "(", "(", "$1", false)
	f.Add("_Ud800_", "", ".*", "", true)
	f.Fuzz(func(t *testing.T, key, pattern, source, target string, reverse bool) {
		const value = "marked-s3cret-value"
		to := matching(pattern, func(to *esv1alpha1.PushSecretDataTo) {
			to.Rewrite = []esv1alpha1.PushSecretRewrite{renaming(source, target)}
			if reverse {
				to.ConversionStrategy = esv1alpha1.ConversionReverseUnicode
			}
		})
		entries, err := render.Entries(&esv1alpha1.PushSecretSpec{}, []esv1alpha1.PushSecretDataTo{to}, []string{key}, templates.New())
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("err = %v (%s), want Invalid", err, fault.KindOf(err))
			}
			return
		}
		for _, entry := range entries {
			if entry.ID() == "" {
				t.Errorf("key %q is pushed to no name", key)
			}
		}
		if key == "" {
			return // the API server refuses it
		}
		writes, err := render.Writes(entries, render.Source{Data: map[string][]byte{key: []byte(value)}}, "me", false)
		if err != nil {
			t.Fatalf("what Entries made cannot be written: %v", err)
		}
		for _, w := range writes {
			if string(w.Fields[""]) != value {
				t.Errorf("key %q is pushed with another value", key)
			}
		}
	})
}
