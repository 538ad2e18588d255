package fetch

import (
	"maps"
	"regexp"
	"slices"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

// maxRewritten is the length of the longest key between two operations: each may multiply it. What a Secret holds is shorter.
const maxRewritten = 4096

// rewrite applies the operations one after the other. Errors name the operation's index.
func (c Collector) rewrite(operations []esv1.ExternalSecretRewrite, data map[string][]byte) (map[string][]byte, error) {
	for i, op := range operations {
		var err error
		switch {
		case op.Merge != nil:
			data, err = merge(op.Merge, data)
		case op.Regexp != nil:
			data, err = RewriteRegexp(op.Regexp, data)
		case op.Transform != nil:
			data, err = RewriteTransform(c.Engine, op.Transform, data)
		default:
			err = fault.New(fault.Invalid, "one of merge, regexp and transform must be set")
		}
		if err != nil {
			return nil, fault.In(err, "rewrite[%d]", i)
		}
	}
	return data, nil
}

// Renamed returns the name that the operations give to each of keys, and whether that can be told: what merge yields
// depends on the values. A key that another one replaces has no name.
func (c Collector) Renamed(operations []esv1.ExternalSecretRewrite, keys []string) (map[string]string, bool, error) {
	data := make(map[string][]byte, len(keys))
	for _, key := range keys {
		data[key] = []byte(key)
	}
	if slices.ContainsFunc(operations, func(op esv1.ExternalSecretRewrite) bool { return op.Merge != nil }) {
		return nil, false, nil
	}
	data, err := c.rewrite(operations, data)
	if err != nil {
		return nil, false, err
	}
	names := make(map[string]string, len(data))
	for name, key := range data {
		names[string(key)] = name
	}
	return names, true, nil
}

// RewriteRegexp replaces what matches in each key.
func RewriteRegexp(op *esv1.ExternalSecretRewriteRegexp, data map[string][]byte) (map[string][]byte, error) {
	source, err := regexp.Compile(op.Source)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "regexp.source %q is not a valid regular expression", op.Source)
	}
	if len(op.Target) > maxRewritten {
		return nil, fault.New(fault.Invalid, "regexp.target is longer than %d characters", maxRewritten)
	}
	return renamed(data, func(key string) (string, error) { return source.ReplaceAllString(key, op.Target), nil })
}

// RewriteTransform renders each key anew, with the old key as .value.
func RewriteTransform(
	engine *templates.Engine,
	op *esv1.ExternalSecretRewriteTransform,
	data map[string][]byte,
) (map[string][]byte, error) {
	return renamed(data, func(key string) (string, error) {
		out, err := engine.Text("transform", op.Template, map[string]any{"value": key})
		return string(out), err
	})
}

// renamed gives each value a new key. Keys are visited in order, so that of two keys that become one the same always wins.
func renamed(data map[string][]byte, name func(string) (string, error)) (map[string][]byte, error) {
	out := make(map[string][]byte, len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if len(key) > maxRewritten {
			return nil, tooLong()
		}
		to, err := name(key)
		if err != nil {
			return nil, fault.In(err, "key %q", key)
		}
		if len(to) > maxRewritten {
			return nil, tooLong()
		}
		out[to] = data[key]
	}
	return out, nil
}

func tooLong() error {
	return fault.New(fault.Invalid, "a key is longer than %d characters", maxRewritten)
}
