package fetch

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// merge joins JSON objects in alphabetical order of their keys, the priority keys last.
func merge(op *esv1.ExternalSecretRewriteMerge, data map[string][]byte) (map[string][]byte, error) {
	order, err := mergeOrder(op, data)
	if err != nil {
		return nil, err
	}
	merged := map[string]any{}
	var conflicts []string
	for _, key := range order {
		members, err := object(key, data[key])
		if err != nil {
			return nil, err
		}
		for name := range members {
			if _, exists := merged[name]; exists {
				conflicts = append(conflicts, name)
			}
		}
		maps.Copy(merged, members)
	}
	if len(conflicts) > 0 && cmp.Or(op.ConflictPolicy, esv1.MergeConflictError) == esv1.MergeConflictError {
		slices.Sort(conflicts)
		return nil, fault.New(fault.Invalid, "merge failed with conflicts: %s (set conflictPolicy: Ignore to let the last key win)",
			strings.Join(slices.Compact(conflicts), ", "))
	}
	return mergeResult(op, data, merged)
}

func mergeOrder(op *esv1.ExternalSecretRewriteMerge, data map[string][]byte) ([]string, error) {
	var order, last []string
	for _, key := range op.Priority {
		if _, exists := data[key]; exists {
			last = append(last, key)
		} else if op.PriorityPolicy != esv1.MergePriorityIgnoreNotFound {
			return nil, fault.New(fault.Invalid, "merge.priority names %q, which is not among the keys: %s",
				key, strings.Join(slices.Sorted(maps.Keys(data)), ", "))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !slices.Contains(last, key) {
			order = append(order, key)
		}
	}
	return append(order, last...), nil
}

func mergeResult(op *esv1.ExternalSecretRewriteMerge, data map[string][]byte, merged map[string]any) (map[string][]byte, error) {
	if cmp.Or(op.Strategy, esv1.MergeStrategyExtract) == esv1.MergeStrategyJSON {
		if op.Into == "" {
			return nil, fault.New(fault.Invalid, "merge.into must name the key of the merged object when merge.strategy is JSON")
		}
		text, err := JSON(merged)
		if err != nil {
			return nil, err
		}
		out := maps.Clone(data)
		out[op.Into] = text
		return out, nil
	}
	out := make(map[string][]byte, len(merged))
	for name, member := range merged {
		text, err := Text(member)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

// object returns the members of a JSON object; null has none.
func object(key string, value []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil || !json.Valid(value) {
		return nil, fault.New(fault.Invalid, "merge: the value of key %q is not a JSON object", key)
	}
	return members, nil
}

// Text returns a decoded JSON value as the bytes that a Secret holds: text as it is, numbers in their shortest decimal
// form, null as nothing, and everything else as JSON. Numbers must have been decoded as json.Number.
func Text(value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return []byte{}, nil
	case string:
		return []byte(v), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case json.Number:
		return []byte(decimal(v)), nil
	default:
		return JSON(value)
	}
}

// decimal keeps whole numbers exact, whatever their size.
func decimal(n json.Number) string {
	if i, ok := new(big.Int).SetString(n.String(), 10); ok {
		return i.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// JSON returns value as JSON without the escapes for HTML, which no Secret needs.
func JSON(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the value cannot be written as JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
