package beyondtrustworkloadcredentials

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// tagName is the tag in which a secret says what pushes own of it.
	tagName = "sluice-owners"
	// unknown stands for whoever wrote a value that no push has.
	unknown = "unknown"
)

// ownership is what pushes own of a secret.
type ownership struct {
	// Created says that a push has made the secret, so that it goes with its last value.
	Created bool `json:"created,omitempty"`
	// Fields are the owners of each value.
	Fields map[string][]string `json:"fields"`
}

// owned reads the tag of a secret with the given values.
func owned(tags map[string]string, values map[string][]byte) (ownership, error) {
	o := ownership{}
	if text, ok := tags[tagName]; ok {
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return o, fault.Wrap(fault.Invalid, err, "its tag %s, which says what Sluice owns of it, is not as Sluice wrote it: remove the tag", tagName)
		}
	}
	if o.Fields == nil {
		o.Fields = map[string][]string{}
	}
	maps.DeleteFunc(o.Fields, func(name string, _ []string) bool { _, exists := values[name]; return !exists })
	return o, nil
}

// clone returns a copy that can be changed.
func (o ownership) clone() ownership {
	return ownership{Created: o.Created, Fields: maps.Clone(o.Fields)}
}

// equal reports whether both say the same of the values.
func (o ownership) equal(other ownership) bool {
	return maps.EqualFunc(o.Fields, other.Fields, slices.Equal[[]string])
}

// claim returns what is to be written down before the values are changed that there are, after which it is as after says. Who writes over
// a value of others owns it beside them until then: they keep it if that does not come to pass.
func (o ownership) claim(after ownership, values map[string][]byte) ownership {
	claimed := o.clone()
	for name, owners := range after.Fields {
		all := owners
		if _, exists := values[name]; exists {
			all = o.others(name, "")
			for _, owner := range owners {
				if !slices.Contains(all, owner) {
					all = append(all, owner)
				}
			}
		}
		claimed.Fields[name] = all
	}
	return claimed
}

// others are the owners of a value other than the given one: somebody unknown if no push has it.
func (o ownership) others(name, owner string) []string {
	owners, known := o.Fields[name]
	if !known {
		return []string{unknown}
	}
	return slices.DeleteFunc(slices.Clone(owners), func(other string) bool { return other == owner })
}

// owns reports whether a value belongs to owner, be it among others.
func (o ownership) owns(name, owner string) bool { return slices.Contains(o.Fields[name], owner) }

// join makes owner an owner of a value beside those that it has.
func (o ownership) join(name, owner string) {
	if !o.owns(name, owner) {
		o.Fields[name] = append(o.others(name, owner), owner)
	}
}

// leave takes owner away from a value, and reports whether others have it.
func (o ownership) leave(name, owner string) bool {
	rest := o.others(name, owner)
	if len(rest) == 0 {
		delete(o.Fields, name)
		return false
	}
	o.Fields[name] = rest
	return true
}

// tags returns the tags with what o says among them.
func (o ownership) tags(tags map[string]string) (map[string]string, error) {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	if len(o.Fields) == 0 && !o.Created {
		delete(all, tagName)
		return all, nil
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fault.Wrap(fault.Unknown, err, "what pushes own has no JSON form")
	}
	all[tagName] = string(text)
	return all, nil
}
