package beyondtrust

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

const (
	// requestMinutes is after how long a request ends by itself, when it cannot be checked in.
	requestMinutes = 5
	// requestTries is how often a request is made anew that somebody else has ended.
	requestTries = 3
)

// errEnded says that a request ended before its credential was read.
var errEnded = errors.New("the request has ended")

// account returns the password of a managed account.
func (c *client) account(ctx context.Context, key string) (providers.Secret, error) {
	system, name, err := c.parseAccountKey(key)
	if err != nil {
		return providers.Secret{}, err
	}
	own, _ := c.accounts.LoadOrStore(key, newGate())
	alone, _ := own.(gate)
	if err := alone.enter(ctx); err != nil {
		return providers.Secret{}, err
	}
	defer alone.leave()
	password, err := c.readAccount(ctx, key, system, name)
	return providers.Secret{Value: []byte(password)}, err
}

// managedAccount is what a request needs to know of an account.
type managedAccount struct{ SystemID, AccountID int }

func (c *client) readAccount(ctx context.Context, key, system, name string) (string, error) {
	what := fmt.Sprintf("find managed account %q", key)
	got, err := c.session.do(ctx, call{
		name: "FindManagedAccount", what: what, method: http.MethodGet, path: "ManagedAccounts",
		query: url.Values{"systemName": {system}, "accountName": {name}},
	})
	if spoken(err) == http.StatusNotFound {
		return "", fault.Wrap(fault.NotFound, err, "managed account %q does not exist on managed system %q, or the store's user does not see it",
			name, system)
	}
	if err != nil {
		return "", err
	}
	var found managedAccount
	if err := got.decode(what, &found); err != nil {
		return "", err
	}
	if found.AccountID == 0 {
		return "", fault.New(fault.Unavailable, "%s: the answer holds no account", what)
	}
	for range requestTries {
		password, err := c.borrow(ctx, key, found)
		if !errors.Is(err, errEnded) {
			return password, err
		}
	}
	return "", fault.Wrap(fault.Unavailable, errEnded, "managed account %q: its requests are ended by others before they can be used", key)
}

// borrow requests the account, reads its password and checks the request in. One that was open before is left to who opened it.
func (c *client) borrow(ctx context.Context, key string, account managedAccount) (string, error) {
	id, opened, err := c.request(ctx, key, account)
	if err != nil {
		return "", err
	}
	if opened {
		// A request that cannot be checked in ends by itself, and the password is good all the same.
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
			defer cancel()
			_, _ = c.session.do(ctx, call{
				name: "CheckInRequest", what: fmt.Sprintf("check in the request for managed account %q", key), method: http.MethodPut,
				path: "Requests/" + strconv.Itoa(id) + "/checkin", body: []byte("{}"),
			})
		}()
	}
	what := fmt.Sprintf("read the password of managed account %q", key)
	got, err := c.session.do(ctx, call{
		name: "GetCredential", what: what, method: http.MethodGet, path: "Credentials/" + strconv.Itoa(id),
	})
	switch {
	case statusOf(err) == http.StatusNotFound && !opened:
		return "", errEnded
	case statusOf(err) == http.StatusForbidden:
		return "", fault.Wrap(fault.Denied, err, "%s: Password Safe does not give it: the request may need an approval, or the store's user "+
			"lacks the role", what)
	case err != nil:
		return "", err
	}
	var password string
	if err := got.decode(what, &password); err != nil {
		return "", err
	}
	if password == "" {
		return "", fault.New(fault.Unavailable, "%s: the answer is empty", what)
	}
	return password, nil
}

// request returns the number of an open request for the account, and whether it was opened for this.
func (c *client) request(ctx context.Context, key string, account managedAccount) (id int, opened bool, err error) {
	what := fmt.Sprintf("request managed account %q", key)
	body, err := json.Marshal(map[string]any{
		"SystemID": account.SystemID, "AccountID": account.AccountID, "DurationMinutes": requestMinutes,
		"Reason": "Secret requested by Sluice", "ConflictOption": "reuse",
	})
	if err != nil {
		return 0, false, fault.Wrap(fault.Unknown, err, "%s: it has no JSON form", what)
	}
	got, err := c.session.do(ctx, call{name: "CreateRequest", what: what, method: http.MethodPost, path: "Requests", body: body})
	switch statusOf(err) {
	case http.StatusForbidden:
		return 0, false, fault.Wrap(fault.Denied, err, "%s: the store's user lacks the role of a requester, or the account is not enabled for "+
			"the API", what)
	case http.StatusConflict:
		return 0, false, fault.Wrap(fault.Unavailable, err, "%s: somebody else has requested it", what)
	}
	if err != nil {
		return 0, false, err
	}
	if err := got.decode(what, &id); err != nil {
		return 0, false, err
	}
	if id <= 0 {
		return 0, false, fault.New(fault.Unavailable, "%s: the answer holds no request", what)
	}
	return id, got.status == http.StatusCreated, nil
}
