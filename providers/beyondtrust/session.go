package beyondtrust

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"

	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/internal/fault"
)

// session signs in to Password Safe, once for all calls. It is safe for concurrent use.
type session struct {
	settings

	// Either apiKey is set, or clientID and clientSecret are.
	apiKey, clientID, clientSecret string

	transport http.RoundTripper
	// own says that the transport belongs to this session alone.
	own     bool
	observe func(call string, err error)
	clock   clock.PassiveClock

	// gate is held by who signs in or out, and guards live and failure.
	gate gate
	live *signedIn // nil when not signed in
	// failures counts the sign-ins that failed, and failure is the error of the last one.
	failures atomic.Int64
	failure  error
}

// signedIn is one sign-in. Its HTTP client has the cookie that the server knows it by.
type signedIn struct {
	http *http.Client
	user user
}

// user is who has signed in.
type user struct {
	ID    int    `json:"UserId"`
	Name  string `json:"UserName"`
	Email string `json:"EmailAddress"`
}

// do makes a call within the session. A session that has ended is begun anew: the server has not done anything then.
func (s *session) do(ctx context.Context, c call) (answer, error) {
	live, err := s.current(ctx, nil)
	if err != nil {
		return answer{}, err
	}
	got, err := s.send(ctx, live.http, c)
	if statusOf(err) != http.StatusUnauthorized {
		return got, err
	}
	if live, err = s.current(ctx, live); err != nil {
		return answer{}, err
	}
	if got, err = s.send(ctx, live.http, c); statusOf(err) == http.StatusUnauthorized {
		return got, fault.Wrap(fault.Denied, err, "%s: Password Safe does not know the session that it has just begun: "+
			"a proxy before it may take the cookies away", c.what)
	}
	return got, err
}

// current returns the sign-in that calls are made with now, which is another one than ended. Who waits for a sign-in that fails shares its
// error: many calls at once would otherwise each wait for as long as all before it take to fail.
func (s *session) current(ctx context.Context, ended *signedIn) (*signedIn, error) {
	failures := s.failures.Load()
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	switch {
	case s.live != nil && s.live != ended:
		return s.live, nil
	case s.failures.Load() != failures:
		return nil, s.failure
	}
	fresh, err := s.signIn(ctx)
	s.live = fresh
	if err != nil && ctx.Err() == nil {
		s.failure = err
		s.failures.Add(1)
	}
	return fresh, err
}

// signIn begins a session. Only the sign-in itself carries credentials.
func (s *session) signIn(ctx context.Context) (*signedIn, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fault.Wrap(fault.Unknown, err, "cannot keep cookies")
	}
	fresh := &signedIn{http: &http.Client{
		Transport: s.transport, Jar: jar, Timeout: s.timeout,
		// A redirect would lead to a page for people, or take the credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	authorization := "PS-Auth key=" + s.apiKey
	if s.apiKey == "" {
		token, err := s.token(ctx, fresh.http)
		if err != nil {
			return nil, err
		}
		authorization = "Bearer " + token
	}
	got, err := s.send(ctx, fresh.http, call{
		name: "SignAppIn", what: "sign in", method: http.MethodPost, path: "Auth/SignAppIn", authorization: authorization,
	})
	if err != nil {
		return nil, refusedSignIn(err, "auth.apiKey is wrong, has no user to run as, or may not be used from the operator's address")
	}
	if err := got.decode("sign in", &fresh.user); err != nil {
		return nil, err
	}
	return fresh, nil
}

// token requests an access token for the client's credentials.
func (s *session) token(ctx context.Context, with *http.Client) (string, error) {
	const what = "request an access token"
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.clientID}, "client_secret": {s.clientSecret}}
	got, err := s.send(ctx, with, call{
		name: "GetToken", what: what, method: http.MethodPost, path: "Auth/connect/token",
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	})
	if err != nil {
		return "", refusedSignIn(err, "auth.clientId and auth.clientSecret are wrong, or are not those of an application user")
	}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := got.decode(what, &granted); err != nil {
		return "", err
	}
	if granted.AccessToken == "" || strings.ContainsAny(granted.AccessToken, "\r\n") {
		return "", fault.New(fault.Unavailable, "%s: the answer holds none", what)
	}
	return granted.AccessToken, nil
}

// refusedSignIn says what is wrong when credentials are not accepted. A token is refused as OAuth has it, with status 400.
func refusedSignIn(err error, because string) error {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return fault.Wrap(fault.Denied, err, "Password Safe refuses to let the store sign in: %s.%s", specPath, because)
	default:
		return err
	}
}

// close signs out.
func (s *session) close(ctx context.Context) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.live == nil {
		return nil
	}
	_, err := s.send(ctx, s.live.http, call{name: "SignOut", what: "sign out", method: http.MethodPost, path: "Auth/Signout"})
	if s.own {
		s.live.http.CloseIdleConnections()
	}
	s.live = nil
	if statusOf(err) == http.StatusUnauthorized {
		return nil // the session had ended
	}
	return err
}

// decode reads JSON; what is the call in words. The decoder's own error quotes what it reads.
func (a answer) decode(what string, into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s: the answer is not what Password Safe gives: check %s.server.apiUrl and apiVersion",
			what, specPath)
	}
	return nil
}
