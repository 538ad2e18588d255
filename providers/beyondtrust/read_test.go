package beyondtrust_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

func TestSecretsSafe(t *testing.T) {
	for _, version := range []string{"", "3.0", "3.1", "3.2"} {
		t.Run("version "+version, func(t *testing.T) {
			w := newWorld(t)
			w.SetSecret("app", "password", fakes.PasswordSafeSecret{Type: "Credential", Value: "secret", Username: "admin"})
			w.SetSecret("app/db", "connection", text("host=db\nuser=app"))
			w.SetSecret("app/db", "keystore", fakes.PasswordSafeSecret{Type: "File", Value: "\x00\xff", FileName: "k.jks"})
			w.SetSecret("alone", "alone", text("same word"))
			client := w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.APIVersion = version })
			expectValue(t, client, "app/password", "secret")
			expectValue(t, client, "app/db/connection", "host=db\nuser=app")
			expectValue(t, client, "app/db/keystore", "\x00\xff")
			expectValue(t, client, " app / password ", "secret")
			expectValue(t, client, "alone", "same word")
			for _, absent := range []string{"app/nothing", "nowhere/password", "db/connection", "password"} {
				_, err := get(t, client, absent)
				expectFault(t, err, fault.NotFound, "does not exist in folder")
			}
		})
	}
}

func TestSeparator(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app/db", "user/password", text("secret"))
	client := w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.Separator = "→" })
	expectValue(t, client, "app→db→user/password", "secret")
}

func TestDecrypt(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", text("secret"))
	w.SetSecret("app", "file", fakes.PasswordSafeSecret{Type: "File", Value: "content"})
	expectValue(t, w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.Decrypt = new(true) }), "app/password", "secret")
	client := w.open(t, func(spec *esv1.BeyondtrustProvider) { spec.Server.Decrypt = new(false) })
	expectValue(t, client, "app/password", "")
	expectValue(t, client, "app/file", "content")
}

func TestWrongKeys(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", 300)
	for _, tt := range []struct {
		reason, key string
		accounts    bool
	}{
		{"no account", "system", true},
		{"an empty account", "system/", true},
		{"an empty system", "/account", true},
		{"three parts", "system/account/more", true},
		{"a system that is too long", long[:129] + "/account", true},
		{"an account that is too long", "system/" + long[:246], true},
		{"no title", "folder/", false},
		{"no folder", "/title", false},
		{"nothing", "", false},
		{"blanks", "  / ", false},
		{"a folder without a name", "folder//title", false},
		{"a separator before all", "/folder/title", false},
		{"a title that is too long", "folder/" + long[:257], false},
		{"a path that is too long", strings.Repeat(long+"/", 6) + "title", false},
		{"too many folders", "1/2/3/4/5/6/7/8/title", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			client := w.open(t)
			says := "does not name a secret of Secrets Safe: it must be folder/title"
			if tt.accounts {
				client, says = w.open(t, accounts), "does not name a managed account: it must be system/account"
			}
			_, err := get(t, client, tt.key)
			expectFault(t, err, fault.Invalid, says)
		})
	}
	if counts := w.Counts(); counts.SignIns != 0 {
		t.Errorf("for keys that cannot be, somebody signed in: %+v", counts)
	}
}

func TestManagedAccounts(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", `a "quoted" \ password`)
	w.SetAccount("server01", "other", "another")
	client := w.open(t, accounts)
	expectValue(t, client, "server01/admin", `a "quoted" \ password`)
	w.SetAccount("server01", "admin", "rotated")
	expectValue(t, client, "server01/admin", "rotated")
	for _, absent := range []string{"server01/nobody", "server02/admin"} {
		_, err := get(t, client, absent)
		expectFault(t, err, fault.NotFound, "does not exist on managed system")
	}
	if counts := w.Counts(); counts.Requests != 2 || counts.OpenRequests != 0 || counts.SignIns != 1 {
		t.Errorf("after two reads, there are %+v", counts)
	}
}

func TestRequestOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	client := w.open(t, accounts)
	w.OpenRequest("server01", "admin")
	expectValue(t, client, "server01/admin", "secret")
	if counts := w.Counts(); counts.Requests != 0 || counts.OpenRequests != 1 {
		t.Errorf("a request that was open already is to be used and left: %+v", counts)
	}
	// Between the request and the read, its owner checks it in.
	w.Fail(fakes.CallCredential, fakes.PasswordSafeFailure{Status: 404, Times: 2})
	expectValue(t, client, "server01/admin", "secret")
	w.Fail(fakes.CallCredential, fakes.PasswordSafeFailure{Status: 404})
	_, err := get(t, client, "server01/admin")
	expectFault(t, err, fault.Unavailable, "ended by others")
}

func TestReadersOfOneAccount(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	client := w.open(t, accounts)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { expectValue(t, client, "server01/admin", "secret") })
	}
	all.Wait()
	if counts := w.Counts(); counts.Requests != 16 || counts.OpenRequests != 0 || counts.SignIns != 1 {
		t.Errorf("after many reads at once, there are %+v: one ends the request of another", counts)
	}
}

func TestRequestsEndWhateverFails(t *testing.T) {
	for name, failure := range map[string]fakes.PasswordSafeFailure{
		"denied": {Status: 403}, "gone": {Status: 404}, "broken": {Status: 500}, "cut": {Cut: true}, "no JSON": {Body: "<html>"},
		"no text": {Body: `{"a":1}`}, "too large": {Oversized: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.SetAccount("server01", "admin", marked)
			client := w.open(t, accounts)
			w.Fail(fakes.CallCredential, failure)
			if _, err := get(t, client, "server01/admin"); err == nil || fault.Is(err, fault.NotFound) {
				t.Errorf("got %v", err)
			}
			if counts := w.Counts(); counts.Requests != 1 || counts.OpenRequests != 0 {
				t.Errorf("a request stays open: %+v", counts)
			}
		})
	}
}

func TestCheckInThatFails(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	client := w.open(t, accounts)
	w.Fail(fakes.CallCheckIn, fakes.PasswordSafeFailure{Status: 500})
	expectValue(t, client, "server01/admin", "secret")
	for _, want := range []int{1, 0} {
		if counts := w.Counts(); counts.OpenRequests != want {
			t.Errorf("%d requests are open, want %d: a request ends by itself after five minutes", counts.OpenRequests, want)
		}
		w.clock.Step(5*time.Minute + time.Second)
	}
}

func TestReadThatIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.SetAccount("server01", "admin", "secret")
	client := w.open(t, accounts)
	w.Fail(fakes.CallCredential, fakes.PasswordSafeFailure{Hangs: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for call := range w.observed {
			if call == "CreateRequest" {
				cancel()
				return
			}
		}
	}()
	_, err := client.Get(ctx, providers.Ref{Key: "server01/admin"})
	expectFault(t, err, fault.Unavailable, "read the password")
	if counts := w.Counts(); counts.Requests != 1 || counts.OpenRequests != 0 {
		t.Errorf("a request stays open: %+v", counts)
	}
}

func TestAccountsThatCannotBeRequested(t *testing.T) {
	for status, want := range map[int]struct {
		kind fault.Kind
		says string
	}{
		403: {fault.Denied, "lacks the role of a requester"},
		409: {fault.Unavailable, "somebody else has requested it"},
		400: {fault.Invalid, "does not accept it"},
	} {
		w := newWorld(t)
		w.SetAccount("server01", "admin", marked)
		w.Fail(fakes.CallRequest, fakes.PasswordSafeFailure{Status: status})
		_, err := get(t, w.open(t, accounts), "server01/admin")
		expectFault(t, err, want.kind, want.says)
	}
}
