package beyondtrust

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"mime/multipart"
	"slices"
	"unicode/utf8"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// The limits of values, in characters.
const (
	maxPassword = 256
	maxText     = 4096
)

// firstOwners is the version of the API in which an owner of a secret stands beside the list of owners, as OwnerId and OwnerType.
const firstOwners = "3.0"

// content is what is sent to create or update a secret. The names are those of the API.
type content struct {
	Title       string  `json:"Title"`
	Description string  `json:"Description,omitempty"`
	Notes       string  `json:"Notes,omitempty"`
	Username    string  `json:"Username,omitempty"`
	Password    *string `json:"Password,omitempty"`
	Text        *string `json:"Text,omitempty"`
	FileName    string  `json:"FileName,omitempty"`
	OwnerID     int     `json:"OwnerId,omitempty"`
	OwnerType   string  `json:"OwnerType,omitempty"`
	// Owners and Urls are lists of the API, as they came or as they are made.
	Owners any `json:"Owners,omitempty"`
	Urls   any `json:"Urls,omitempty"`

	kind string
	file []byte
}

type contentURL struct {
	ID           string `json:"Id,omitempty"`
	CredentialID string `json:"CredentialId,omitempty"`
	URL          string `json:"Url"`
}

type contentOwner struct {
	OwnerID int    `json:"OwnerId,omitempty"`
	Owner   string `json:"Owner,omitempty"`
	GroupID int    `json:"GroupId,omitempty"`
	UserID  int    `json:"UserId,omitempty"`
	Name    string `json:"Name,omitempty"`
	Email   string `json:"Email,omitempty"`
}

// kindOf returns the kind that a new secret gets. Without secret_type it is a credential when there is a username, without which there
// can be none, and else a text, or a file when it is no text or too long for one.
func (d destination) kindOf(value []byte) string {
	switch {
	case d.SecretType != "":
		return d.SecretType
	case d.Username != "":
		return kindCredential
	case utf8.Valid(value) && utf8.RuneCount(value) <= maxText:
		return kindText
	default:
		return kindFile
	}
}

// content returns a secret of the given kind with a value, described as the push says, and where it says nothing as the secret is that
// is there already; live is nil when there is none.
func (d destination) content(kind string, value []byte, live *element, by user, version string) (content, error) {
	if live == nil {
		live = &element{}
	}
	sent := content{Title: d.title, Description: cmp.Or(d.Description, live.Description), kind: kind}
	if err := sent.hold(value); err != nil {
		return sent, err
	}
	switch kind {
	case kindCredential:
		if sent.Username = cmp.Or(d.Username, live.Username); sent.Username == "" {
			return sent, fault.New(fault.Invalid, "secret %q: a secret of type CREDENTIAL needs metadata.username", d.title)
		}
	case kindFile:
		sent.FileName = cmp.Or(d.FileName, live.FileName, d.title)
	}
	if listed(live.Urls) {
		sent.Urls = live.Urls
	}
	if len(d.URLs) > 0 {
		urls := make([]contentURL, 0, len(d.URLs))
		for _, u := range d.URLs {
			urls = append(urls, contentURL(u))
		}
		sent.Urls = urls
	}
	d.own(&sent, live, by, version)
	return sent, nil
}

// hold puts the value where it belongs.
func (c *content) hold(value []byte) error {
	limit := map[string]int{kindCredential: maxPassword, kindText: maxText, kindFile: maxFile}[c.kind]
	size := len(value)
	if c.kind != kindFile {
		if !utf8.Valid(value) {
			return fault.New(fault.Invalid, "secret %q: the value is no text, which a secret of type %s must be: set metadata.secret_type: FILE",
				c.Title, c.kind)
		}
		size = utf8.RuneCount(value)
	}
	if size == 0 || size > limit {
		return fault.New(fault.Invalid, "secret %q: the value has %d characters, and a secret of type %s must have 1 to %d",
			c.Title, size, c.kind, limit)
	}
	switch c.kind {
	case kindCredential:
		c.Password = new(string(value))
	case kindText:
		c.Text = new(string(value))
	default:
		c.file = value
	}
	return nil
}

// own sets the owners: those that the push names, behind the user who has signed in, or else those that are there.
func (d destination) own(sent *content, live *element, by user, version string) {
	first := version == "" || version == firstOwners
	group, user := d.owner()
	if listed(live.Owners) && len(d.Owners) == 0 && group == 0 && user == 0 {
		sent.Owners = live.Owners
		if first {
			sent.OwnerID, sent.OwnerType = cmp.Or(live.OwnerID, by.ID), cmp.Or(live.OwnerType, ownerUser)
		}
		return
	}
	owners := []contentOwner{{UserID: by.ID, Name: by.Name, Email: by.Email}}
	switch {
	case first:
		owners[0] = contentOwner{OwnerID: by.ID, Owner: by.Name, Email: by.Email}
		sent.OwnerID, sent.OwnerType = cmp.Or(group, user, by.ID), cmp.Or(d.OwnerType, ownerUser)
	case group != 0:
		owners = append(owners, contentOwner{GroupID: group})
	case user != 0 && user != by.ID:
		owners = append(owners, contentOwner{UserID: user})
	}
	for _, owner := range d.Owners {
		owners = append(owners, contentOwner(owner))
	}
	sent.Owners = owners
}

// listed reports whether a list of the API, as it came, has anything in it.
func listed(raw json.RawMessage) bool {
	text := string(raw)
	return text != "" && text != "null" && text != "[]"
}

// encode returns the body of a call, and its type.
func (c *content) encode() (body []byte, contentType string, err error) {
	text, err := json.Marshal(c) //nolint:gosec // it is for the place where passwords are kept
	if err != nil || c.kind != kindFile {
		return text, "application/json", err
	}
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	if err := writer.WriteField("secretmetadata", string(text)); err != nil {
		return nil, "", err
	}
	part, err := writer.CreateFormFile("file", c.FileName)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(c.file); err != nil {
		return nil, "", err
	}
	err = writer.Close() // it writes the end of the form
	return form.Bytes(), writer.FormDataContentType(), err
}

// wholeOf returns the one value that a write is about: its only one, or the whole source as a JSON object.
func wholeOf(w providers.Write) ([]byte, error) {
	if value, ok := w.Fields[""]; ok && len(w.Fields) == 1 {
		return value, nil
	}
	if !w.Whole {
		return nil, fault.New(fault.Unsupported, "Password Safe keeps one value under a key: leave the property of remote key %q out", w.Key)
	}
	texts := make(map[string]string, len(w.Fields))
	for _, name := range slices.Sorted(maps.Keys(w.Fields)) {
		if !utf8.Valid(w.Fields[name]) {
			return nil, fault.New(fault.Invalid, "the value of %q is no text, which a value in a JSON object must be: push it by an entry of its own "+
				"with this secretKey", name)
		}
		texts[name] = string(w.Fields[name])
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(texts)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
