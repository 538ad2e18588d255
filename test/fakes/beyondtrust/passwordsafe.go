package beyondtrust

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// The credentials that a PasswordSafe takes.
const (
	PasswordSafeAPIKey = "an-api-key-of-a-registration-is-long-" + "0123456789abcdef0123456789abcdef0123456789abcdef" +
		"0123456789abcdef0123456789abcdef0123456789abcdef"
	PasswordSafeRunAs        = "; runas=sluice;"
	PasswordSafeClientID     = "6138d050-e266-4b05-9ced-35e7dd5093ae"
	PasswordSafeClientSecret = "the-client-secret-of-an-application-user"
)

// passwordSafeBase is where the API is. The paths of the server do not care for upper and lower case (doc).
const passwordSafeBase = "/BeyondTrust/api/public/v3"

// PasswordSafe is a Password Safe server in memory, over TLS: what clients for Secrets Safe and managed accounts use of its API. It is
// safe for concurrent use.
type PasswordSafe struct {
	server *httptest.Server
	clock  clock.PassiveClock

	mu                sync.Mutex
	needsCertificate  bool
	failures          map[string]*PasswordSafeFailure
	calls             map[string]int
	serial            int
	tokens            map[string]bool
	sessions          map[string]time.Time // when each was last used
	accounts          []*safeAccount
	requests          map[int]*safeRequest
	folders           []*safeFolder
	secrets           []*safeSecret
	signIns, signOuts int
	opened, writes    int
}

// NewPasswordSafe starts an empty server, which tells the time by the given clock. It must be closed.
func NewPasswordSafe(now clock.PassiveClock) *PasswordSafe {
	s := &PasswordSafe{
		clock: now, failures: map[string]*PasswordSafeFailure{}, calls: map[string]int{}, tokens: map[string]bool{},
		sessions: map[string]time.Time{}, requests: map[int]*safeRequest{},
	}
	mux := http.NewServeMux()
	for pattern, route := range s.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+strings.ToLower(passwordSafeBase)+path, s.serve(route))
	}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.ToLower(r.URL.Path)
		mux.ServeHTTP(w, r)
	}))
	s.server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that trust the server not
	s.server.StartTLS()
	return s
}

// Close stops the server.
func (s *PasswordSafe) Close() { s.server.Close() }

// URL returns the address of the API.
func (s *PasswordSafe) URL() string { return s.server.URL + passwordSafeBase }

// Authority returns the PEM of the certificate authority that signed the server's certificate.
func (s *PasswordSafe) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}

// RequireClientCertificate makes the server refuse every call over a connection without a client certificate.
func (s *PasswordSafe) RequireClientCertificate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.needsCertificate = true
}

// EndSessions ends every session, as a restart of the server does.
func (s *PasswordSafe) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// PasswordSafeCounts is what a server has been asked for, and what it holds open.
type PasswordSafeCounts struct {
	// SignIns and SignOuts that succeeded, and the Sessions that are open now.
	SignIns, SignOuts, Sessions int
	// Requests for managed accounts that were opened, and those that are OpenRequests now.
	Requests, OpenRequests int
	// Writes are secrets that were created, updated or deleted.
	Writes int
}

// Counts returns what the server has been asked for so far.
func (s *PasswordSafe) Counts() PasswordSafeCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return PasswordSafeCounts{
		SignIns: s.signIns, SignOuts: s.signOuts, Sessions: len(s.sessions),
		Requests: s.opened, OpenRequests: len(s.requests), Writes: s.writes,
	}
}

// Calls returns how often a call was made, failed ones included. Its name is one of the constants of calls.
func (s *PasswordSafe) Calls(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

// The calls of the API, by the names that Fail and Calls know.
const (
	CallToken        = "token"
	CallSignIn       = "sign in"
	CallSignOut      = "sign out"
	CallFindAccount  = "find account"
	CallRequest      = "request"
	CallCredential   = "credential"
	CallCheckIn      = "check in"
	CallFindSecret   = "find secret"
	CallDownload     = "download"
	CallFolders      = "folders"
	CallCreateSecret = "create secret"
	CallUpdateSecret = "update secret"
	CallDeleteSecret = "delete secret"
)

// safeRoute is a call of the API.
type safeRoute struct {
	name string
	// outside says that the call needs no session.
	outside bool
	// answer is called with the mutex held.
	answer func(r *http.Request) safeAnswer
}

// safeAnswer is what a call is answered with: JSON, or raw content.
type safeAnswer struct {
	status int
	body   any
	raw    []byte
	cookie *http.Cookie
}

func (s *PasswordSafe) routes() map[string]safeRoute {
	return map[string]safeRoute{
		"POST /auth/connect/token":                         {CallToken, true, s.token},
		"POST /auth/signappin":                             {CallSignIn, true, s.signIn},
		"POST /auth/signout":                               {CallSignOut, false, s.signOut},
		"GET /managedaccounts":                             {CallFindAccount, false, s.findAccount},
		"POST /requests":                                   {CallRequest, false, s.request},
		"GET /credentials/{request}":                       {CallCredential, false, s.credential},
		"PUT /requests/{request}/checkin":                  {CallCheckIn, false, s.checkIn},
		"GET /secrets-safe/secrets":                        {CallFindSecret, false, s.findSecret},
		"GET /secrets-safe/secrets/{secret}/file/download": {CallDownload, false, s.download},
		"GET /secrets-safe/folders/{$}":                    {CallFolders, false, s.listFolders},
		"POST /secrets-safe/folders/{folder}/secrets":      {CallCreateSecret, false, s.create(kindCredential)},
		"POST /secrets-safe/folders/{folder}/secrets/text": {CallCreateSecret, false, s.create(kindText)},
		"POST /secrets-safe/folders/{folder}/secrets/file": {CallCreateSecret, false, s.create(kindFile)},
		"PUT /secrets-safe/secrets/{secret}":               {CallUpdateSecret, false, s.update(kindCredential)},
		"PUT /secrets-safe/secrets/{secret}/text":          {CallUpdateSecret, false, s.update(kindText)},
		"PUT /secrets-safe/secrets/{secret}/file":          {CallUpdateSecret, false, s.update(kindFile)},
		"DELETE /secrets-safe/secrets/{secret}":            {CallDeleteSecret, false, s.remove},
	}
}

// serve wraps a call with what is the same for all: failures on demand, the client certificate and the session.
func (s *PasswordSafe) serve(route safeRoute) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[route.name]++
		failure := s.failing(route.name)
		s.mu.Unlock()
		if failure != nil {
			failure.answer(w, r)
			return
		}
		s.mu.Lock()
		s.expire()
		answer := safeAnswer{status: http.StatusUnauthorized, body: "the session has ended, or there was none"}
		switch {
		case s.needsCertificate && len(r.TLS.PeerCertificates) == 0:
			answer = refused(http.StatusForbidden, "a client certificate is required")
		case route.outside || s.resume(r):
			answer = route.answer(r)
		}
		s.mu.Unlock()
		answer.write(w)
	}
}

func refused(status int, format string, args ...any) safeAnswer {
	return safeAnswer{status: status, body: fmt.Sprintf(format, args...)}
}

func (a safeAnswer) write(w http.ResponseWriter) {
	if a.cookie != nil {
		http.SetCookie(w, a.cookie)
	}
	switch {
	case a.raw != nil:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.raw)
	case a.body != nil:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(a.status)
		_ = json.NewEncoder(w).Encode(a.body) //nolint:errchkjson // every answer has a JSON form
	default:
		w.WriteHeader(a.status)
	}
}

// next returns a number that was not given before.
func (s *PasswordSafe) next() int {
	s.serial++
	return s.serial
}

// identifier returns a new identifier in the form of a GUID.
func (s *PasswordSafe) identifier() string {
	return fmt.Sprintf("%08x-0000-4000-8000-000000000000", s.next())
}
