package beyondtrust_test

import (
	"fmt"
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

// TestFailures lets every call fail in every way. None may look like an absent secret.
func TestFailures(t *testing.T) {
	calls := map[string][]func(*esv1.BeyondtrustProvider){
		fakes.CallToken: {oauth}, fakes.CallSignIn: nil, fakes.CallFindSecret: nil, fakes.CallDownload: nil,
		fakes.CallFindAccount: {accounts}, fakes.CallRequest: {accounts}, fakes.CallCredential: {accounts},
	}
	ways := []struct {
		name    string
		failure fakes.PasswordSafeFailure
		kind    fault.Kind
		says    string
	}{
		{"408", fakes.PasswordSafeFailure{Status: 408}, fault.Unavailable, "failed (status 408)"},
		{"429", fakes.PasswordSafeFailure{Status: 429, RetryAfter: "17"}, fault.Throttled, "asks for fewer calls"},
		{"500", fakes.PasswordSafeFailure{Status: 500}, fault.Unavailable, "failed (status 500)"},
		{"503", fakes.PasswordSafeFailure{Status: 503}, fault.Unavailable, "failed (status 503)"},
		{"302", fakes.PasswordSafeFailure{Status: 302}, fault.Unavailable, "redirects elsewhere"},
		{"a page", fakes.PasswordSafeFailure{Status: 404, HTML: true}, fault.Unavailable, "check server.apiUrl"},
		{"an ingress", fakes.PasswordSafeFailure{Status: 404, Text: "default backend - 404"}, fault.Unavailable, "check server.apiUrl"},
		{"another server", fakes.PasswordSafeFailure{Status: 404, Text: "404 page not found"}, fault.Unavailable, "check server.apiUrl"},
		{
			"an older version",
			fakes.PasswordSafeFailure{Status: 404, Text: `{"Message":"No HTTP resource was found that matches"}`},
			fault.Unavailable, "check server.apiUrl",
		},
		{"a cut connection", fakes.PasswordSafeFailure{Cut: true}, fault.Unavailable, "cannot be reached"},
		{"too much", fakes.PasswordSafeFailure{Oversized: true}, fault.Invalid, "the answer is larger than"},
	}
	for call, changes := range calls {
		for _, way := range ways {
			t.Run(call+": "+way.name, func(t *testing.T) {
				w := newWorld(t)
				w.SetSecret("app", "name", fakes.PasswordSafeSecret{Type: "File", Value: marked})
				w.SetAccount("app", "name", marked)
				client := w.open(t, changes...)
				w.Fail(call, way.failure)
				_, err := get(t, client, "app/name")
				expectFault(t, err, way.kind, way.says)
				if after := fault.RetryAfter(err); way.kind == fault.Throttled && after != 17*time.Second {
					t.Errorf("it asks to wait for %s", after)
				}
				w.Recover()
				expectValue(t, client, "app/name", marked)
				if counts := w.Counts(); counts.OpenRequests != 0 {
					t.Errorf("a request stays open: %+v", counts)
				}
			})
		}
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for call, changes := range map[string][]func(*esv1.BeyondtrustProvider){
		fakes.CallToken: {oauth}, fakes.CallSignIn: nil, fakes.CallFindSecret: nil, fakes.CallFindAccount: {accounts},
		fakes.CallRequest: {accounts}, fakes.CallCredential: {accounts},
	} {
		for _, body := range []string{"", "{", "<html>" + marked, `true`, `{"a":"` + marked + `"}`, `[{"Title":"` + marked + `"}]`, `{"Data":null}`} {
			if call == fakes.CallSignIn && body[:min(1, len(body))] == "{" && len(body) > 1 {
				continue // who has signed in is not needed for reading
			}
			t.Run(fmt.Sprintf("%s: %q", call, body), func(t *testing.T) {
				w := newWorld(t)
				w.SetSecret("app", "name", text(marked))
				w.SetAccount("app", "name", marked)
				client := w.open(t, changes...)
				w.Fail(call, fakes.PasswordSafeFailure{Body: body})
				_, err := get(t, client, "app/name")
				expectFault(t, err, fault.Unavailable, "")
			})
		}
	}
}

func TestNotFoundIsTheServersWord(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "name", text(marked))
	w.SetAccount("app", "name", marked)
	for call, client := range map[string]store{fakes.CallFindSecret: w.open(t), fakes.CallFindAccount: w.open(t, accounts)} {
		for _, text := range []string{" ", "Not Found", "null", `""`, `{"code":404}`} {
			w.Fail(call, fakes.PasswordSafeFailure{Status: 404, Text: text})
			_, err := get(t, client, "app/name")
			expectFault(t, err, fault.Unavailable, "has nothing there: check server.apiUrl")
		}
		w.Fail(call, fakes.PasswordSafeFailure{Status: 403})
		_, err := get(t, client, "app/name")
		expectFault(t, err, fault.Denied, "does not allow it to the store's user")
	}
}

// TestEmptyValues shows that nothing is never taken for a value.
func TestEmptyValues(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("app", "name", marked)
	safe, managed := w.open(t), w.open(t, accounts)
	for call, tt := range map[string]struct {
		client store
		bodies []string
		says   string
	}{
		fakes.CallFindSecret: {
			safe,
			[]string{`[{"Id":"1","SecretType":"Text"}]`, `[{"Id":"1","Password":null}]`, `[{"Id":"1","Password":""}]`},
			`gives no value of secret "name" in folder "app"`,
		},
		fakes.CallCredential: {managed, []string{`null`, `""`}, "the answer is empty"},
		fakes.CallRequest:    {managed, []string{`null`, `0`, `-1`}, "the answer holds no request"},
	} {
		for _, body := range tt.bodies {
			w.Fail(call, fakes.PasswordSafeFailure{Body: body})
			_, err := get(t, tt.client, "app/name")
			expectFault(t, err, fault.Unavailable, tt.says)
			w.Recover()
			w.CheckInAll()
		}
	}
}

func TestNoAnswer(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("app", "name", marked)
	client := w.open(t, accounts, func(spec *esv1.BeyondtrustProvider) { spec.Server.ClientTimeOutSeconds = 1 })
	w.Fail(fakes.CallCredential, fakes.PasswordSafeFailure{Hangs: true})
	_, err := get(t, client, "app/name")
	expectFault(t, err, fault.Unavailable, "no answer in time: server.clientTimeOutSeconds")
	if counts := w.Counts(); counts.Requests != 1 || counts.OpenRequests != 0 {
		t.Errorf("a request stays open: %+v", counts)
	}
}
