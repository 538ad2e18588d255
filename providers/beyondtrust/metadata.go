package beyondtrust

import (
	"bytes"
	"cmp"
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

// metadata is what a push may write under metadata. All of it may be left out, and what is left out is not in its JSON, which the mark of
// a secret has a digest of.
type metadata struct {
	// SecretType is CREDENTIAL, TEXT or FILE.
	SecretType string `json:"secret_type,omitempty"`
	// Title and FolderName say where the secret is, in place of the remote key.
	Title      string `json:"title,omitempty"`
	FolderName string `json:"folder_name,omitempty"`
	// The rest describes the secret.
	Description string `json:"description,omitempty"`
	Username    string `json:"username,omitempty"`
	FileName    string `json:"file_name,omitempty"`
	Notes       string `json:"notes,omitempty"`
	// OwnerID is a user or a group, as OwnerType says; GroupID is a group.
	OwnerID   int             `json:"owner_id,omitempty"`
	GroupID   int             `json:"group_id,omitempty"`
	OwnerType string          `json:"owner_type,omitempty"`
	URLs      []metadataURL   `json:"urls,omitempty"`
	Owners    []metadataOwner `json:"owners,omitempty"`
}

type metadataURL struct {
	ID           string `json:"id,omitempty"`
	CredentialID string `json:"credential_id,omitempty"`
	URL          string `json:"url,omitempty"`
}

// metadataOwner is an owner: OwnerID and Owner are for version 3.0 of the API, GroupID, UserID and Name for later ones.
type metadataOwner struct {
	OwnerID int    `json:"owner_id,omitempty"`
	Owner   string `json:"owner,omitempty"`
	GroupID int    `json:"group_id,omitempty"`
	UserID  int    `json:"user_id,omitempty"`
	Name    string `json:"name,omitempty"`
	Email   string `json:"email,omitempty"`
}

// owner returns the IDs of the group and of the user that the metadata names besides the list of owners, 0 for none.
func (m *metadata) owner() (group, user int) {
	if m.OwnerType == ownerGroup {
		return cmp.Or(m.GroupID, m.OwnerID), 0
	}
	return 0, m.OwnerID
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
	// named says that the metadata names the folder, which its name alone is enough for, and not the remote key.
	named bool
	// place is the folder and the title as one text.
	place string
}

// destination returns where a push of a key with the given options goes.
func (c *client) destination(key string, options json.RawMessage) (destination, error) {
	meta, err := parseMetadata(options)
	if err != nil {
		return destination{}, err
	}
	d := destination{metadata: meta, folder: strings.TrimSpace(meta.FolderName), title: strings.TrimSpace(meta.Title)}
	d.named = d.folder != ""
	if !d.named && !strings.Contains(key, c.separator) {
		return d, fault.New(fault.Invalid, "remote key %q names no folder of Secrets Safe: write folder%stitle, or set metadata.folder_name",
			key, c.separator)
	}
	if !d.named || d.title == "" {
		at, err := c.parseSecretKey(key)
		if err != nil {
			return d, err
		}
		d.folder, d.title = cmp.Or(d.folder, at.path), cmp.Or(d.title, at.title)
	}
	if !within(d.title, maxTitle) {
		return d, fault.New(fault.Invalid, "metadata.title has more than %d characters", maxTitle)
	}
	d.place = d.folder + c.separator + d.title
	return d, nil
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
	if m.GroupID != 0 {
		m.OwnerType = cmp.Or(m.OwnerType, ownerGroup)
	}
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
		if m.GroupID != 0 {
			return fault.New(fault.Invalid, "metadata.owner_type: User goes with metadata.owner_id, and not with metadata.group_id")
		}
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
