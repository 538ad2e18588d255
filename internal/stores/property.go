package stores

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	labelsName      = "labels"
	annotationsName = "annotations"
)

// field returns the property of a secret that has fields: the field of that very name, else, split at the first dot, a
// path into the value of a field.
func field(fields map[string][]byte, key, property string) ([]byte, error) {
	if value, ok := fields[property]; ok {
		return value, nil
	}
	name, path, split := strings.Cut(property, ".")
	value, ok := fields[name]
	if !split || !ok {
		return nil, missing(key, property)
	}
	result, ok := parse(value)
	if !ok {
		return nil, notJSON(key, property)
	}
	return found(lookup(result, path), key, property)
}

// look returns the property of a secret that is one value: the member of that very name, else a path into the value.
func look(value []byte, key, property string) ([]byte, error) {
	result, ok := parse(value)
	if !ok {
		return nil, notJSON(key, property)
	}
	return found(lookup(result, property), key, property)
}

// member is look without paths.
func member(value []byte, key, property string) ([]byte, error) {
	result, ok := parse(value)
	if !ok {
		return nil, notJSON(key, property)
	}
	return found(result.Get(gjson.Escape(property)), key, property)
}

// lookup prefers the member that has the path as its name.
func lookup(in gjson.Result, path string) gjson.Result {
	if exact := in.Get(gjson.Escape(path)); exact.Exists() {
		return exact
	}
	return in.Get(path)
}

// parse reads a JSON object or array. A scalar has no properties, and a password may look like one.
func parse(value []byte) (gjson.Result, bool) {
	// The path library takes malformed text without complaint.
	if !json.Valid(value) {
		return gjson.Result{}, false
	}
	result := gjson.ParseBytes(value)
	return result, result.IsObject() || result.IsArray()
}

func found(result gjson.Result, key, property string) ([]byte, error) {
	if !result.Exists() {
		return nil, missing(key, property)
	}
	return []byte(result.String()), nil
}

// textMember returns a text without its quotes, nothing for null, and all else as it is written.
func textMember(r gjson.Result) []byte {
	if r.Type == gjson.String || r.Type == gjson.Null {
		return []byte(r.String())
	}
	return []byte(r.Raw)
}

// jsonMember returns any value as JSON without spaces, its members in order.
func jsonMember(r gjson.Result) []byte {
	var value any
	decoder := json.NewDecoder(strings.NewReader(r.Raw))
	decoder.UseNumber()
	_ = decoder.Decode(&value) // it is a part of what parse has found valid
	return encode(value)
}

// members returns the members of a JSON object, each as encode writes it. Null has none.
func members(value []byte, ref esv1.ExternalSecretDataRemoteRef, encode func(gjson.Result) []byte) (map[string][]byte, error) {
	result, ok := parse(value)
	if string(bytes.TrimSpace(value)) == "null" {
		return map[string][]byte{}, nil
	}
	if !ok || !result.IsObject() {
		what := fmt.Sprintf("secret %q", ref.Key)
		if ref.Property != "" {
			what = fmt.Sprintf("property %q of %s", ref.Property, what)
		}
		return nil, fault.New(fault.Invalid, "%s is not a JSON object, so it has no keys to extract", what)
	}
	all := map[string][]byte{}
	result.ForEach(func(name, member gjson.Result) bool {
		all[name.String()] = encode(member)
		return true
	})
	return all, nil
}

// metadata returns the labels and annotations of a secret, each as a JSON object; null where there are none.
func metadata(secret providers.Secret) map[string][]byte {
	return map[string][]byte{labelsName: encode(secret.Labels), annotationsName: encode(secret.Annotations)}
}

// metadataValue returns a part of a secret's labels and annotations, or both.
func metadataValue(secret providers.Secret, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	if ref.Property == "" {
		return encode(map[string]map[string]string{labelsName: secret.Labels, annotationsName: secret.Annotations}), nil
	}
	of, name, _ := strings.Cut(ref.Property, ".")
	values := map[string]map[string]string{labelsName: secret.Labels, annotationsName: secret.Annotations}
	chosen, ok := values[of]
	if !ok {
		return nil, fault.New(fault.Invalid,
			"property %q: with metadataPolicy Fetch it must be labels, annotations, labels.<key> or annotations.<key>", ref.Property)
	}
	if name == "" {
		return encode(chosen), nil
	}
	return labelled(chosen, name, ref)
}

// labelled returns the value of a label or an annotation. Names hold dots themselves, written plainly, with a backslash
// or in quotes; only where there is no such name does a dot begin a path into the value.
func labelled(values map[string]string, name string, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	for _, candidate := range []string{name, strings.ReplaceAll(name, `\.`, "."), strings.Trim(name, `"`)} {
		if value, ok := values[candidate]; ok {
			return []byte(value), nil
		}
	}
	first, path, _ := strings.Cut(name, ".")
	if value, ok := parse([]byte(values[first])); ok && path != "" {
		return found(lookup(value, path), ref.Key, ref.Property)
	}
	return nil, fault.New(fault.NotFound, "property %q does not exist in the metadata of secret %q", ref.Property, ref.Key)
}

func missing(key, property string) error {
	return fault.New(fault.NotFound, "property %q does not exist in secret %q", property, key)
}

// notJSON is not a missing property: what is malformed now may be well again, and must not delete what was made from it.
func notJSON(key, property string) error {
	return fault.New(fault.Invalid, "property %q cannot be read from secret %q: what it leads into is not a JSON object or array",
		property, key)
}

// object returns fields as a JSON object with text values.
func object(values map[string][]byte) []byte {
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = string(value)
	}
	return encode(texts)
}

// encode writes JSON without escaping HTML. What it is given always has a JSON form.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) //nolint:errchkjson // see above
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
