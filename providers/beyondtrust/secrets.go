package beyondtrust

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// The kinds of secrets in Secrets Safe, in upper case.
const (
	kindCredential = "CREDENTIAL"
	kindText       = "TEXT"
	kindFile       = "FILE"
)

// element is a secret as Secrets Safe lists it. What is not read here is kept as it came, to be sent back with an update.
type element struct {
	ID          string          `json:"Id"`
	Title       string          `json:"Title"`
	Description string          `json:"Description"`
	Notes       string          `json:"Notes"`
	Username    string          `json:"Username"`
	Password    string          `json:"Password"`
	SecretType  string          `json:"SecretType"`
	FileName    string          `json:"FileName"`
	OwnerID     int             `json:"OwnerId"`
	OwnerType   string          `json:"OwnerType"`
	Owners      json.RawMessage `json:"Owners"`
	Urls        json.RawMessage `json:"Urls"`
	ModifiedBy  string          `json:"ModifiedBy"`
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

// find returns the secret at a location.
func (c *client) find(ctx context.Context, at location) (*element, error) {
	what := fmt.Sprintf("find secret %q in folder %q", at.title, at.path)
	got, err := c.session.do(ctx, call{
		name: "FindSecret", what: what, method: http.MethodGet, path: "secrets-safe/secrets",
		query: c.withVersion(url.Values{
			"path": {at.path}, "title": {at.title}, "separator": {c.separator}, "decrypt": {strconv.FormatBool(c.decrypt)},
		}),
	})
	if absent(err) {
		return nil, fault.Wrap(fault.NotFound, err, "%s", missing(at))
	}
	if err != nil {
		return nil, err
	}
	found, err := elements(got, what)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fault.New(fault.NotFound, "%s", missing(at))
	case found[0].ID == "":
		return nil, fault.New(fault.Unavailable, "%s: the answer holds a secret without an ID", what)
	}
	return &found[0], nil
}

func missing(at location) string {
	return fmt.Sprintf("secret %q does not exist in folder %q of Secrets Safe, or the store's user does not see it", at.title, at.path)
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

// value returns what a secret holds.
func (c *client) value(ctx context.Context, at location, secret *element) ([]byte, error) {
	if secret.kind() != kindFile {
		return []byte(secret.Password), nil
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
type folder struct{ ID, Name, ParentID, path string }

// folder returns the folder that a secret is pushed to: the one of that path, or else the one of that name.
func (c *client) folder(ctx context.Context, d destination) (folder, error) {
	const what = "list the folders of Secrets Safe"
	got, err := c.session.do(ctx, call{
		name: "ListFolders", what: what, method: http.MethodGet, path: "secrets-safe/folders/", query: c.withVersion(url.Values{}),
		limit: maxFile,
	})
	if err != nil {
		return folder{}, err
	}
	var all []folder
	if err := got.decode(what, &all); err != nil {
		return folder{}, err
	}
	var named []folder
	for _, f := range withPaths(all, c.separator) {
		if f.path == d.folder {
			return f, nil
		}
		if f.Name == d.folder {
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

// withPaths gives each folder the names of those above it. One whose parent is not listed is taken for the topmost.
func withPaths(all []folder, separator string) []folder {
	byID := make(map[string]folder, len(all))
	for _, f := range all {
		byID[f.ID] = f
	}
	for i := range all {
		all[i].path = all[i].Name
		above, known := byID[all[i].ParentID]
		for range maxFolders {
			if !known {
				break
			}
			all[i].path = above.Name + separator + all[i].path
			above, known = byID[above.ParentID]
		}
	}
	return all
}
