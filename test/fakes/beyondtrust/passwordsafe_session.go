package beyondtrust

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// sessionCookie carries the session after the sign-in (exact: clients keep a cookie jar; its name is that of ASP.NET, infer).
	sessionCookie = "ASP.NET_SessionId"
	// sessionIdle is after how long without a call a session ends (doc).
	sessionIdle = 20 * time.Minute
)

// token gives an access token for the client's credentials (exact).
func (s *PasswordSafe) token(r *http.Request) safeAnswer {
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.FormValue("grant_type") != "client_credentials" {
		return safeAnswer{status: http.StatusBadRequest, body: map[string]string{"error": "unsupported_grant_type"}}
	}
	if r.FormValue("client_id") != PasswordSafeClientID || r.FormValue("client_secret") != PasswordSafeClientSecret {
		return safeAnswer{status: http.StatusBadRequest, body: map[string]string{"error": "invalid_client"}} // 400: infer, as OAuth has it
	}
	token := fmt.Sprintf("access-token-%d", s.next())
	s.tokens[token] = true
	return safeAnswer{status: http.StatusOK, body: map[string]any{
		"access_token": token, "expires_in": 600, "token_type": "Bearer", "scope": "publicapi",
	}}
}

// signIn opens a session for an access token, or for an API key with or without the user it runs as (exact).
func (s *PasswordSafe) signIn(r *http.Request) safeAnswer {
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key, isKey := strings.CutPrefix(credential, "key=")
	switch {
	case scheme == "Bearer" && s.tokens[credential]:
	case scheme == "PS-Auth" && isKey && (key == PasswordSafeAPIKey || key == PasswordSafeAPIKey+PasswordSafeRunAs):
	default:
		return refused(http.StatusUnauthorized, "the credentials %q are not known", credential)
	}
	session := fmt.Sprintf("session-%d", s.next())
	s.sessions[session] = s.clock.Now()
	s.signIns++
	return safeAnswer{
		status: http.StatusOK,
		cookie: &http.Cookie{
			Name: sessionCookie, Value: session, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		},
		body: map[string]any{"UserId": 7, "UserName": "sluice", "Name": "Sluice", "EmailAddress": "sluice@example.com"},
	}
}

func (s *PasswordSafe) signOut(r *http.Request) safeAnswer {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		delete(s.sessions, cookie.Value)
	}
	s.signOuts++
	return safeAnswer{status: http.StatusOK}
}

// resume reports whether a call belongs to a session, which goes on with it.
func (s *PasswordSafe) resume(r *http.Request) bool {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	if _, open := s.sessions[cookie.Value]; open {
		s.sessions[cookie.Value] = s.clock.Now()
		return true
	}
	return false
}

// expire ends what has been idle, or open, for too long.
func (s *PasswordSafe) expire() {
	for session, used := range s.sessions {
		if s.clock.Since(used) >= sessionIdle {
			delete(s.sessions, session)
		}
	}
	for id, request := range s.requests {
		if s.clock.Now().After(request.ends) {
			delete(s.requests, id)
		}
	}
}
