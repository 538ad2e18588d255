package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/theory/jsonpath"

	"github.com/sluice-operator/sluice/internal/fault"
)

const pathField = "spec.result.jsonPath"

// parsePath reads the path into the answer; nil when it is empty.
func parsePath(text string) (*jsonpath.Path, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil //nolint:nilnil // no path is no mistake
	}
	path, err := jsonpath.Parse(text)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s is not a JSONPath as RFC 9535 has it, such as $.data or $['my-data'][0]", pathField)
	}
	if path.Query().Singular() == nil {
		return nil, fault.New(fault.Invalid, "%s must lead to one value: it may have names and numbers, but no wildcards, filters or ranges", pathField)
	}
	return path, nil
}

// members returns the members of the JSON object that path, if any, leads to. A text there is read as JSON again. Errors
// are fault.Invalid and quote nothing.
func members(answer []byte, path *jsonpath.Path) (map[string][]byte, error) {
	const what = "the answer"
	value, err := decode(answer)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s is not JSON", what)
	}
	at := what
	if path != nil {
		at = what + " at " + pathField
		nodes := path.Select(value)
		if len(nodes) == 0 {
			return nil, fault.New(fault.Invalid, "%s has nothing at %s", what, pathField)
		}
		value = nodes[0]
	}
	if text, ok := value.(string); ok {
		if value, err = decode([]byte(text)); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "%s is a text that is not JSON", at)
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "%s is not a JSON object, so it has no keys", at)
	}
	data := make(map[string][]byte, len(object))
	for name, member := range object {
		data[name] = text(member)
	}
	return data, nil
}

// decode reads one JSON value, and keeps its numbers as they are written.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return value, nil
}

// text returns a text as it is, nothing for null, and all else as JSON.
func text(value any) []byte {
	switch v := value.(type) {
	case nil:
		return []byte{}
	case string:
		return []byte(v)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) //nolint:errchkjson // it was decoded, so it can be encoded
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
