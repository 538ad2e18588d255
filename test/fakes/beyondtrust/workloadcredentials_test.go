package beyondtrust_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

const site = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"

// call makes one request and returns the status and the body of the answer.
func call(t *testing.T, s *beyondtrust.WorkloadCredentials, method, path, body string, change ...func(http.Header)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.APIURL()+"/"+site+"/secrets"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Authorization": {"Bearer token"}, "Bt-Secrets-Api-Version": {beyondtrust.APIVersion}, "Accept": {"application/json"},
		"Content-Type": {"application/json"},
	}
	for _, f := range change {
		f(request.Header)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func start(t *testing.T) (*beyondtrust.WorkloadCredentials, *clocktesting.FakePassiveClock) {
	t.Helper()
	now := clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	s := beyondtrust.NewWorkloadCredentials(site, "token", now)
	t.Cleanup(s.Close)
	return s, now
}

func TestHeaders(t *testing.T) {
	s, _ := start(t)
	for name, want := range map[string]int{"Authorization": 401, "Bt-Secrets-Api-Version": 401, "Accept": 406, "Content-Type": 200} {
		if status, _ := call(t, s, http.MethodGet, "/session", "", func(h http.Header) { h.Del(name) }); status != want {
			t.Errorf("without %s the status is %d, want %d", name, status, want)
		}
	}
}

func TestRights(t *testing.T) {
	s, _ := start(t)
	s.Put("a", map[string]any{"k": "v"}, nil)
	expect := func(method, path string, want int) {
		t.Helper()
		if status, _ := call(t, s, method, path, "{}"); status != want {
			t.Errorf("%s %s: %d, want %d", method, path, status, want)
		}
	}
	s.Deny("PUT /metadata/tags", "DELETE /leases")
	expect(http.MethodPut, "/static/a/metadata/tags", 403)
	expect(http.MethodDelete, "/leases/id/a", 403)
	expect(http.MethodGet, "/static/a", 200)
	s.Deny()
	expect(http.MethodPut, "/static/a/metadata/tags", 200)
}

func TestLeasesAddUp(t *testing.T) {
	s, now := start(t)
	s.Define("a/aws", beyondtrust.Dynamic{Type: beyondtrust.TypeAWS, Lifetime: time.Minute})
	for _, define := range []struct {
		body string
		want int
	}{{`{"type":"azure","ttl":3600}`, 201}, {`{"type":"azure","ttl":3600}`, 409}, {`{}`, 400}} {
		if status, _ := call(t, s, http.MethodPost, "/dynamic/azure", define.body); status != define.want {
			t.Errorf("defining %s: %d, want %d", define.body, status, define.want)
		}
	}
	generate := func(path string) string {
		var answer struct {
			Secret struct {
				LeaseID string `json:"leaseId"`
			} `json:"secret"`
		}
		status, body := call(t, s, http.MethodPost, path, "")
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusCreated {
			t.Fatalf("%s: status %d, %v", path, status, err)
		}
		return answer.Secret.LeaseID
	}
	aws, azure := generate("/dynamic/aws/generate?folder=a"), generate("/dynamic/azure/generate")
	generate("/dynamic/azure/generate")
	if status, body := call(t, s, http.MethodDelete, "/leases/id/"+aws, ""); status != 400 || !strings.Contains(body, "lease_not_revocable") {
		t.Errorf("revoking the one of AWS: %d %s", status, body)
	}
	for _, want := range []int{204, 404} {
		if status, _ := call(t, s, http.MethodDelete, "/leases/id/"+azure, ""); status != want {
			t.Errorf("revoking the one of Azure: %d, want %d", status, want)
		}
	}
	now.SetTime(now.Now().Add(time.Minute))
	if status, _ := call(t, s, http.MethodGet, "/leases/id/"+aws, ""); status != 404 {
		t.Errorf("reading a lease that has ended: %d", status)
	}
	got := s.Counts()
	got.Requests = 0
	if want := (beyondtrust.Counts{Minted: 3, Revoked: 1, Expired: 1, Live: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestFolders(t *testing.T) {
	s, _ := start(t)
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "/static/db?folder=team", `{"secret":{"a":"b"}}`, 404},
		{http.MethodPost, "/folders/team", "", 201},
		{http.MethodPost, "/folders/team", "", 409},
		{http.MethodPost, "/static/db?folder=team", `{"secret":{"a":"b"}}`, 201},
		{http.MethodPost, "/static/db?folder=team", `{"secret":{"a":"b"}}`, 409},
		{http.MethodPost, "/static/d%2Fb", `{"secret":{"a":"b"}}`, 400},
		{http.MethodGet, "/static/db/metadata?folder=team", "", 200},
		{http.MethodGet, "/static/db", "", 404},
		{http.MethodPatch, "/static/db?folder=team", `{"secret":{"a":null}}`, 415},
		{http.MethodGet, "/folders/team/metadata", "", 200},
		{http.MethodDelete, "/folders/team", "", 409},
		{http.MethodDelete, "/static/db?folder=team", "", 204},
		{http.MethodDelete, "/static/db?folder=team", "", 404},
		{http.MethodGet, "/static/db?folder=team", "", 404},
		{http.MethodGet, "/static/db/metadata?folder=team", "", 200},
		{http.MethodPost, "/static/db?folder=team", `{"secret":{"a":"b"}}`, 409},
		{http.MethodPut, "/static/db/metadata/tags?folder=team", `{}`, 404},
		{http.MethodDelete, "/static/db?folder=team&permanent=true", "", 204},
		{http.MethodDelete, "/folders/team", "", 204},
		{http.MethodGet, "/nothing", "", 404},
	} {
		if status, body := call(t, s, step.method, step.path, step.body); status != step.want {
			t.Errorf("%s %s: %d %s, want %d", step.method, step.path, status, body, step.want)
		}
	}
}
