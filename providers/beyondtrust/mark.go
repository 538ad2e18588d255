package beyondtrust

import (
	"encoding/json"
	"slices"
	"strings"
)

// markPrefix begins the last line of the notes of a secret that was pushed. Secrets Safe has no other place for it.
const markPrefix = "Pushed by Sluice, do not edit this line: "

// mark says who pushes a secret. A secret without one belongs to somebody else.
type mark struct {
	// Created says that a push created the secret, so that it goes with its last owner.
	Created bool `json:"created"`
	// Owners push the secret.
	Owners []string `json:"owners"`
}

// splitNotes separates the notes that people write from the mark. Their lines may have come to end as those of Windows do.
func splitNotes(notes string) (string, mark) {
	notes = strings.ReplaceAll(notes, "\r\n", "\n")
	text, line := "", notes
	if i := strings.LastIndex(notes, "\n"); i >= 0 {
		text, line = notes[:i], notes[i+1:]
	}
	content, marked := strings.CutPrefix(line, markPrefix)
	var m mark
	if !marked || json.Unmarshal([]byte(content), &m) != nil {
		return notes, mark{}
	}
	return text, m
}

// in returns notes with the mark as their last line; as they are when nobody owns the secret.
func (m mark) in(notes string) (string, error) {
	if len(m.Owners) == 0 {
		return notes, nil
	}
	content, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	if notes != "" {
		notes += "\n"
	}
	return notes + markPrefix + string(content), nil
}

func (m mark) has(owner string) bool { return slices.Contains(m.Owners, owner) }

// with returns the mark with one more owner, and without returns it with one less.
func (m mark) with(owner string) mark {
	return mark{Created: m.Created, Owners: append(slices.Clone(m.Owners), owner)}
}

func (m mark) without(owner string) mark {
	return mark{Created: m.Created, Owners: slices.DeleteFunc(slices.Clone(m.Owners), func(o string) bool { return o == owner })}
}
