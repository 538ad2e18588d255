package beyondtrust

import (
	"net/http"
	"strings"
)

// PasswordSafeFailure is a way in which a call fails. Exactly one of the ways is to be chosen.
type PasswordSafeFailure struct {
	// Status is answered, with a text that quotes the call, as the server's own texts do.
	Status int
	// RetryAfter is the header of that name beside Status.
	RetryAfter string
	// Hangs answers nothing until the client leaves.
	Hangs bool
	// Cut ends the connection in the middle of the answer.
	Cut bool
	// Body is answered with status 200 in place of what was asked for.
	Body string
	// Oversized answers with 200 and more than any client reads.
	Oversized bool
	// HTML answers with a page that has nothing to do with the API, with Status.
	HTML bool
	// Text takes the place of the text beside Status.
	Text string
	// Times is how often the call fails; always when 0.
	Times int
}

// Fail makes a call, by its name, fail from now on. Recover ends that.
func (s *PasswordSafe) Fail(call string, failure PasswordSafeFailure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[call] = &failure
}

// Recover makes every call work again.
func (s *PasswordSafe) Recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.failures)
}

// failing returns how a call fails now, nil when it does not.
func (s *PasswordSafe) failing(call string) *PasswordSafeFailure {
	failure := s.failures[call]
	if failure == nil {
		return nil
	}
	if failure.Times--; failure.Times == 0 {
		delete(s.failures, call)
	}
	return failure
}

// oversize is beyond the largest file, which has 5,000,000 bytes.
const oversize = 6_000_000

func (f *PasswordSafeFailure) answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Hangs:
		<-r.Context().Done()
	case f.Cut:
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`[{"Id":`))
		panic(http.ErrAbortHandler)
	case f.Oversized:
		_, _ = w.Write([]byte(`"` + strings.Repeat("a", oversize) + `"`))
	case f.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte("<html>not here</html>"))
	case f.Status != 0:
		if f.Status >= 300 && f.Status < 400 {
			w.Header().Set("Location", "/login")
		}
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		w.WriteHeader(f.Status)
		if f.Text != "" {
			_, _ = w.Write([]byte(f.Text))
			return
		}
		_, _ = w.Write([]byte(r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + r.Header.Get("Cookie"))) //nolint:gosec // no browser
	default:
		_, _ = w.Write([]byte(f.Body))
	}
}
