package beyondtrust

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	strictjson "sigs.k8s.io/json"

	"github.com/sluice-operator/sluice/internal/fault"
)

// The limits of what describes a secret, in characters.
const (
	maxDescription = 256
	maxFileName    = 256
	maxNotes       = 4000
	maxUsername    = 256
)

// metadata is what a push may write under metadata. All of it may be left out.
type metadata struct {
	// SecretType is CREDENTIAL, TEXT or FILE.
	SecretType string `json:"secret_type"`
	// Title and FolderName say where the secret is, in place of the remote key.
	Title      string `json:"title"`
	FolderName string `json:"folder_name"`
	// The rest describes the secret.
	Description string          `json:"description"`
	Username    string          `json:"username"`
	FileName    string          `json:"file_name"`
	Notes       string          `json:"notes"`
	OwnerID     int             `json:"owner_id"`
	GroupID     int             `json:"group_id"`
	OwnerType   string          `json:"owner_type"`
	URLs        []metadataURL   `json:"urls"`
	Owners      []metadataOwner `json:"owners"`
}

type metadataURL struct {
	ID           string `json:"id"`
	CredentialID string `json:"credential_id"`
	URL          string `json:"url"`
}

// metadataOwner is an owner: OwnerID and Owner are for version 3.0 of the API, GroupID, UserID and Name for later ones.
type metadataOwner struct {
	OwnerID int    `json:"owner_id"`
	Owner   string `json:"owner"`
	GroupID int    `json:"group_id"`
	UserID  int    `json:"user_id"`
	Name    string `json:"name"`
	Email   string `json:"email"`
}

// The types of owners.
const (
	ownerUser  = "User"
	ownerGroup = "Group"
)

// destination is where a push goes, and with which settings.
type destination struct {
	metadata

	folder, title string
}

// destination returns where a push of a key with the given options goes.
func (c *client) destination(key string, options json.RawMessage) (destination, error) {
	meta, err := parseMetadata(options)
	if err != nil {
		return destination{}, err
	}
	d := destination{metadata: meta, folder: meta.FolderName, title: meta.Title}
	if d.folder == "" || d.title == "" {
		folders, title, found := cutLast(key, c.separator)
		if d.title == "" {
			d.title = title
		}
		if d.folder == "" && found {
			d.folder = folders
		}
	}
	switch {
	case d.folder == "":
		return d, fault.New(fault.Invalid, "remote key %q names no folder of Secrets Safe: write folder%stitle, or set metadata.folder_name",
			key, c.separator)
	case !within(d.title, maxTitle):
		return d, fault.New(fault.Invalid, "the title of a secret must have 1 to %d characters: see metadata.title", maxTitle)
	}
	return d, nil
}

// cutLast splits a key before its last part.
func cutLast(key, separator string) (before, last string, found bool) {
	i := strings.LastIndex(key, separator)
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+len(separator):], true
}

// parseMetadata reads the options of a push; raw may be nil. No decoder's text gets into an error, since it may quote what it reads.
func parseMetadata(raw json.RawMessage) (m metadata, err error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return m, nil
	}
	unknown, err := strictjson.UnmarshalStrict(raw, &m)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		found, _, _ := strings.Cut(wrongType.Value, " ")
		return m, fault.Wrap(fault.Invalid, err, "%s must not be a %s", strings.TrimSuffix("metadata."+wrongType.Field, "."), found)
	case err != nil:
		return m, fault.Wrap(fault.Invalid, err, "metadata is not valid JSON")
	case len(unknown) > 0:
		return m, fault.New(fault.Invalid, "metadata: %s", unknown[0])
	}
	m.SecretType = strings.ToUpper(m.SecretType)
	return m, m.validate()
}

func (m *metadata) validate() error {
	switch m.SecretType {
	case "", kindCredential, kindText, kindFile:
	default:
		return fault.New(fault.Invalid, "metadata.secret_type must be CREDENTIAL, TEXT or FILE")
	}
	switch m.OwnerType {
	case "", ownerUser:
	case ownerGroup:
		if m.OwnerID == 0 && m.GroupID == 0 {
			return fault.New(fault.Invalid, "metadata.owner_type: Group needs metadata.group_id")
		}
	default:
		return fault.New(fault.Invalid, "metadata.owner_type must be User or Group")
	}
	for _, limited := range []struct {
		field, value string
		limit        int
	}{
		{"description", m.Description, maxDescription},
		{"username", m.Username, maxUsername},
		{"file_name", m.FileName, maxFileName},
		{"notes", m.Notes, maxNotes},
	} {
		if limited.value != "" && !within(limited.value, limited.limit) {
			return fault.New(fault.Invalid, "metadata.%s has more than %d characters", limited.field, limited.limit)
		}
	}
	return nil
}
