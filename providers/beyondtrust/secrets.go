package beyondtrust

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// The kinds of secrets in Secrets Safe, in upper case.
const (
	kindCredential = "CREDENTIAL"
	kindText       = "TEXT"
	kindFile       = "FILE"
)

// folderPage is how many folders are asked for at once, which is also what the API gives without being asked.
const folderPage = 1000

// element is a secret as Secrets Safe lists it. What is not read here is kept as it came, to be sent back with an update.
type element struct {
	ID          string          `json:"Id"`
	Title       string          `json:"Title"`
	Description string          `json:"Description"`
	Notes       string          `json:"Notes"`
	Username    string          `json:"Username"`
	Password    *string         `json:"Password"`
	SecretType  string          `json:"SecretType"`
	FileName    string          `json:"FileName"`
	OwnerID     int             `json:"OwnerId"`
	OwnerType   string          `json:"OwnerType"`
	Owners      json.RawMessage `json:"Owners"`
	Urls        json.RawMessage `json:"Urls"`
	ModifiedBy  string          `json:"ModifiedBy"`
	FolderID    string          `json:"FolderId"`
	FolderPath  string          `json:"FolderPath"`
}

func (e *element) kind() string { return strings.ToUpper(e.SecretType) }

// withVersion adds the version of the API to a query; the server's own needs none.
func (s settings) withVersion(query url.Values) url.Values {
	if s.version != "" {
		query.Set("version", s.version)
	}
	return query
}

// secret returns the value of a secret.
func (c *client) secret(ctx context.Context, at location) (providers.Secret, error) {
	found, err := c.find(ctx, at)
	if err != nil {
		return providers.Secret{}, err
	}
	value, err := c.value(ctx, at, found)
	return providers.Secret{Value: value}, err
}

// find returns the secret at a location. There is none when the API lists none, and in no other case: it answers with an empty list then
// (https://docs.beyondtrust.com/bips/reference/get-api-public-v3-secrets-safe-secrets).
func (c *client) find(ctx context.Context, at location) (*element, error) {
	what := fmt.Sprintf("find secret %q in folder %q", at.title, at.path)
	query := url.Values{"title": {at.title}, "separator": {c.separator}, "decrypt": {strconv.FormatBool(c.decrypt)}}
	if !at.partial {
		query.Set("path", at.path)
	}
	got, err := c.session.do(ctx, call{
		name: "FindSecret", what: what, method: http.MethodGet, path: "secrets-safe/secrets", query: c.withVersion(query),
	})
	if err != nil {
		return nil, err
	}
	found, err := elements(got, what)
	found = slices.DeleteFunc(found, func(e element) bool { return e.isOutside(at, c.separator) })
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.New(fault.NotFound, "secret %q does not exist in folder %q of Secrets Safe, or the store's user does not see it",
			at.title, at.path)
	case found[0].ID == "":
		return nil, fault.New(fault.Unavailable, "%s: the answer holds a secret without an ID", what)
	}
	return &found[0], nil
}

// isOutside reports whether a secret is certainly not in the folder of a location: where the API looks for a folder, those below it count
// too (https://docs.beyondtrust.com/bips/reference/secrets-safe-folders).
func (e *element) isOutside(at location, separator string) bool {
	if at.folderID != "" && (e.FolderID != "" || at.partial) {
		return !strings.EqualFold(e.FolderID, at.folderID)
	}
	return strings.HasPrefix(strings.ToLower(e.FolderPath), strings.ToLower(at.path+separator))
}

// elements reads a list: an array, or since version 3.2 an object that holds one.
func elements(got answer, what string) ([]element, error) {
	var list []element
	if json.Unmarshal(got.body, &list) == nil && list != nil {
		return list, nil
	}
	var page struct{ Data *[]element }
	if err := got.decode(what, &page); err != nil {
		return nil, err
	}
	if page.Data == nil {
		return nil, fault.New(fault.Unavailable, "%s: the answer holds no list of secrets", what)
	}
	return *page.Data, nil
}

// value returns what a secret holds, nothing for a store that decrypts nothing.
func (c *client) value(ctx context.Context, at location, secret *element) ([]byte, error) {
	switch {
	case secret.kind() == kindFile:
	case !c.decrypt:
		return []byte{}, nil
	case secret.Password == nil || *secret.Password == "":
		return nil, fault.New(fault.Unavailable, "Password Safe gives no value of secret %q in folder %q: the store's user may not be allowed "+
			"to read it", at.title, at.path)
	default:
		return []byte(*secret.Password), nil
	}
	got, err := c.session.do(ctx, call{
		name: "DownloadFile", what: fmt.Sprintf("download file %q of folder %q", at.title, at.path), method: http.MethodGet,
		path: "secrets-safe/secrets/" + url.PathEscape(secret.ID) + "/file/download", query: c.withVersion(url.Values{}), limit: maxFile,
	})
	if err != nil {
		return nil, err
	}
	return append([]byte{}, got.body...), nil
}

// folder is a folder in Secrets Safe.
type folder struct {
	ID, Name, ParentID string

	path string
	// partial says that not all folders above it are known.
	partial bool
}

// holding returns the location of a secret in the folder.
func (f folder) holding(title string) location {
	return location{path: f.path, title: title, folderID: f.ID, partial: f.partial}
}

// folder returns the folder that a secret is pushed to: the one of that path, or else, when the metadata says so, the one of that name.
func (c *client) folder(ctx context.Context, d destination) (folder, error) {
	all, err := c.folders(ctx)
	if err != nil {
		return folder{}, err
	}
	var named []folder
	for _, f := range withPaths(all, c.separator) {
		switch {
		case f.path == d.folder && !f.partial:
			return f, nil
		case d.named && (f.path == d.folder || f.Name == d.folder):
			named = append(named, f)
		}
	}
	switch len(named) {
	case 0:
		return folder{}, fault.New(fault.NotFound, "folder %q does not exist in Secrets Safe, or the store's user does not see it", d.folder)
	case 1:
		return named[0], nil
	default:
		return folder{}, fault.New(fault.Invalid, "Secrets Safe has %d folders of the name %q: write all folders above it too, separated by %q",
			len(named), d.folder, c.separator)
	}
}

// folders returns all folders that the store's user sees.
func (c *client) folders(ctx context.Context) (all []folder, err error) {
	const what = "list the folders of Secrets Safe"
	for {
		got, err := c.session.do(ctx, call{
			name: "ListFolders", what: what, method: http.MethodGet, path: "secrets-safe/folders/", limit: maxFile,
			query: c.withVersion(url.Values{"limit": {strconv.Itoa(folderPage)}, "offset": {strconv.Itoa(len(all))}}),
		})
		if err != nil {
			return nil, err
		}
		var page []folder
		if err := got.decode(what, &page); err != nil {
			return nil, err
		}
		repeated := len(all) > 0 && len(page) > 0 && page[0].ID == all[0].ID
		if repeated {
			return all, nil // a server that does not know pages gives all folders each time
		}
		if all = append(all, page...); len(page) < folderPage {
			return all, nil
		}
	}
}

// withPaths gives each folder the names of those above it.
func withPaths(all []folder, separator string) []folder {
	byID := make(map[string]folder, len(all))
	for _, f := range all {
		byID[f.ID] = f
	}
	for i := range all {
		all[i].path = all[i].Name
		parent := all[i].ParentID
		for range maxFolders {
			above, known := byID[parent]
			if !known {
				break
			}
			all[i].path = above.Name + separator + all[i].path
			parent = above.ParentID
		}
		all[i].partial = parent != "" && parent != uuid.Nil.String()
	}
	return all
}
