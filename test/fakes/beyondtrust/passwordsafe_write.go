package beyondtrust

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"unicode/utf8"
)

// safeContent is what a client sends for a secret. The names are those of the API (exact).
type safeContent struct {
	Title       string      `json:"Title"`
	Description string      `json:"Description"`
	Notes       string      `json:"Notes"`
	Username    string      `json:"Username"`
	Password    string      `json:"Password"`
	Text        string      `json:"Text"`
	FileName    string      `json:"FileName"`
	OwnerID     int         `json:"OwnerId"`
	OwnerType   string      `json:"OwnerType"`
	Owners      []safeOwner `json:"Owners"`
	Urls        []safeURL   `json:"Urls"`
	// Value is the password, the text or the content of the file.
	Value string `json:"-"`
}

// safeOwner is an owner of a secret: OwnerId in version 3.0, UserId or GroupId later (exact).
type safeOwner struct {
	OwnerID int    `json:"OwnerId,omitempty"`
	UserID  int    `json:"UserId,omitempty"`
	GroupID int    `json:"GroupId,omitempty"`
	Owner   string `json:"Owner,omitempty"`
	Name    string `json:"Name,omitempty"`
	Email   string `json:"Email,omitempty"`
}

type safeURL struct {
	ID           string `json:"Id,omitempty"`
	CredentialID string `json:"CredentialId,omitempty"`
	URL          string `json:"Url"`
}

func (c *safeContent) users() (ids []int) {
	for _, owner := range c.Owners {
		if id := max(owner.OwnerID, owner.UserID); id != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *safeContent) groups() (ids []int) {
	if c.OwnerType == "Group" {
		ids = append(ids, c.OwnerID)
	}
	for _, owner := range c.Owners {
		if owner.GroupID != 0 {
			ids = append(ids, owner.GroupID)
		}
	}
	return ids
}

func (c *safeContent) addresses() (urls []string) {
	for _, u := range c.Urls {
		urls = append(urls, u.URL)
	}
	return urls
}

// create makes a secret of one kind in a folder (exact).
func (s *PasswordSafe) create(kind string) func(*http.Request) safeAnswer {
	return func(r *http.Request) safeAnswer {
		i := slices.IndexFunc(s.folders, func(f *safeFolder) bool { return f.id == r.PathValue("folder") })
		if i < 0 {
			return refused(http.StatusNotFound, "the folder does not exist")
		}
		content, err := readContent(r, kind)
		if err != nil {
			return refused(http.StatusBadRequest, "%s", err)
		}
		if slices.ContainsFunc(s.secrets, func(other *safeSecret) bool { return other.folder == s.folders[i] && other.Title == content.Title }) {
			return refused(http.StatusConflict, "the folder has a secret of this title") // infer
		}
		secret := &safeSecret{id: s.identifier(), folder: s.folders[i], kind: kind, safeContent: content}
		s.secrets = append(s.secrets, secret)
		s.writes++
		return safeAnswer{status: http.StatusCreated, body: map[string]any{
			"Id": secret.id, "Title": content.Title, "Description": content.Description, "FolderId": secret.folder.id,
		}}
	}
}

// update gives a secret another content, of the same kind (doc).
func (s *PasswordSafe) update(kind string) func(*http.Request) safeAnswer {
	return func(r *http.Request) safeAnswer {
		secret := s.secret(r)
		if secret == nil || secret.kind != kind {
			return refused(http.StatusNotFound, "the secret does not exist")
		}
		content, err := readContent(r, kind)
		if err != nil {
			return refused(http.StatusBadRequest, "%s", err)
		}
		secret.safeContent = content
		s.writes++
		return safeAnswer{status: http.StatusNoContent}
	}
}

func (s *PasswordSafe) remove(r *http.Request) safeAnswer {
	secret := s.secret(r)
	if secret == nil {
		return refused(http.StatusNotFound, "the secret does not exist")
	}
	s.secrets = slices.DeleteFunc(s.secrets, func(other *safeSecret) bool { return other == secret })
	s.writes++
	return safeAnswer{status: http.StatusOK}
}

// readContent reads and checks what a client sends.
func readContent(r *http.Request, kind string) (c safeContent, err error) {
	if kind == kindFile {
		c, err = readFile(r)
	} else {
		err = json.NewDecoder(r.Body).Decode(&c)
	}
	if err != nil {
		return c, err
	}
	switch kind {
	case kindCredential:
		c.Value = c.Password
	case kindText:
		c.Value = c.Text
	}
	return c, c.check(kind, r.URL.Query().Get("version"))
}

// readFile reads a multipart form: the field secretmetadata with JSON, and the part file (exact).
func readFile(r *http.Request) (c safeContent, err error) {
	if err := r.ParseMultipartForm(oversize); err != nil { //nolint:gosec // its clients are tests
		return c, err
	}
	if err := json.Unmarshal([]byte(r.FormValue("secretmetadata")), &c); err != nil {
		return c, err
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		return c, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(file)
	c.Value = string(content)
	return c, err
}

// check refuses what the server refuses (exact: the limits; doc: what is required).
func (c *safeContent) check(kind, version string) error {
	longest := map[string]int{kindCredential: 256, kindText: 4096, kindFile: 5_000_000}[kind]
	size := utf8.RuneCountInString(c.Value)
	switch {
	case c.Title == "" || utf8.RuneCountInString(c.Title) > 256:
		return errors.New("the title is required, and has at most 256 characters")
	case utf8.RuneCountInString(c.Description) > 256 || utf8.RuneCountInString(c.Notes) > 4000:
		return errors.New("the description or the notes are too long")
	case kind == kindCredential && c.Username == "":
		return errors.New("the username is required")
	case kind == kindFile && c.FileName == "":
		return errors.New("the name of the file is required")
	case size == 0 || size > longest:
		return errors.New("the value is required, and is limited")
	}
	return c.checkOwners(version)
}

func (c *safeContent) checkOwners(version string) error {
	if version != "" && version != "3.0" {
		if len(c.Owners) == 0 || slices.ContainsFunc(c.Owners, func(o safeOwner) bool { return o.UserID+o.GroupID == 0 }) {
			return errors.New("the owners are required, each with an ID")
		}
		return nil
	}
	switch {
	case c.OwnerType == "Group" && c.OwnerID == 0:
		return errors.New("the group is required")
	case c.OwnerType == "User" && len(c.Owners) == 0, slices.ContainsFunc(c.Owners, func(o safeOwner) bool { return o.OwnerID == 0 }):
		return errors.New("the owners are required, each with an ID")
	case c.OwnerType != "Group" && c.OwnerType != "User":
		return errors.New("the type of the owner is User or Group")
	}
	return nil
}
