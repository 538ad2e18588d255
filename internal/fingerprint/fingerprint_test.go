package fingerprint_test

import (
	"bytes"
	"testing"

	"github.com/sluice-operator/sluice/internal/fingerprint"
)

type values = map[string][]byte

func hasher(key byte) fingerprint.Hasher {
	return fingerprint.New(bytes.Repeat([]byte{key}, fingerprint.KeySize))
}

func TestDifferentContentDiffers(t *testing.T) {
	v := []byte("v")
	contents := []struct {
		reason string
		maps   []values
		texts  []string
	}{
		{reason: "nothing"},
		{reason: "an empty map", maps: []values{{}}},
		{reason: "two empty maps", maps: []values{{}, {}}},
		{reason: "an empty value", maps: []values{{"a": nil}}},
		{reason: "a value", maps: []values{{"a": v}}},
		{reason: "its key with a part of it", maps: []values{{"av": nil}}},
		{reason: "another key", maps: []values{{"b": v}}},
		{reason: "two keys", maps: []values{{"a": v, "b": v}}},
		{reason: "two keys in two maps", maps: []values{{"a": v}, {"b": v}}},
		{reason: "two maps the other way round", maps: []values{{"b": v}, {"a": v}}},
		{reason: "an empty text", texts: []string{""}},
		{reason: "a text", texts: []string{"av"}},
		{reason: "two texts", texts: []string{"a", "v"}},
		{reason: "two texts the other way round", texts: []string{"v", "a"}},
		{reason: "a text like the mark between maps and texts", texts: []string{"texts"}},
		{reason: "a map and a text", maps: []values{{"a": v}}, texts: []string{"a"}},
	}
	seen := map[string]string{}
	for _, content := range contents {
		got := hasher(1).Of(content.maps, content.texts...)
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the fingerprint of %s", content.reason, other)
		}
		seen[got] = content.reason
	}
}

func TestEqualContentIsRecognised(t *testing.T) {
	one, other := values{}, values{}
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i, key := range keys {
		one[key] = []byte(key)
		last := keys[len(keys)-1-i]
		other[last] = []byte(last)
	}
	want := hasher(1).Of([]values{one}, "text")
	for range 20 {
		if got := hasher(1).Of([]values{other}, "text"); got != want {
			t.Fatal("the fingerprint depends on the order of the keys")
		}
	}
	if hasher(1).Of([]values{nil}) != hasher(1).Of([]values{{}}) {
		t.Error("no map and an empty map have different fingerprints")
	}
}

func TestKeyMatters(t *testing.T) {
	content := []values{{"a": []byte("guess me")}}
	if hasher(1).Of(content) == hasher(2).Of(content) {
		t.Error("the fingerprint can be guessed without the key")
	}
}

func TestKeysCanBeToldApart(t *testing.T) {
	one, other := hasher(1).KeyID(), hasher(2).KeyID()
	if one == "" || one == other || one != hasher(1).KeyID() {
		t.Errorf("the names of two keys are %q and %q", one, other)
	}
}
