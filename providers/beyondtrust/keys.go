package beyondtrust

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-operator/sluice/internal/fault"
)

// The limits of names, in characters, and of the depth of folders.
const (
	maxSystem  = 128
	maxAccount = 245
	maxPath    = 1792
	maxTitle   = 256
	maxFolders = 7
)

// location is where a secret is in Secrets Safe: the folders, joined by the store's separator, and the title.
type location struct {
	path, title string
	// folderID is the folder's ID, empty when it is not known.
	folderID string
	// partial says that the path lacks folders that the store's user does not see, so that nothing can be found by it.
	partial bool
}

// parseAccountKey splits a key into the names of a managed system and an account in it.
func (s settings) parseAccountKey(key string) (system, account string, err error) {
	parts := strings.Split(key, s.separator)
	if len(parts) != 2 || !within(parts[0], maxSystem) || !within(parts[1], maxAccount) {
		return "", "", fault.New(fault.Invalid, "key %q does not name a managed account: it must be system%saccount "+
			"(for a secret of Secrets Safe, set %s.server.retrievalType: SECRET)", key, s.separator, specPath)
	}
	return parts[0], parts[1], nil
}

// parseSecretKey splits a key into folders and a title. A key of one part is both.
func (s settings) parseSecretKey(key string) (location, error) {
	parts := strings.Split(key, s.separator)
	folders, title := parts[:len(parts)-1], parts[len(parts)-1]
	if len(folders) == 0 {
		folders = parts
	}
	at := location{path: strings.TrimSpace(strings.Join(folders, s.separator)), title: strings.TrimSpace(title)}
	if slices.Contains(parts, "") || !within(at.path, maxPath) || !within(at.title, maxTitle) || len(folders) > maxFolders {
		return location{}, fault.New(fault.Invalid, "key %q does not name a secret of Secrets Safe: it must be folder%stitle, with at most "+
			"%d folders", key, s.separator, maxFolders)
	}
	return at, nil
}

// within reports whether a name is not empty and has at most the given number of characters.
func within(name string, limit int) bool { return name != "" && utf8.RuneCountInString(name) <= limit }
