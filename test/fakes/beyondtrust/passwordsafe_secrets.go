package beyondtrust

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kinds of secrets in Secrets Safe, as SecretType names them (doc).
const (
	kindCredential = "Credential"
	kindText       = "Text"
	kindFile       = "File"
)

// safeFolder is a folder in Secrets Safe.
type safeFolder struct {
	id, name string
	parent   *safeFolder
	// hidden says that the user does not see it.
	hidden bool
}

// safeSecret is a secret in Secrets Safe.
type safeSecret struct {
	id     string
	folder *safeFolder
	kind   string
	safeContent
}

// PasswordSafeSecret is a secret as SetSecret writes and Secret returns it.
type PasswordSafeSecret struct {
	// Type is Credential, Text or File.
	Type string
	// Value is the password, the text or the content of the file.
	Value string
	// The rest describes the secret. Owners are the IDs of users and Groups those of groups, in their order.
	Description, Username, Notes, FileName string
	URLs                                   []string
	Owners, Groups                         []int
}

// AddFolder creates a folder and those above it, of which the names are separated by slashes.
func (s *PasswordSafe) AddFolder(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folderAt(path, true)
}

// HideFolder makes a folder one that the user does not see, other than those in it.
func (s *PasswordSafe) HideFolder(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folderAt(path, true).hidden = true
}

// SetSecret writes a secret, in place of one of the same title, into a folder, which is created when it is not there.
func (s *PasswordSafe) SetSecret(folder, title string, secret PasswordSafeSecret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.folderAt(folder, true)
	s.secrets = slices.DeleteFunc(s.secrets, func(other *safeSecret) bool { return other.folder == in && other.Title == title })
	content := safeContent{
		Title: title, Value: secret.Value, Description: secret.Description, Username: secret.Username, Notes: secret.Notes,
		FileName: secret.FileName,
	}
	for _, user := range secret.Owners {
		content.Owners = append(content.Owners, safeOwner{OwnerID: user, UserID: user})
	}
	for _, group := range secret.Groups {
		content.Owners = append(content.Owners, safeOwner{GroupID: group})
	}
	for _, address := range secret.URLs {
		content.Urls = append(content.Urls, safeURL{ID: s.identifier(), URL: address})
	}
	s.secrets = append(s.secrets, &safeSecret{id: s.identifier(), folder: in, kind: secret.Type, safeContent: content})
}

// Secret returns a secret, and whether there is one.
func (s *PasswordSafe) Secret(folder, title string) (PasswordSafeSecret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.folderAt(folder, false)
	for _, secret := range s.secrets {
		if in != nil && secret.folder == in && secret.Title == title {
			return PasswordSafeSecret{
				Type: secret.kind, Value: secret.Value, Description: secret.Description, Username: secret.Username,
				Notes: secret.Notes, FileName: secret.FileName, URLs: secret.addresses(), Owners: secret.users(), Groups: secret.groups(),
			}, true
		}
	}
	return PasswordSafeSecret{}, false
}

// folderAt returns the folder of a path; nil when there is none and none is to be made.
func (s *PasswordSafe) folderAt(path string, create bool) (at *safeFolder) {
	for name := range strings.SplitSeq(path, "/") {
		i := slices.IndexFunc(s.folders, func(f *safeFolder) bool { return f.parent == at && f.name == name })
		switch {
		case i >= 0:
			at = s.folders[i]
		case create:
			at = &safeFolder{id: s.identifier(), name: name, parent: at}
			s.folders = append(s.folders, at)
		default:
			return nil
		}
	}
	return at
}

func (f *safeFolder) path(separator string) string {
	if f.parent == nil {
		return f.name
	}
	return f.parent.path(separator) + separator + f.name
}

// listFolders answers with the folders (exact: Id, Name and Description; doc: ParentId, and the parameters limit and offset).
func (s *PasswordSafe) listFolders(r *http.Request) safeAnswer {
	query := r.URL.Query()
	limit, _ := strconv.Atoi(cmp.Or(query.Get("limit"), "1000"))
	offset, _ := strconv.Atoi(query.Get("offset"))
	all := []map[string]any{}
	seen := slices.DeleteFunc(slices.Clone(s.folders), func(f *safeFolder) bool { return f.hidden })
	seen = seen[min(offset, len(seen)):]
	for _, folder := range seen[:min(limit, len(seen))] {
		entry := map[string]any{"Id": folder.id, "Name": folder.name, "Description": "", "ParentId": nil}
		if folder.parent != nil {
			entry["ParentId"] = folder.parent.id
		}
		all = append(all, entry)
	}
	return safeAnswer{status: http.StatusOK, body: all}
}

// findSecret answers with the secrets of a path and a title (exact). None is an empty list (doc). Those in the folders below the path come too
// (doc for the same parameter where folders are listed; infer for secrets), and first, so that no client can take the first one.
func (s *PasswordSafe) findSecret(r *http.Request) safeAnswer {
	query := r.URL.Query()
	separator, version := cmp.Or(query.Get("separator"), "/"), query.Get("version")
	if utf8.RuneCountInString(separator) > 1 || len(query.Get("path")) > 1798 || len(query.Get("title")) > 256 { // doc
		return refused(http.StatusBadRequest, "a parameter is too long")
	}
	meets := func(filter, value string) bool { return filter == "" || filter == value }
	found, below := []map[string]any{}, []map[string]any{}
	for _, secret := range s.secrets {
		path := secret.folder.path(separator)
		entry := secret.listed(path, version, query.Get("decrypt") == "true")
		switch asked := query.Get("path"); {
		case !meets(query.Get("title"), secret.Title):
		case meets(asked, path):
			found = append(found, entry)
		case strings.HasPrefix(path, asked+separator):
			below = append(below, entry)
		}
	}
	found = append(below, found...)
	switch version {
	case "", "3.0", "3.1":
		return safeAnswer{status: http.StatusOK, body: found}
	case "3.2": // exact
		return safeAnswer{status: http.StatusOK, body: map[string]any{"TotalCount": len(found), "Data": found}}
	default:
		return refused(http.StatusBadRequest, "version %s is not known", version) // infer
	}
}

// listed returns a secret as the list shows it (exact: Id, Title, Password and SecretType; doc: the others).
func (c *safeSecret) listed(path, version string, decrypt bool) map[string]any {
	entry := map[string]any{
		"Id": c.id, "Title": c.Title, "Description": c.Description, "Username": c.Username, "Password": "", "SecretType": c.kind,
		"FolderId": c.folder.id, "Folder": c.folder.name, "FolderPath": path, "Notes": c.Notes, "FileName": c.FileName,
		"Owners": c.Owners, "Urls": c.Urls, "CreatedBy": "sluice", "ModifiedBy": "sluice",
	}
	if decrypt && c.kind != kindFile {
		entry["Password"] = c.Value
	}
	if version == "" || version == "3.0" {
		entry["OwnerId"], entry["OwnerType"] = c.OwnerID, c.OwnerType
	}
	return entry
}

func (s *PasswordSafe) secret(r *http.Request) *safeSecret {
	for _, secret := range s.secrets {
		if secret.id == r.PathValue("secret") {
			return secret
		}
	}
	return nil
}

// download answers with the bytes of a file (exact).
func (s *PasswordSafe) download(r *http.Request) safeAnswer {
	secret := s.secret(r)
	if secret == nil || secret.kind != kindFile {
		return refused(http.StatusNotFound, "the file does not exist")
	}
	return safeAnswer{status: http.StatusOK, raw: []byte(secret.Value)}
}
