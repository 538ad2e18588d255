package kubernetes

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-operator/sluice/internal/fault"
)

func TestExplain(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	op := operation{call: callGet, verb: "get", resource: "secrets", namespace: "ns", name: "x"}
	forbidden := func(text string) error { return apierrors.NewForbidden(secrets, "x", errors.New(text)) }
	sent := func(err error) error { return &url.Error{Op: "Get", URL: "https://api/?token=s3cr3t", Err: err} }
	foreign := func(code int) error {
		return apierrors.NewGenericServerResponse(code, "GET", secrets, "x", "<html>s3cr3t</html>", 7, true)
	}
	terminating := apierrors.NewForbidden(secrets, "x", errors.New("terminating"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, tc := range []struct {
		reason string
		err    error
		kind   fault.Kind
		want   string
	}{
		{"absent", apierrors.NewNotFound(secrets, "x"), fault.NotFound, `secret "x" does not exist in namespace "ns"`},
		{
			"a 404 of something that is not the API says nothing about the secret", foreign(404),
			fault.Unavailable, "get secret \"x\" in namespace \"ns\": https://api gives an answer with status 404 that is not one of a Kubernetes API server",
		},
		{
			"a 404 about something else neither", apierrors.NewNotFound(schema.GroupResource{Resource: "widgets"}, "x"),
			fault.Unavailable, "does not know this part",
		},
		{
			"absent namespace", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "ns"),
			fault.Unavailable, "the namespace does not exist",
		},
		{"bad credentials", apierrors.NewUnauthorized("s3cr3t"), fault.Denied, "refuses the store's credentials"},
		{"a proxy refuses", foreign(403), fault.Denied, "https://api refuses the store's credentials with status 403"},
		{
			"missing right", forbidden(`User "system:serviceaccount:a:b" cannot get resource "secrets" in API group "" in the namespace "ns"`), fault.Denied,
			`the store's identity "system:serviceaccount:a:b" may not get secrets in namespace "ns": grant it the verb "get"`,
		},
		{
			"an admission webhook may quote a value", forbidden(`admission webhook "w" denied the request: s3cr3t`),
			fault.Denied, "by a quota or an admission rule",
		},
		{"namespace in deletion", terminating, fault.Denied, "the namespace is being deleted"},
		{"throttled", apierrors.NewTooManyRequests("s3cr3t", 7), fault.Throttled, "asks for fewer calls"},
		{"throttled by a proxy", foreign(429), fault.Throttled, "asks for fewer calls"},
		{"stale", apierrors.NewConflict(secrets, "x", errors.New("s3cr3t")), fault.Unavailable, "changed by others all the time"},
		{"broken server", apierrors.NewInternalError(errors.New("s3cr3t")), fault.Unavailable, "failed with status 500"},
		{"server timeout", apierrors.NewServerTimeout(secrets, "get", 1), fault.Unavailable, "failed with status 500"},
		{"timeout of the gateway", apierrors.NewTimeoutError("s3cr3t", 1), fault.Unavailable, "failed with status 504"},
		{"expired list", apierrors.NewResourceExpired("s3cr3t"), fault.Unavailable, "the list changed too much"},
		{
			"validation errors quote values",
			apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "x", field.ErrorList{
				field.Required(field.NewPath("data").Key("tls.crt"), ""), field.Invalid(field.NewPath("metadata", "labels"), "s3cr3t", "s3cr3t"),
			}),
			fault.Invalid, "status 422: data[tls.crt] (Required), metadata.labels (Invalid)",
		},
		{"too large", apierrors.NewRequestEntityTooLargeError("s3cr3t"), fault.Invalid, "status 413"},
		{
			"unknown authority", sent(x509.UnknownAuthorityError{}),
			fault.Unavailable, "https://api cannot be reached: its certificate is signed by an unknown authority: check server.caBundle or server.caProvider",
		},
		{"wrong name", sent(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}), fault.Unavailable, "not valid for this name"},
		{
			"refused", sent(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
			fault.Unavailable, "connection refused",
		},
		{"no such host", sent(&net.DNSError{Err: "no such host", Name: "s3cr3t"}), fault.Unavailable, "the name cannot be resolved"},
		{"no answer", sent(context.DeadlineExceeded), fault.Unavailable, "no answer in time"},
		{"no answer before a request was sent", context.DeadlineExceeded, fault.Unavailable, "no answer in time"},
		{"cancelled", sent(context.Canceled), fault.Unavailable, "was cancelled"},
		{"an answer that cannot be read", errors.New("json: s3cr3t"), fault.Unavailable, "cannot be read"},
		{"what the resolver said stays", sent(fault.New(fault.Invalid, "no such account")), fault.Invalid, "no such account"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := explain(tc.err, op, "https://api")
			if fault.KindOf(got) != tc.kind || !strings.Contains(fault.Message(got), tc.want) {
				t.Errorf("explain gives %s %q, want %s %q", fault.KindOf(got), fault.Message(got), tc.kind, tc.want)
			}
			if strings.Contains(fault.Message(got), "s3cr3t") {
				t.Error("the message quotes a foreign text")
			}
			if !errors.Is(got, tc.err) {
				t.Error("the cause is lost")
			}
			if tc.kind == fault.Throttled && fault.RetryAfter(got) != 7*time.Second {
				t.Errorf("RetryAfter is %s, want 7s", fault.RetryAfter(got))
			}
		})
	}
}

func TestExplainKeepsAFieldConflict(t *testing.T) {
	err := apierrors.NewApplyConflict([]metav1.StatusCause{
		{Type: metav1.CauseTypeFieldManagerConflict, Field: ".data.tls.crt", Message: `conflict with "kubectl \"x\"" using v1`},
		{Type: metav1.CauseTypeFieldManagerConflict, Field: ".metadata.labels.app.kubernetes.io/name", Message: `something new`},
	}, "s3cr3t")
	got := conflicts(explain(fmt.Errorf("apply: %w", err), operation{}, "https://api"))
	want := []conflict{{".data.tls.crt", `kubectl "x"`}, {".metadata.labels.app.kubernetes.io/name", "unknown"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("conflicts gives %v, want %v", got, want)
	}
	if got[0].String() != `key "tls.crt"` || got[1].String() != `label "app.kubernetes.io/name"` {
		t.Errorf("the fields are called %q and %q", got[0], got[1])
	}
	plain := apierrors.NewGenericServerResponse(http.StatusConflict, "PATCH", schema.GroupResource{}, "", "", 0, false)
	if stale := explain(plain, operation{}, ""); !errors.Is(stale, errStale) {
		t.Errorf("a conflict without fields is %v, want a stale one", stale)
	}
}
