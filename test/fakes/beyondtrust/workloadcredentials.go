package beyondtrust

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"

	"k8s.io/utils/clock"
)

// APIVersion is what the header bt-secrets-api-version must say (exact).
const APIVersion = "2026-04-28"

// Names of fields that many answers have.
const (
	keyPath = "path"
	keyType = "type"
)

// WorkloadCredentials is a server of the Workload Credentials API for one site, over TLS. It is safe for concurrent use.
type WorkloadCredentials struct {
	*httptest.Server

	site, token string
	clock       clock.PassiveClock

	mu       sync.Mutex
	secrets  map[string]*staticSecret
	folders  map[string]*folder
	dynamics map[string]Dynamic
	leases   map[string]*Lease
	issued   []*Lease
	counts   Counts
	troubles []trouble
	denied   []string
}

// Counts are what has happened so far.
type Counts struct {
	// Requests is how many were answered, or were left without an answer on purpose.
	Requests int
	// Minted is how many dynamic secrets were generated.
	Minted int
	// Revoked is how many leases were given back before they ended.
	Revoked int
	// Expired is how many leases have ended by themselves by now.
	Expired int
	// Live is how many leases are in force.
	Live int
	// Writes is how many requests changed a static secret, its tags or a folder.
	Writes int
}

// NewWorkloadCredentials starts a server of the site, a UUID, that accepts the token. Leases begin and end by the clock. The caller
// closes it.
func NewWorkloadCredentials(site, token string, now clock.PassiveClock) *WorkloadCredentials {
	s := &WorkloadCredentials{
		site: site, token: token, clock: now,
		secrets: map[string]*staticSecret{}, folders: map[string]*folder{}, dynamics: map[string]Dynamic{}, leases: map[string]*Lease{},
	}
	s.Server = httptest.NewUnstartedServer(s.troubled(s.guarded(s.routes())))
	// What clients do on purpose, such as to distrust the certificate, is no news.
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

// APIURL is what spec.provider.server.apiUrl must say.
func (s *WorkloadCredentials) APIURL() string { return s.URL + "/site" }

// Authority is the certificate authority of the server, in PEM.
func (s *WorkloadCredentials) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// SetToken changes the token that is accepted, as if the old one had expired.
func (s *WorkloadCredentials) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Deny takes rights away from the token: a right is a method and how a path below the site ends or begins, such as "DELETE /leases"
// or "PUT /metadata/tags". Without rights, it gives all back.
func (s *WorkloadCredentials) Deny(rights ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = rights
}

// denies reports whether the token lacks the right to a request.
func (s *WorkloadCredentials) denies(r *http.Request) bool {
	_, below, _ := strings.Cut(r.URL.Path, "/secrets")
	return slices.ContainsFunc(s.denied, func(right string) bool {
		method, part, _ := strings.Cut(right, " ")
		return method == r.Method && (strings.HasPrefix(below, part) || strings.HasSuffix(below, part))
	})
}

// Counts returns what has happened so far. Minted is always the sum of Live, Revoked and Expired.
func (s *WorkloadCredentials) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	counts.Minted = len(s.issued)
	for _, l := range s.issued {
		switch {
		case !l.Revoked.IsZero():
			counts.Revoked++
		case l.live(s.clock.Now()):
			counts.Live++
		default:
			counts.Expired++
		}
	}
	return counts
}

// routes are the paths of the API. The base is {apiUrl}/{siteId}/secrets (exact).
func (s *WorkloadCredentials) routes() http.Handler {
	mux, base := http.NewServeMux(), "/site/"+s.site+"/secrets"
	handle := func(method, pattern string, f func(*http.Request) (int, any)) {
		mux.HandleFunc(method+" "+base+pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			status, body := f(r)
			s.mu.Unlock()
			// What the server says of the time is what it lives by.
			w.Header().Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
			answer(w, status, body)
		})
	}
	handle(http.MethodGet, "/session", func(*http.Request) (int, any) { return http.StatusOK, map[string]bool{"valid": true} })

	handle(http.MethodGet, "/static", s.listStatic)
	handle(http.MethodGet, "/static/{name}", s.getStatic)
	handle(http.MethodPost, "/static/{name}", s.createStatic)
	handle(http.MethodPatch, "/static/{name}", s.patchStatic)
	handle(http.MethodDelete, "/static/{name}", s.deleteStatic)
	handle(http.MethodGet, "/static/{name}/metadata", s.staticMetadata)
	handle(http.MethodPut, "/static/{name}/metadata/tags", s.tagStatic)

	handle(http.MethodGet, "/folders", s.listFolders)
	handle(http.MethodPost, "/folders/{name}", s.createFolder)
	handle(http.MethodDelete, "/folders/{name}", s.deleteFolder)
	handle(http.MethodGet, "/folders/{name}/metadata", s.getFolder)

	handle(http.MethodPost, "/dynamic/{name}", s.define)
	handle(http.MethodGet, "/dynamic/{name}", s.definition)
	handle(http.MethodDelete, "/dynamic/{name}", s.undefine)
	handle(http.MethodPost, "/dynamic/{name}/generate", s.generate)
	handle(http.MethodGet, "/leases/id/{lease}", s.readLease)
	handle(http.MethodDelete, "/leases/id/{lease}", s.revoke)

	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, failure("not_found", "no such resource"))
	})
	return mux
}

// guarded lets requests through that have the headers that the API asks for. Without the version it fails as if the credentials
// were wrong (3p).
func (s *WorkloadCredentials) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		token, denied := s.token, s.denies(r)
		s.mu.Unlock()
		switch {
		case r.Header.Get("Bt-Secrets-Api-Version") != APIVersion, r.Header.Get("Authorization") != "Bearer "+token:
			answer(w, http.StatusUnauthorized, failure("unauthorized", "authentication failed"))
		case denied:
			answer(w, http.StatusForbidden, failure("forbidden", "the token does not have this right"))
		case r.Header.Get("Accept") != "application/json":
			answer(w, http.StatusNotAcceptable, failure("not_acceptable", "only application/json is served"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// at is the place that a request is about: its name in the folder of the query.
func at(r *http.Request) string {
	return path.Join(strings.Trim(r.URL.Query().Get("folder"), "/"), r.PathValue("name"))
}

// failure is the body of an error: newer ones have a code and a message (3p), older ones an error and a message (exact). Both are
// told, as clients must understand either.
func failure(code, message string) map[string]any {
	return map[string]any{"code": code, "error": code, "message": message}
}

func answer(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // a client that has gone away does not care
}
