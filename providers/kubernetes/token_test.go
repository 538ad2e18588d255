package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/sluice-operator/sluice/providers"
)

// issuer issues tokens token-1, token-2 and so on, each valid for an hour.
type issuer struct {
	clock  *clocktesting.FakeClock
	issued int
	err    error
}

func (i *issuer) request(context.Context) (providers.Token, error) {
	if i.err != nil {
		return providers.Token{}, i.err
	}
	i.issued++
	return providers.Token{Value: fmt.Sprintf("token-%d", i.issued), ExpiresAt: i.clock.Now().Add(time.Hour)}, nil
}

func TestTokenSource(t *testing.T) {
	down := errors.New("down")
	for _, tc := range []struct {
		reason string
		age    time.Duration
		err    error
		refuse string
		want   string
	}{
		{reason: "a young token is used again", age: 47 * time.Minute, want: "token-1"},
		{reason: "it is renewed before its end", age: 49 * time.Minute, want: "token-2"},
		{reason: "a renewal that fails is no error while the old one lives", age: 49 * time.Minute, err: down, want: "token-1"},
		{reason: "an expired token is never used", age: time.Hour, err: down, want: ""},
		{reason: "a refused token is not used again", refuse: "token-1", want: "token-2"},
		{reason: "a refusal of an older token changes nothing", refuse: "token-0", want: "token-1"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			i := &issuer{clock: clocktesting.NewFakeClock(time.Unix(1e9, 0))}
			source := &tokenSource{clock: i.clock, request: i.request}
			if first, err := source.token(t.Context()); first != "token-1" || err != nil {
				t.Fatalf("the first token is %q, %v", first, err)
			}
			i.clock.Step(tc.age)
			i.err = tc.err
			source.discard(tc.refuse)
			if got, err := source.token(t.Context()); got != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("the next token is %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestTokenTransportDropsARefusedToken(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if len(seen) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	i := &issuer{clock: clocktesting.NewFakeClock(time.Unix(1e9, 0))}
	client := http.Client{Transport: &tokenTransport{base: http.DefaultTransport, source: &tokenSource{clock: i.clock, request: i.request}}}
	for range 2 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	if len(seen) != 2 || seen[0] != "Bearer token-1" || seen[1] != "Bearer token-2" {
		t.Errorf("the server saw %q, want a new token after the refusal", seen)
	}
}
