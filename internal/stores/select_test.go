package stores_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// shelf returns a world whose store holds a secret of every shape.
func shelf(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, store())
	w.memory.Seed("fields", providers.Secret{
		Fields: map[string][]byte{
			"password": []byte("<&>"), "tls.crt": []byte("pem"), "empty": {}, "plain": []byte(marked),
			"doc":    []byte(`{"user":"u","n":12345678901234567890,"deep":{"a.b":"dotted","a":{"b":"nested"}},"list":[1,"x"],"nothing":null}`),
			"spaced": []byte("{\n  \"b\": {\"z\": 1.50, \"a\": [1, true, null]},\n  \"t\": \"<\\u00e9>\", \"n\": 12345678901234567890\n}\n"),
			"null":   []byte("null"),
		},
		Labels:      map[string]string{"app": "web", "app.kubernetes.io/name": "db"},
		Annotations: map[string]string{"cfg": `{"a":{"b":"c"}}`, "note": "<>"},
	})
	w.memory.Seed("value", providers.Secret{Value: []byte(
		`{"user":"u","a.b":"dotted","a":{"b":"nested","n":1.50,"t":true,"z":null},"list":[1,"x"],"*":"star"}`,
	)})
	w.memory.Seed("spaced", providers.Secret{Value: []byte(`{ "o": {"z": 1, "a": [1, 2]}, "f": 1.50, "e": 1e3, "b": false, "s": "\u003c1.50>" }`)})
	w.memory.Seed("people", providers.Secret{Value: []byte(
		`{"name":{"first":"Tom"},"friends":[{"first":"Dale","age":44},{"first":"Roger","age":68}],"e":{},"l":[],"s":"{\"in\":\"ner\"}"}`,
	)})
	w.memory.Seed("text", providers.Secret{Value: []byte(marked)})
	w.memory.Seed("number", providers.Secret{Value: []byte("123456")})
	w.memory.Seed("array", providers.Secret{Value: []byte(`["x",{"k":"v"}]`)})
	w.memory.Seed("broken", providers.Secret{Value: []byte(`{"user":"` + marked)})
	return w
}

func TestGet(t *testing.T) {
	session := shelf(t).open()
	tests := []struct {
		reason, key, property string
		fetch                 bool
		want                  string
		kind                  fault.Kind
		message               string
	}{
		{reason: "an exact field", key: "fields", property: "password", want: "<&>"},
		{reason: "a field with a dot in its name", key: "fields", property: "tls.crt", want: "pem"},
		{reason: "an empty field is there", key: "fields", property: "empty", want: ""},
		{reason: "a path into a field", key: "fields", property: "doc.user", want: "u"},
		{reason: "a large number keeps its digits", key: "fields", property: "doc.n", want: "12345678901234567890"},
		{reason: "a deep path", key: "fields", property: "doc.deep.a.b", want: "nested"},
		{reason: "an object is JSON", key: "fields", property: "doc.list", want: `[1,"x"]`},
		{reason: "an element of a list", key: "fields", property: "doc.list.1", want: "x"},
		{reason: "null is empty, not absent", key: "fields", property: "doc.nothing", want: ""},
		{
			reason: "a missing field", key: "fields", property: "none",
			kind: fault.NotFound, message: `SecretStore "main": property "none" does not exist in secret "fields"`,
		},
		{
			reason:   "a missing field with a dot",
			key:      "fields",
			property: "none.x",
			kind:     fault.NotFound,
			message:  `property "none.x" does not exist`,
		},
		{
			reason:   "a missing path",
			key:      "fields",
			property: "doc.none",
			kind:     fault.NotFound,
			message:  `property "doc.none" does not exist`,
		},
		{
			reason: "a path into plain text is a mistake, not an absence", key: "fields", property: "plain.x",
			kind: fault.Invalid, message: `property "plain.x" cannot be read from secret "fields"`,
		},
		{reason: "an absent secret", key: "none", kind: fault.NotFound, message: `SecretStore "main": secret "none" does not exist`},

		{reason: "a whole value", key: "text", want: marked},
		{reason: "a member", key: "value", property: "user", want: "u"},
		{reason: "the exact name goes before the path", key: "value", property: "a.b", want: "dotted"},
		{reason: "a path", key: "value", property: "a.n", want: "1.5"},
		{reason: "a boolean", key: "value", property: "a.t", want: "true"},
		{reason: "null is empty", key: "value", property: "a.z", want: ""},
		{reason: "an element of an array, and a member of it", key: "people", property: "friends.1.first", want: "Roger"},
		{reason: "the length of an array", key: "people", property: "friends.#", want: "2"},
		{reason: "a member of each element", key: "people", property: "friends.#.first", want: `["Dale","Roger"]`},
		{reason: "the first element that matches", key: "people", property: `friends.#(age>50).first`, want: "Roger"},
		{reason: "all elements that match", key: "people", property: `friends.#(age>40)#.first`, want: `["Dale","Roger"]`},
		{reason: "a modifier", key: "people", property: "friends.@reverse.0.first", want: "Roger"},
		{reason: "a pipe", key: "people", property: "friends|@reverse|0.first", want: "Roger"},
		{reason: "a wildcard", key: "people", property: "na*.first", want: "Tom"},
		{reason: "several values made one", key: "people", property: "[name.first,friends.#]", want: `["Tom",2]`},
		{reason: "an empty object", key: "people", property: "e", want: "{}"},
		{reason: "an empty array", key: "people", property: "l", want: "[]"},
		{
			reason: "an element beyond the end", key: "people", property: "friends.2",
			kind: fault.NotFound, message: `property "friends.2" does not exist in secret "people"`,
		},
		{reason: "a dot that is escaped", key: "value", property: `a\.b`, want: "dotted"},
		{reason: "JSON in a value is as it is written", key: "spaced", property: "o", want: `{"z": 1, "a": [1, 2]}`},
		{reason: "the exact name goes before a wildcard", key: "value", property: "*", want: "star"},
		{reason: "an element of an array", key: "array", property: "1.k", want: "v"},
		{
			reason: "a missing member", key: "value", property: "none",
			kind: fault.NotFound, message: `property "none" does not exist in secret "value"`,
		},
		{
			reason: "plain text has no properties", key: "text", property: "x",
			kind: fault.Invalid, message: `property "x" cannot be read from secret "text"`,
		},
		{reason: "a number has none either", key: "number", property: "x", kind: fault.Invalid, message: "is not a JSON object or array"},
		{
			reason:   "broken JSON is not searched",
			key:      "broken",
			property: "user",
			kind:     fault.Invalid,
			message:  "is not a JSON object or array",
		},

		{
			reason: "all metadata", key: "fields", fetch: true,
			want: `{"annotations":{"cfg":"{\"a\":{\"b\":\"c\"}}","note":"<>"},"labels":{"app":"web","app.kubernetes.io/name":"db"}}`,
		},
		{reason: "no metadata is null", key: "text", fetch: true, want: `{"annotations":null,"labels":null}`},
		{reason: "no labels are null", key: "text", property: "labels", fetch: true, want: "null"},
		{reason: "all labels", key: "fields", property: "labels", fetch: true, want: `{"app":"web","app.kubernetes.io/name":"db"}`},
		{reason: "one annotation", key: "fields", property: "annotations.note", fetch: true, want: "<>"},
		{reason: "a label with dots in its name", key: "fields", property: "labels.app.kubernetes.io/name", fetch: true, want: "db"},
		{reason: "the same with escaped dots", key: "fields", property: `labels.app\.kubernetes\.io/name`, fetch: true, want: "db"},
		{reason: "the same in quotes", key: "fields", property: `labels."app.kubernetes.io/name"`, fetch: true, want: "db"},
		{reason: "a path into an annotation", key: "fields", property: "annotations.cfg.a.b", fetch: true, want: "c"},
		{
			reason: "a missing path into an annotation", key: "fields", property: "annotations.cfg.x", fetch: true,
			kind: fault.NotFound, message: `property "annotations.cfg.x" does not exist`,
		},
		{
			reason: "a missing label that begins like another", key: "fields", property: "labels.app.kubernetes.io/part-of", fetch: true,
			kind: fault.NotFound, message: `property "labels.app.kubernetes.io/part-of" does not exist in the metadata of secret "fields"`,
		},
		{
			reason: "no metadata of that name", key: "fields", property: "password", fetch: true,
			kind: fault.Invalid, message: "must be labels, annotations",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := session.Get(t.Context(), remote(tt.key, tt.property, tt.fetch))
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestGetWholeFields(t *testing.T) {
	w := newWorld(t, store())
	w.memory.Seed("fields", providers.Secret{Fields: map[string][]byte{"b": []byte(`"<&>"`), "a": []byte("1")}})
	got, err := w.open().Get(t.Context(), remote("fields", "", false))
	if want := `{"a":"1","b":"\"<&>\""}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s, as plain strings and without HTML escapes", got, err, want)
	}
}

func TestMap(t *testing.T) {
	session := shelf(t).open()
	tests := []struct {
		reason, key, property string
		fetch                 bool
		want                  map[string]string
		kind                  fault.Kind
		message               string
	}{
		{
			reason: "the members of a value are plain text",
			key:    "value",
			want: map[string]string{
				"user": "u",
				"a.b":  "dotted",
				"a":    `{"b":"nested","n":1.50,"t":true,"z":null}`,
				"list": `[1,"x"]`,
				"*":    "star",
			},
		},
		{
			reason:   "also those of its property",
			key:      "value",
			property: "a",
			want:     map[string]string{"b": "nested", "n": "1.50", "t": "true", "z": ""},
		},
		{
			reason: "what is no text is as it is written",
			key:    "spaced",
			want:   map[string]string{"o": `{"z": 1, "a": [1, 2]}`, "f": "1.50", "e": "1e3", "b": "false", "s": "<1.50>"},
		},
		{reason: "a text that holds JSON has members", key: "people", property: "s", want: map[string]string{"in": "ner"}},
		{
			reason: "the members of a field are JSON, without spaces and in order", key: "fields", property: "spaced",
			want: map[string]string{"b": `{"a":[1,true,null],"z":1.50}`, "t": `"<é>"`, "n": "12345678901234567890"},
		},
		{reason: "null has no members", key: "fields", property: "null", want: map[string]string{}},
		{reason: "no labels are no members", key: "text", property: "labels", fetch: true, want: map[string]string{}},
		{
			reason: "the members of a field are JSON", key: "fields", property: "doc.deep",
			want: map[string]string{"a.b": `"dotted"`, "a": `{"b":"nested"}`},
		},
		{
			reason: "metadata",
			key:    "fields",
			fetch:  true,
			want: map[string]string{
				"labels":      `{"app":"web","app.kubernetes.io/name":"db"}`,
				"annotations": `{"cfg":"{\"a\":{\"b\":\"c\"}}","note":"<>"}`,
			},
		},
		{
			reason: "the members of metadata are JSON", key: "fields", property: "labels", fetch: true,
			want: map[string]string{"app": `"web"`, "app.kubernetes.io/name": `"db"`},
		},
		{reason: "plain text has no members", key: "text", kind: fault.Invalid, message: `secret "text" is not a JSON object`},
		{reason: "nor has an array", key: "array", kind: fault.Invalid, message: `secret "array" is not a JSON object`},
		{reason: "nor has broken JSON", key: "broken", kind: fault.Invalid, message: "is not a JSON object"},
		{
			reason: "nor has a plain field", key: "fields", property: "plain",
			kind: fault.Invalid, message: `property "plain" of secret "fields" is not a JSON object`,
		},
		{reason: "a missing field", key: "fields", property: "none", kind: fault.NotFound, message: `property "none" does not exist`},
		{reason: "a missing member", key: "value", property: "none", kind: fault.NotFound, message: `property "none" does not exist`},
		{reason: "an absent secret", key: "none", kind: fault.NotFound, message: `secret "none" does not exist`},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := session.Map(t.Context(), remote(tt.key, tt.property, tt.fetch))
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if diff := cmp.Diff(tt.want, texts(got)); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestMapOfFields(t *testing.T) {
	session := shelf(t).open()
	got, err := session.Map(t.Context(), remote("fields", "", false))
	if err != nil || len(got) != 7 || string(got["tls.crt"]) != "pem" {
		t.Fatalf("got %v, %v", texts(got), err)
	}
	delete(got, "tls.crt")
	again, err := session.Map(t.Context(), remote("fields", "", false))
	if err != nil || len(again) != 7 {
		t.Errorf("what one caller does to its map is seen by the next: %v, %v", texts(again), err)
	}
}

func TestFind(t *testing.T) {
	w := newWorld(t, store())
	w.memory.Seed("db-one", providers.Secret{Fields: map[string][]byte{"k": []byte("<1>")}, Labels: map[string]string{"env": "x"}})
	w.memory.Seed("db-two", providers.Secret{Value: []byte("2")})
	w.memory.Seed("other", providers.Secret{Value: []byte("3"), Labels: map[string]string{"env": "x"}})
	session := w.open()
	name := func(text string) *esv1.FindName { return &esv1.FindName{RegExp: text} }
	tests := []struct {
		reason  string
		find    esv1.ExternalSecretFind
		want    map[string]string
		message string
	}{
		{
			reason: "by a part of the name; fields become JSON", find: esv1.ExternalSecretFind{Name: name("db")},
			want: map[string]string{"db-one": `{"k":"<1>"}`, "db-two": "2"},
		},
		{
			reason: "by tag", find: esv1.ExternalSecretFind{Tags: map[string]string{"env": "x"}},
			want: map[string]string{"db-one": `{"k":"<1>"}`, "other": "3"},
		},
		{
			reason: "empty tags match everything", find: esv1.ExternalSecretFind{Tags: map[string]string{}},
			want: map[string]string{"db-one": `{"k":"<1>"}`, "db-two": "2", "other": "3"},
		},
		{reason: "nothing found is no error", find: esv1.ExternalSecretFind{Name: name("^x$")}, want: map[string]string{}},
		{
			reason:  "a bad regex is named",
			find:    esv1.ExternalSecretFind{Name: name("(")},
			message: `SecretStore "main": find.name.regexp "(" is not a valid regular expression`,
		},
		{reason: "something must be asked for", message: "find needs a name, tags or a path"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := session.Find(t.Context(), tt.find)
			if tt.message != "" {
				expectFault(t, err, fault.Invalid, tt.message)
			} else if diff := cmp.Diff(tt.want, texts(got)); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	w := shelf(t)
	session := w.open()
	tests := []struct {
		reason, key, property string
		want                  string
		kind                  fault.Kind
		message               string
	}{
		{reason: "a field", key: "fields", property: "tls.crt", want: "pem"},
		{reason: "a member", key: "value", property: "a.b", want: "dotted"},
		{reason: "the whole value", key: "text", want: marked},
		{
			reason: "a push writes names, so a path is none", key: "fields", property: "doc.user",
			kind: fault.NotFound, message: `property "doc.user" does not exist`,
		},
		{reason: "nor is it one in a value", key: "value", property: "a.n", kind: fault.NotFound, message: `property "a.n" does not exist`},
		{reason: "plain text has no properties", key: "text", property: "x", kind: fault.Invalid, message: "cannot be read"},
		{reason: "an absent secret", key: "none", property: "x", kind: fault.NotFound, message: `secret "none" does not exist`},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			secret, err := session.Read(t.Context(), tt.key, nil)
			var got []byte
			if err == nil {
				got, err = session.Exact(secret, tt.key, tt.property)
			}
			if tt.message != "" {
				expectFault(t, err, tt.kind, tt.message)
			} else if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func FuzzGet(f *testing.F) {
	for _, seed := range []struct{ value, property string }{
		{`{"a":{"b":1}}`, "a.b"},
		{`[{"k":1}]`, "#.k"},
		{`{"a":1}`, `@this|a`},
		{`{"a.b":1}`, `a\.b`},
		{"plain", "x.y"},
		{`{"a":`, "a"},
		{`[1,2]`, "#(>1)"},
	} {
		f.Add(seed.value, seed.property)
	}
	f.Fuzz(func(t *testing.T, value, property string) {
		w := newWorld(t, store())
		w.memory.Seed("value", providers.Secret{Value: []byte(value + marked)})
		w.memory.Seed("fields", providers.Secret{Fields: map[string][]byte{"f": []byte(value + marked)}})
		session := w.open()
		for _, ref := range []esv1.ExternalSecretDataRemoteRef{remote("value", property, false), remote("fields", "f."+property, false)} {
			_, getErr := session.Get(t.Context(), ref)
			_, mapErr := session.Map(t.Context(), ref)
			for _, err := range []error{getErr, mapErr} {
				if err != nil &&
					(fault.KindOf(err) == fault.Unknown || strings.Contains(err.Error(), marked) && !strings.Contains(property, marked)) {
					t.Errorf("property %q: %v", property, err)
				}
			}
		}
	})
}

func remote(key, property string, fetch bool) esv1.ExternalSecretDataRemoteRef {
	ref := esv1.ExternalSecretDataRemoteRef{Key: key, Property: property}
	if fetch {
		ref.MetadataPolicy = esv1.MetadataPolicyFetch
	}
	return ref
}

func texts(values map[string][]byte) map[string]string {
	if values == nil {
		return nil
	}
	all := map[string]string{}
	for key, value := range values {
		all[key] = string(value)
	}
	return all
}
