package beyondtrust

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The types of dynamic secrets.
const (
	// TypeAWS is for temporary credentials of AWS, which cannot be withdrawn (infer: the word; 3p: that they cannot).
	TypeAWS = "aws"
	// TypeAzure is for client secrets of an application in Azure, which can (exact: the word; 3p: that they can).
	TypeAzure = "azure"
)

// Dynamic is the definition of a dynamic secret.
type Dynamic struct {
	// Type is TypeAWS or TypeAzure.
	Type string
	// Lifetime of what is generated. The service itself takes 15 minutes to 12 hours; this server takes any.
	Lifetime time.Duration
	// Fields replace those that are generated, and a nil value takes one away.
	Fields map[string]any
	// Pascal says that the names of fields begin with a capital, and that the lease is told beside the secret, as some versions of the
	// API do (3p).
	Pascal bool
}

// Lease is something that was handed out for a time.
type Lease struct {
	// ID names it, Path the dynamic secret that it is of, which has the Type.
	ID, Path, Type string
	// Issued is when it began, and Until when it ends by itself.
	Issued, Until time.Time
	// Revoked is when it was given back; zero when it was not.
	Revoked time.Time
}

// Owed says that the lease is in force, and could be given back.
func (l *Lease) Owed(now time.Time) bool { return l.live(now) && l.Type != TypeAWS }

// live says that the lease is in force.
func (l *Lease) live(now time.Time) bool { return l.Revoked.IsZero() && now.Before(l.Until) }

// Define makes a dynamic secret at a path, or another one of it.
func (s *WorkloadCredentials) Define(at string, d Dynamic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dynamics[at] = d
}

// Leases returns all that was ever handed out, the oldest first.
func (s *WorkloadCredentials) Leases() []Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Lease, 0, len(s.issued))
	for _, l := range s.issued {
		all = append(all, *l)
	}
	return all
}

// generate answers 201 (exact: clients take 200 too).
func (s *WorkloadCredentials) generate(r *http.Request) (int, any) {
	d, ok := s.dynamics[at(r)]
	if !ok {
		return http.StatusNotFound, failure("secret_not_found", "dynamic secret not found")
	}
	now := s.clock.Now()
	l := &Lease{ID: uuid.NewString(), Path: at(r), Issued: now, Until: now.Add(d.Lifetime).UTC().Truncate(time.Second), Type: d.Type}
	s.leases[l.ID], s.issued = l, append(s.issued, l)
	secret := map[string]any{keyType: d.Type}
	if d.Type == TypeAzure {
		maps.Copy(secret, map[string]any{
			"clientId": uuid.NewString(), "clientSecret": rand.Text(), "tenantId": uuid.NewString(), "keyId": uuid.NewString(),
		})
	} else {
		maps.Copy(secret, map[string]any{
			"credentialType": "assumed_role",
			"accessKeyId":    "ASIA" + rand.Text()[:16], "secretAccessKey": rand.Text() + rand.Text()[:14], "sessionToken": "IQoJ" + rand.Text() + "=",
		})
	}
	secret["leaseId"], secret["expiration"] = l.ID, l.Until.Format(time.RFC3339)
	for name, value := range d.Fields {
		if secret[name] = value; value == nil {
			delete(secret, name)
		}
	}
	if !d.Pascal {
		return http.StatusCreated, map[string]any{"secret": secret}
	}
	body := map[string]any{}
	for name, value := range secret {
		capital := strings.ToUpper(name[:1]) + name[1:]
		if name == "leaseId" || name == "expiration" {
			body[capital] = value
			delete(secret, name)
			continue
		}
		delete(secret, name)
		secret[capital] = value
	}
	body["Secret"] = secret
	return http.StatusCreated, body
}

// readLease tells what a lease is for (3p: that one can ask).
func (s *WorkloadCredentials) readLease(r *http.Request) (int, any) {
	l, ok := s.leases[r.PathValue("lease")]
	if !ok || !l.live(s.clock.Now()) {
		return http.StatusNotFound, failure("lease_not_found", "lease not found")
	}
	return http.StatusOK, map[string]any{"leaseId": l.ID, keyPath: l.Path, keyType: l.Type, "expiration": l.Until.Format(time.RFC3339)}
}

// revoke ends a lease, of Azure alone (3p).
func (s *WorkloadCredentials) revoke(r *http.Request) (int, any) {
	l, ok := s.leases[r.PathValue("lease")]
	switch {
	case !ok || !l.live(s.clock.Now()):
		return http.StatusNotFound, failure("lease_not_found", "lease not found")
	case l.Type == TypeAWS:
		return http.StatusBadRequest, failure("lease_not_revocable", "credentials of this type cannot be revoked")
	}
	l.Revoked = s.clock.Now()
	return http.StatusNoContent, nil
}

// define takes the definition of a dynamic secret (exact: the names of the fields, in seconds the ttl).
func (s *WorkloadCredentials) define(r *http.Request) (int, any) {
	var config struct {
		Type string `json:"type"`
		TTL  int    `json:"ttl"`
	}
	if err := json.NewDecoder(r.Body).Decode(&config); err != nil || (config.Type != TypeAWS && config.Type != TypeAzure) {
		return http.StatusBadRequest, failure("invalid_request", "the definition is not valid")
	}
	if _, exists := s.dynamics[at(r)]; exists {
		return http.StatusConflict, failure("already_exists", "dynamic secret exists")
	}
	s.dynamics[at(r)] = Dynamic{Type: config.Type, Lifetime: time.Duration(config.TTL) * time.Second}
	return http.StatusCreated, map[string]any{keyPath: at(r), "config": config}
}

func (s *WorkloadCredentials) definition(r *http.Request) (int, any) {
	d, ok := s.dynamics[at(r)]
	if !ok {
		return http.StatusNotFound, failure("secret_not_found", "dynamic secret not found")
	}
	return http.StatusOK, map[string]any{keyPath: at(r), "config": map[string]any{keyType: d.Type, "ttl": int(d.Lifetime.Seconds())}}
}

func (s *WorkloadCredentials) undefine(r *http.Request) (int, any) {
	if _, ok := s.dynamics[at(r)]; !ok {
		return http.StatusNotFound, failure("secret_not_found", "dynamic secret not found")
	}
	delete(s.dynamics, at(r))
	return http.StatusNoContent, nil
}
