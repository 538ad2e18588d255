package beyondtrust

import (
	"crypto/sha256"
	"encoding/hex"
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
	// Owners push the secret. One that pushes it by two names of its folder is there twice.
	Owners []pusher `json:"owners"`
}

// pusher is one who pushes a secret.
type pusher struct {
	Name string `json:"name"`
	// Place is a digest of the place that the push names: only a removal from that place is about this secret.
	Place string `json:"place"`
	// Metadata is a digest of what the push says about the secret. Secrets Safe may give back the same in other words.
	Metadata string `json:"metadata"`
}

// pushedBy returns what the mark says of a push to a destination.
func pushedBy(owner string, d destination) (pusher, error) {
	described, err := json.Marshal(d.metadata)
	return pusher{Name: owner, Place: digest(d.place), Metadata: digest(string(described))}, err
}

// digest tells texts apart, in little room.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// splitNotes separates the notes that people write from the mark. Their lines may have come to end as those of Windows do.
func splitNotes(notes string) (string, mark) {
	lines := strings.TrimRight(strings.ReplaceAll(notes, "\r\n", "\n"), " \n")
	text, line := "", lines
	if i := strings.LastIndex(lines, "\n"); i >= 0 {
		text, line = lines[:i], lines[i+1:]
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

// at returns where among the owners one is that pushes to a place, -1 for nowhere.
func (m mark) at(p pusher) int {
	return slices.IndexFunc(m.Owners, func(o pusher) bool { return o.Name == p.Name && o.Place == p.Place })
}

// with returns the mark with an owner, in place of what it said of the same owner and place.
func (m mark) with(p pusher) mark {
	owners := slices.Clone(m.Owners)
	if i := m.at(p); i >= 0 {
		owners[i] = p
		return mark{Created: m.Created, Owners: owners}
	}
	return mark{Created: m.Created, Owners: append(owners, p)}
}

// without returns the mark without an owner's push to a place.
func (m mark) without(p pusher) mark {
	return mark{Created: m.Created, Owners: slices.DeleteFunc(slices.Clone(m.Owners), func(o pusher) bool {
		return o.Name == p.Name && o.Place == p.Place
	})}
}

// others returns the names of the owners but one.
func (m mark) others(than string) (names []string) {
	for _, owner := range m.Owners {
		if owner.Name != than {
			names = append(names, owner.Name)
		}
	}
	return names
}
