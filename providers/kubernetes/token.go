package kubernetes

import (
	"context"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/providers"
)

// renewAfter is the part of a token's life, in percent, after which the next one is requested.
const renewAfter = 80

// tokenSource keeps one token and renews it before its end.
type tokenSource struct {
	request func(context.Context) (providers.Token, error)
	clock   clock.PassiveClock

	mu      sync.Mutex
	current providers.Token
	renewAt time.Time
}

// token returns a token that is still valid. A renewal that fails is no error while the old token lives.
func (s *tokenSource) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if now.Before(s.renewAt) {
		return s.current.Value, nil
	}
	next, err := s.request(ctx)
	if err != nil {
		if s.current.Value != "" && now.Before(s.current.ExpiresAt) {
			return s.current.Value, nil
		}
		return "", err
	}
	s.current, s.renewAt = next, now.Add(next.ExpiresAt.Sub(now)*renewAfter/100)
	return next.Value, nil
}

// discard forgets a token that the server refused, unless it has been renewed since.
func (s *tokenSource) discard(refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Value == refused {
		s.current, s.renewAt = providers.Token{}, time.Time{}
	}
}

// tokenTransport sends the token of its source with each request.
type tokenTransport struct {
	base   http.RoundTripper
	source *tokenSource
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := t.source.token(request.Context())
	if err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := t.base.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusUnauthorized {
		t.source.discard(token)
	}
	return response, err
}
