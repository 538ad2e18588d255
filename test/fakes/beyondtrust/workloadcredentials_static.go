package beyondtrust

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// segment is what names of secrets and folders look like (exact).
var segment = regexp.MustCompile(`^[a-zA-Z0-9\-_@~*^]{1,130}$`)

// staticSecret is a secret that somebody has written.
type staticSecret struct {
	values   map[string]any
	tags     map[string]string
	id       string
	versions []time.Time
	// deleted is when it was; zero when it was not. What is deleted keeps its name and can be restored (infer: from deletedAt, deletedOnly
	// and permanent, which are exact).
	deleted time.Time
}

type folder struct {
	id      string
	created time.Time
}

// Put writes a static secret at a path, and its folders, as somebody else would. It counts as no write.
func (s *WorkloadCredentials) Put(at string, values map[string]any, tags map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for parent := path.Dir(at); parent != "."; parent = path.Dir(parent) {
		s.folders[parent] = &folder{id: uuid.NewString(), created: s.clock.Now()}
	}
	s.secrets[at] = &staticSecret{values: values, tags: tags, id: uuid.NewString(), versions: []time.Time{s.clock.Now()}}
}

// Remove deletes a static secret, as somebody else would who may want to restore it. It counts as no write.
func (s *WorkloadCredentials) Remove(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[at].deleted = s.clock.Now()
}

// Static returns the values and tags of a static secret; nil when there is none.
func (s *WorkloadCredentials) Static(at string) (values map[string]any, tags map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret := s.living(at)
	if secret == nil {
		return nil, nil
	}
	return maps.Clone(secret.values), maps.Clone(secret.tags)
}

// living returns the secret at a path; nil when there is none, or when it is deleted.
func (s *WorkloadCredentials) living(at string) *staticSecret {
	if secret := s.secrets[at]; secret != nil && secret.deleted.IsZero() {
		return secret
	}
	return nil
}

func (secret *staticSecret) metadata() map[string]any {
	all := map[string]any{
		"id": secret.id, "tags": secret.tags, "version": len(secret.versions), "deletedAt": nil, "createdBy": "somebody",
		"createdAt": secret.versions[0].UTC().Format(time.RFC3339),
	}
	if !secret.deleted.IsZero() {
		all["deletedAt"] = secret.deleted.UTC().Format(time.RFC3339)
	}
	return all
}

// describe is what a list tells of a secret (exact). Paths begin with a slash there.
func (secret *staticSecret) describe(at string) map[string]any {
	var versions []map[string]any
	for i, created := range secret.versions {
		versions = append(versions, map[string]any{"version": i + 1, "createdAt": created.UTC().Format(time.RFC3339), "deletedAt": nil})
	}
	return map[string]any{keyPath: "/" + at, keyType: "static", "metadata": secret.metadata(), "versions": versions}
}

// full is what a read tells of a secret (exact).
func (secret *staticSecret) full(at string) map[string]any {
	all := secret.describe(at)
	all["secret"] = secret.values
	return all
}

func noSecret() (int, any) {
	return http.StatusNotFound, failure("secret_not_found", "secret not found")
}

func (s *WorkloadCredentials) getStatic(r *http.Request) (int, any) {
	secret := s.living(at(r))
	if secret == nil {
		return noSecret()
	}
	return http.StatusOK, secret.full(at(r))
}

func (s *WorkloadCredentials) staticMetadata(r *http.Request) (int, any) {
	secret, ok := s.secrets[at(r)]
	if !ok {
		return noSecret()
	}
	return http.StatusOK, secret.metadata()
}

// listStatic takes the folder under another name than the others do (exact).
func (s *WorkloadCredentials) listStatic(r *http.Request) (int, any) {
	where := strings.Trim(r.URL.Query().Get("path"), "/")
	if where != "" && s.folders[where] == nil {
		return http.StatusNotFound, failure("folder_not_found", "folder not found")
	}
	data := []map[string]any{}
	for _, at := range slices.Sorted(maps.Keys(s.secrets)) {
		parent := path.Dir(at)
		inside := where == "" || strings.HasPrefix(at, where+"/")
		direct := parent == where || parent == "." && where == ""
		deleted := r.URL.Query().Get("deletedOnly") == "true"
		if inside && deleted == (s.living(at) == nil) && (direct || r.URL.Query().Get("recursive") == "true") {
			data = append(data, s.secrets[at].describe(at))
		}
	}
	return http.StatusOK, map[string]any{"data": data}
}

// payload reads the values of a write.
func payload(r *http.Request) (map[string]any, bool) {
	var body struct {
		Secret map[string]any `json:"secret"`
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	return body.Secret, err == nil && body.Secret != nil
}

func (s *WorkloadCredentials) createStatic(r *http.Request) (int, any) {
	name, parent := r.PathValue("name"), path.Dir(at(r))
	values, ok := payload(r)
	switch {
	case !segment.MatchString(name):
		return http.StatusBadRequest, failure("invalid_name", "the name is not valid")
	case !ok || r.Header.Get("Content-Type") != "application/json":
		return http.StatusBadRequest, failure("invalid_request", "the body is not valid")
	case parent != "." && s.folders[parent] == nil: // (unknown)
		return http.StatusNotFound, failure("folder_not_found", "folder not found")
	case s.secrets[at(r)] != nil:
		return http.StatusConflict, failure("already_exists", "secret exists")
	}
	s.counts.Writes++
	s.secrets[at(r)] = &staticSecret{values: values, tags: map[string]string{}, id: uuid.NewString(), versions: []time.Time{s.clock.Now()}}
	return http.StatusCreated, s.secrets[at(r)].full(at(r))
}

// patchStatic takes a merge patch as in RFC 7396 (exact).
func (s *WorkloadCredentials) patchStatic(r *http.Request) (int, any) {
	secret := s.living(at(r))
	patch, ok := payload(r)
	switch {
	case r.Header.Get("Content-Type") != "application/merge-patch+json":
		return http.StatusUnsupportedMediaType, failure("unsupported_media_type", "a merge patch is expected")
	case !ok:
		return http.StatusBadRequest, failure("invalid_request", "the body is not valid")
	case secret == nil:
		return noSecret()
	}
	s.counts.Writes++
	secret.values = merged(secret.values, patch)
	secret.versions = append(secret.versions, s.clock.Now())
	return http.StatusOK, secret.full(at(r))
}

func merged(target, patch map[string]any) map[string]any {
	target = maps.Clone(target)
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		before, wasObject := target[name].(map[string]any)
		switch {
		case value == nil:
			delete(target, name)
		case isObject && wasObject:
			target[name] = merged(before, inner)
		case isObject:
			target[name] = merged(map[string]any{}, inner)
		default:
			target[name] = value
		}
	}
	return target
}

func (s *WorkloadCredentials) deleteStatic(r *http.Request) (int, any) {
	permanent := r.URL.Query().Get("permanent") == "true"
	if s.secrets[at(r)] == nil || s.living(at(r)) == nil && !permanent {
		return noSecret()
	}
	s.counts.Writes++
	if s.secrets[at(r)].deleted = s.clock.Now(); permanent {
		delete(s.secrets, at(r))
	}
	return http.StatusNoContent, nil
}

// tagStatic replaces the tags (infer: since the method is PUT).
func (s *WorkloadCredentials) tagStatic(r *http.Request) (int, any) {
	var tags map[string]string
	if err := json.NewDecoder(r.Body).Decode(&tags); err != nil {
		return http.StatusBadRequest, failure("invalid_request", "the body is not valid")
	}
	secret := s.living(at(r))
	if secret == nil {
		return noSecret()
	}
	s.counts.Writes++
	secret.tags = tags
	return http.StatusOK, secret.metadata()
}

func (f *folder) describe(at string) map[string]any {
	return map[string]any{"id": f.id, keyPath: "/" + at, keyType: "folder", "createdAt": f.created.UTC().Format(time.RFC3339)}
}

func (s *WorkloadCredentials) createFolder(r *http.Request) (int, any) {
	switch parent := path.Dir(at(r)); {
	case !segment.MatchString(r.PathValue("name")):
		return http.StatusBadRequest, failure("invalid_name", "the name is not valid")
	case s.folders[at(r)] != nil:
		return http.StatusConflict, failure("already_exists", "folder exists")
	case parent != "." && s.folders[parent] == nil:
		return http.StatusNotFound, failure("folder_not_found", "folder not found")
	}
	s.counts.Writes++
	s.folders[at(r)] = &folder{id: uuid.NewString(), created: s.clock.Now()}
	return http.StatusCreated, s.folders[at(r)].describe(at(r))
}

func (s *WorkloadCredentials) deleteFolder(r *http.Request) (int, any) {
	if s.folders[at(r)] == nil {
		return http.StatusNotFound, failure("folder_not_found", "folder not found")
	}
	for secret := range s.secrets {
		if strings.HasPrefix(secret, at(r)+"/") {
			return http.StatusConflict, failure("folder_not_empty", "folder is not empty") // (unknown)
		}
	}
	s.counts.Writes++
	delete(s.folders, at(r))
	return http.StatusNoContent, nil
}

func (s *WorkloadCredentials) getFolder(r *http.Request) (int, any) {
	f, ok := s.folders[at(r)]
	if !ok {
		return http.StatusNotFound, failure("folder_not_found", "folder not found")
	}
	return http.StatusOK, f.describe(at(r))
}

func (s *WorkloadCredentials) listFolders(*http.Request) (int, any) {
	data := []map[string]any{}
	for _, at := range slices.Sorted(maps.Keys(s.folders)) {
		data = append(data, s.folders[at].describe(at))
	}
	return http.StatusOK, map[string]any{"data": data}
}
