package workloadcredentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-operator/sluice/internal/fault"
)

// The names of the fields that tell of the lease.
const (
	FieldLeaseID    = "leaseId"
	FieldExpiration = "expiration"
)

// codeNotRevocable is how the API refuses to end a lease that ends by itself alone.
const codeNotRevocable = "lease_not_revocable"

// Issued is what a dynamic secret has issued.
type Issued struct {
	// Fields are all fields of the answer as texts, by their names with a small first letter; those of the lease are among them. What
	// is not a text is JSON, null is empty.
	Fields map[string]string
	// Ahead is by how much the clock of the service is ahead of ours; zero when they agree, or when the service does not tell.
	Ahead time.Duration
}

// agreement is how far two clocks may be apart that are said to agree: the service tells its time in seconds, and answers late.
const agreement = timeout

// Generate obtains new credentials from a dynamic secret. An error about an answer that is a success and cannot be read is costly: what was
// issued is lost.
func (c *Client) Generate(ctx context.Context, at Path) (Issued, error) {
	var answer struct {
		Secret     map[string]json.RawMessage `json:"secret"`
		LeaseID    json.RawMessage            `json:"leaseId"`
		Expiration json.RawMessage            `json:"expiration"`
	}
	issued, succeeded := Issued{Fields: map[string]string{}}, false
	err := c.call(ctx, operation{
		method: http.MethodPost, path: "/dynamic/" + url.PathEscape(at.Name) + "/generate", query: inFolder("folder", at.Folder),
		does: fmt.Sprintf("could not generate credentials of dynamic secret %q", at), may: "generate credentials of this dynamic secret",
		absent: fmt.Sprintf("dynamic secret %q does not exist: check %s.folderPath (folder/secretName) and %s.server.siteId, "+
			"and that the dynamic secret is defined in BeyondTrust Workload Credentials", at, c.field, c.field),
		answered: func(h http.Header) { issued.Ahead, succeeded = c.ahead(h), true },
	}, &answer)
	if failed, ok := errors.AsType[*fault.Error](err); ok && succeeded {
		failed.Costly = true
	}
	if err != nil {
		return Issued{}, err
	}
	add := func(name string, value json.RawMessage) {
		if issued.Fields[name] == "" && value != nil {
			issued.Fields[name] = text(value)
		}
	}
	for name, value := range answer.Secret {
		if name != "" {
			add(strings.ToLower(name[:1])+name[1:], value)
		}
	}
	// Some versions of the API tell of the lease beside the secret.
	add(FieldLeaseID, answer.LeaseID)
	add(FieldExpiration, answer.Expiration)
	return issued, nil
}

// ahead returns by how much the clock of the service is ahead.
func (c *Client) ahead(h http.Header) time.Duration {
	theirs, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	ahead := theirs.Sub(c.clock.Now())
	if ahead.Abs() <= agreement {
		return 0
	}
	return ahead
}

// Revoke ends a lease. One that is gone, or cannot be ended but ends by itself, is no error.
func (c *Client) Revoke(ctx context.Context, lease string) error {
	err := c.call(ctx, operation{
		method: http.MethodDelete, path: "/leases/id/" + url.PathEscape(lease),
		does: fmt.Sprintf("could not revoke lease %q", lease), may: "revoke leases", absent: "the lease does not exist",
	}, nil)
	err = c.Confirm(ctx, err)
	if answer, ok := errors.AsType[*StatusError](err); ok && answer.Code == codeNotRevocable || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// text returns a JSON text as it is, nothing for null, and all else as JSON without spaces.
func text(value json.RawMessage) string {
	var plain *string
	if json.Unmarshal(value, &plain) == nil {
		if plain == nil {
			return ""
		}
		return *plain
	}
	var out bytes.Buffer
	_ = json.Compact(&out, value) // it is a part of what was decoded
	return out.String()
}
