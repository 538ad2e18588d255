package fault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-operator/sluice/internal/fault"
)

func TestConnection(t *testing.T) {
	advice := fault.Advice{Authority: "check the bundle", Timeout: "check the firewall"}
	unverified := func(cause error) error { return &tls.CertificateVerificationError{Err: cause} }
	for _, tt := range []struct {
		reason string
		err    error
		advice fault.Advice
		want   string
	}{
		{
			"nobody vouches for it", unverified(x509.UnknownAuthorityError{}), advice,
			"its certificate is signed by an unknown authority: check the bundle",
		},
		{"another name", unverified(x509.HostnameError{}), advice, "its certificate is not valid for this name"},
		{"too old", unverified(x509.CertificateInvalidError{}), advice, "its certificate cannot be verified: it may have expired"},
		{"no TLS, as a dialer says it", tls.RecordHeaderError{}, advice, "it does not speak TLS"},
		{"no TLS, as a transport says it", http.ErrSchemeMismatch, advice, "it does not speak TLS"},
		{"no name", &net.DNSError{}, advice, "the name cannot be resolved"},
		{"nobody listens", &net.OpError{Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, advice, "connection refused"},
		{"interrupted", context.Canceled, advice, "the request was interrupted"},
		{"too slow", context.DeadlineExceeded, advice, "no answer in time: check the firewall"},
		{"too slow for the transport", os.ErrDeadlineExceeded, advice, "no answer in time: check the firewall"},
		{"too slow, without advice", context.DeadlineExceeded, fault.Advice{}, "no answer in time"},
		{"anything else", errors.New(marked), advice, "the connection failed"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			err := &url.Error{Op: "Get", URL: "https://" + marked, Err: tt.err}
			if got := fault.Connection(err, tt.advice); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for header, want := range map[string]time.Duration{
		"": 0, "17": 17 * time.Second, "soon": 0, "-1": 0,
		now.Add(time.Minute).UTC().Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).UTC().Format(http.TimeFormat): 0,
	} {
		if got := fault.ParseRetryAfter(header, now); got != want {
			t.Errorf("Retry-After %q is %s, want %s", header, got, want)
		}
	}
}
