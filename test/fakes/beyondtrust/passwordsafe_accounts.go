package beyondtrust

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// safeAccount is a managed account.
type safeAccount struct {
	systemID, accountID       int
	system, account, password string
}

// safeRequest is an open request for the credential of an account.
type safeRequest struct {
	account *safeAccount
	ends    time.Time
}

// SetAccount makes the password of a managed account, which is created when it is not there.
func (s *PasswordSafe) SetAccount(system, account, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.account(func(a *safeAccount) bool { return a.system == system && a.account == account }); found != nil {
		found.password = password
		return
	}
	s.accounts = append(s.accounts, &safeAccount{s.next(), s.next(), system, account, password})
}

// OpenRequest opens a request for an account as another client of the same user does.
func (s *PasswordSafe) OpenRequest(system, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.account(func(a *safeAccount) bool { return a.system == system && a.account == account })
	s.requests[s.next()] = &safeRequest{account: found, ends: s.clock.Now().Add(time.Hour)}
}

// CheckInAll ends every request.
func (s *PasswordSafe) CheckInAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.requests)
}

func (s *PasswordSafe) account(is func(*safeAccount) bool) *safeAccount {
	for _, account := range s.accounts {
		if is(account) {
			return account
		}
	}
	return nil
}

// findAccount answers with one object when system and account are given (exact).
func (s *PasswordSafe) findAccount(r *http.Request) safeAnswer {
	query := r.URL.Query()
	found := s.account(func(a *safeAccount) bool {
		return strings.EqualFold(a.system, query.Get("systemName")) && strings.EqualFold(a.account, query.Get("accountName"))
	})
	if found == nil {
		return refused(http.StatusNotFound, "Managed Account not found") // doc
	}
	return safeAnswer{status: http.StatusOK, body: map[string]any{
		"SystemId": found.systemID, "SystemName": found.system, "AccountId": found.accountID, "AccountName": found.account,
		"PlatformID": 1, "DomainName": "", "DefaultReleaseDuration": 120,
	}}
}

// request opens a request, or gives the one that is open already when it may be reused (exact: 201 and 200).
func (s *PasswordSafe) request(r *http.Request) safeAnswer {
	var asked struct {
		SystemID        int    `json:"SystemID"`
		AccountID       int    `json:"AccountID"`
		DurationMinutes int    `json:"DurationMinutes"`
		ConflictOption  string `json:"ConflictOption"`
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.DurationMinutes < 1 {
		return refused(http.StatusBadRequest, "a duration is required")
	}
	found := s.account(func(a *safeAccount) bool { return a.systemID == asked.SystemID && a.accountID == asked.AccountID })
	if found == nil {
		return refused(http.StatusForbidden, "4031 the account is not valid for the system") // doc
	}
	for id, open := range s.requests {
		switch {
		case open.account != found:
		case asked.ConflictOption == "reuse":
			return safeAnswer{status: http.StatusOK, body: id}
		default:
			return refused(http.StatusConflict, "a conflicting request exists") // doc
		}
	}
	id := s.next()
	s.requests[id] = &safeRequest{account: found, ends: s.clock.Now().Add(time.Duration(asked.DurationMinutes) * time.Minute)}
	s.opened++
	return safeAnswer{status: http.StatusCreated, body: id}
}

func (s *PasswordSafe) open(r *http.Request) (id int, request *safeRequest) {
	id, err := strconv.Atoi(r.PathValue("request"))
	if err != nil {
		return 0, nil
	}
	return id, s.requests[id]
}

// credential answers with a JSON string (exact).
func (s *PasswordSafe) credential(r *http.Request) safeAnswer {
	_, request := s.open(r)
	if request == nil {
		return refused(http.StatusNotFound, "the request does not exist, or has ended") // infer
	}
	return safeAnswer{status: http.StatusOK, body: request.account.password}
}

func (s *PasswordSafe) checkIn(r *http.Request) safeAnswer {
	id, request := s.open(r)
	if request == nil {
		return refused(http.StatusNotFound, "the request does not exist, or has ended") // infer
	}
	delete(s.requests, id)
	return safeAnswer{status: http.StatusNoContent}
}
