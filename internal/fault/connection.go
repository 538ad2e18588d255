package fault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Advice is what to do about a connection that failed. It follows a colon.
type Advice struct {
	// Authority is for a certificate that is signed by an unknown authority.
	Authority string
	// Timeout is for an answer that does not come in time; there may be none.
	Timeout string
}

// Connection says in plain words why a server gave no answer, or not all of it. The error itself quotes the URL.
func Connection(err error, advice Advice) string {
	var unknownAuthority x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &unknownAuthority):
		return "its certificate is signed by an unknown authority: " + advice.Authority
	case errors.As(err, &wrongName):
		return "its certificate is not valid for this name"
	case errors.As(err, &certificate):
		return "its certificate cannot be verified: it may have expired"
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.Canceled):
		return "the request was interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		if advice.Timeout == "" {
			return "no answer in time"
		}
		return "no answer in time: " + advice.Timeout
	default:
		return "the connection failed"
	}
}

// ParseRetryAfter returns the wait that the header Retry-After asks for, in seconds or as a time; zero when it asks for none.
func ParseRetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}
