package beyondtrust

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// oversized is larger than what a client may read of an answer: 10 MiB (exact).
const oversized = 10<<20 + 1

// trouble answers a request in another way than the server would, with which it may ask.
type trouble func(w http.ResponseWriter, r *http.Request, server http.Handler)

// FailStatus lets the next requests fail with a status, and a header Retry-After if it is not empty.
func (s *WorkloadCredentials) FailStatus(requests, status int, retryAfter string) {
	s.fail(requests, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		answer(w, status, map[string]any{"error": http.StatusText(status), "message": "on demand", "details": map[string]any{}})
	})
}

// FailBody lets the next requests be answered with a status and a body.
func (s *WorkloadCredentials) FailBody(requests, status int, body string) {
	s.fail(requests, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	})
}

// FailSlow lets the next requests wait until the client gives up.
func (s *WorkloadCredentials) FailSlow(requests int) {
	s.fail(requests, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() })
}

// FailCut cuts the connections of the next requests in the middle of the answer, before anything was done.
func (s *WorkloadCredentials) FailCut(requests int) {
	s.fail(requests, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Length", "1000")
		_, _ = fmt.Fprint(w, `{"secret":{"accessKeyId":"ASIA`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// FailLost does what the next requests ask for, and cuts their connections without an answer.
func (s *WorkloadCredentials) FailLost(requests int) {
	s.fail(requests, func(_ http.ResponseWriter, r *http.Request, server http.Handler) {
		server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

// FailOversized lets the next requests be answered with more than a client may read.
func (s *WorkloadCredentials) FailOversized(requests int) {
	s.FailBody(requests, http.StatusOK, `{"secret":{"accessKeyId":"`+strings.Repeat("A", oversized)+`"}}`)
}

// Mend lets no further requests fail.
func (s *WorkloadCredentials) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
}

func (s *WorkloadCredentials) fail(requests int, t trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range requests {
		s.troubles = append(s.troubles, t)
	}
}

func (s *WorkloadCredentials) troubled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		var first trouble
		s.counts.Requests++
		if len(s.troubles) > 0 {
			first, s.troubles = s.troubles[0], s.troubles[1:]
		}
		s.mu.Unlock()
		if first != nil {
			first(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}
