package workloadcredentials

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Static is a static secret.
type Static struct {
	// Path of the secret.
	Path Path
	// Listed is the path as List tells it, which may begin with a slash; empty in what Get returns.
	Listed string
	// Values by name: texts as they are, all else as JSON. Nil in what List returns.
	Values map[string][]byte
	// Tags of the secret.
	Tags map[string]string
	// Version of the values; empty when it is not told.
	Version string
	// Deleted says that the secret is deleted, and can be restored. Only Metadata returns such a secret.
	Deleted bool
}

// record is a static secret as the API tells it.
type record struct {
	Path     string                     `json:"path"`
	Secret   map[string]json.RawMessage `json:"secret"`
	Metadata metadata                   `json:"metadata"`
}

type metadata struct {
	Tags      map[string]string `json:"tags"`
	Version   json.RawMessage   `json:"version"`
	DeletedAt *string           `json:"deletedAt"`
}

func (m metadata) deleted() bool { return m.DeletedAt != nil && *m.DeletedAt != "" }

func (r record) static(at Path) Static {
	s := Static{Path: at, Tags: r.Metadata.Tags, Deleted: r.Metadata.deleted()}
	if r.Metadata.Version != nil {
		s.Version = text(r.Metadata.Version)
	}
	if r.Secret != nil {
		s.Values = make(map[string][]byte, len(r.Secret))
	}
	for name, value := range r.Secret {
		if s.Values[name] = []byte(text(value)); bytes.Equal(value, []byte("null")) {
			s.Values[name] = []byte("null")
		}
	}
	return s
}

func absent(at Path) string { return fmt.Sprintf("static secret %q does not exist", at) }

func staticPath(at Path) string { return "/static/" + url.PathEscape(at.Name) }

// Get returns a static secret. One that is deleted is fault.NotFound, also while it can be restored. That the secret is absent is
// certain: the site is there, and knows the token.
func (c *Client) Get(ctx context.Context, at Path) (Static, error) {
	var answer record
	err := c.call(ctx, operation{
		method: http.MethodGet, path: staticPath(at), query: inFolder("folder", at.Folder),
		does: fmt.Sprintf("could not read static secret %q", at), may: "read this secret", absent: absent(at),
	}, &answer)
	if err != nil {
		return Static{}, c.Confirm(ctx, err)
	}
	if answer.Metadata.deleted() || answer.Secret == nil {
		return Static{}, fault.New(fault.NotFound, "static secret %q is deleted", at)
	}
	return answer.static(at), nil
}

// List returns the static secrets in a folder and all below, without their values and without those that are deleted. A folder that
// does not exist is fault.NotFound, which is as certain as with Get.
func (c *Client) List(ctx context.Context, folder string) ([]Static, error) {
	var answer struct {
		Data  []record        `json:"data"`
		Error json.RawMessage `json:"error"`
	}
	query := inFolder("path", folder)
	query.Set("recursive", "true")
	does := fmt.Sprintf("could not list the static secrets in folder %q", "/"+folder)
	err := c.call(ctx, operation{
		method: http.MethodGet, path: "/static", query: query,
		does: does, may: "list the secrets in this folder", absent: fmt.Sprintf("folder %q does not exist", "/"+folder),
	}, &answer)
	if err != nil {
		return nil, c.Confirm(ctx, err)
	}
	if len(answer.Error) > 0 && text(answer.Error) != "" {
		return nil, fault.New(fault.Unavailable, "%s: %s answered with an error", does, c.host)
	}
	var all []Static
	for _, r := range answer.Data {
		at := ParsePath(r.Path)
		if !strings.Contains(r.Path, "/") {
			at.Folder = folder
		}
		if !r.Metadata.deleted() {
			found := r.static(at)
			found.Listed = r.Path
			all = append(all, found)
		}
	}
	return all, nil
}

// Metadata returns a static secret without its values, also when it is deleted and can be restored.
func (c *Client) Metadata(ctx context.Context, at Path) (Static, error) {
	var answer metadata
	err := c.call(ctx, operation{
		method: http.MethodGet, path: staticPath(at) + "/metadata", query: inFolder("folder", at.Folder),
		does: fmt.Sprintf("could not read the metadata of static secret %q", at), may: "read this secret", absent: absent(at),
	}, &answer)
	return record{Metadata: answer}.static(at), err
}

// Create makes a static secret. One that is there already, or is deleted and can be restored, is a StatusError 409, of kind
// fault.Invalid.
func (c *Client) Create(ctx context.Context, at Path, values map[string]string) error {
	return c.call(ctx, operation{
		method: http.MethodPost, path: staticPath(at), query: inFolder("folder", at.Folder), body: map[string]any{"secret": values},
		does: fmt.Sprintf("could not create static secret %q", at), may: "create secrets in this folder",
		absent: fmt.Sprintf("could not create static secret %q: folder %q does not exist", at, "/"+at.Folder),
	}, nil)
}

// Patch changes values of a static secret; nil takes one away.
func (c *Client) Patch(ctx context.Context, at Path, values map[string]*string) error {
	return c.call(ctx, operation{
		method: http.MethodPatch, path: staticPath(at), query: inFolder("folder", at.Folder), body: map[string]any{"secret": values}, patch: true,
		does: fmt.Sprintf("could not write static secret %q", at), may: "change this secret", absent: absent(at),
	}, nil)
}

// Delete deletes a static secret. It can be restored, unless that is permanent.
func (c *Client) Delete(ctx context.Context, at Path, permanent bool) error {
	query := inFolder("folder", at.Folder)
	if permanent {
		query.Set("permanent", "true")
	}
	return c.call(ctx, operation{
		method: http.MethodDelete, path: staticPath(at), query: query,
		does: fmt.Sprintf("could not delete static secret %q", at), may: "delete this secret", absent: absent(at),
	}, nil)
}

// Tag replaces the tags of a static secret.
func (c *Client) Tag(ctx context.Context, at Path, tags map[string]string) error {
	return c.call(ctx, operation{
		method: http.MethodPut, path: staticPath(at) + "/metadata/tags", query: inFolder("folder", at.Folder), body: tags,
		does: fmt.Sprintf("could not write the tags of static secret %q", at), may: "change the tags of this secret", absent: absent(at),
	}, nil)
}
