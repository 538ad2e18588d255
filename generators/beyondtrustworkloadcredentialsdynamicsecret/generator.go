package beyondtrustworkloadcredentialsdynamicsecret

import (
	"context"
	"encoding/json"
	"time"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/retry"
	"github.com/sluice-operator/sluice/internal/sdk/workloadcredentials"
)

// field is the path of what says where the site is.
const field = "spec.provider"

type spec = genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecretSpec

// New returns the generator of kind BeyondtrustWorkloadCredentialsDynamicSecret. It is safe for concurrent use. Each run obtains
// credentials and their lease.
//
// A spec that cannot be used, a dynamic secret that does not exist and an answer that has no credentials are fault.Invalid: nothing
// here is fault.NotFound, since a deletionPolicy is for what stores hold. A token that is refused is fault.Denied, and a service that
// asks for fewer calls, fails or does not answer is fault.Throttled or fault.Unavailable.
func New() generators.Generator {
	return generators.Define(genv1alpha1.KindBeyondtrustWorkloadCredentialsDynamicSecret,
		func(o *genv1alpha1.BeyondtrustWorkloadCredentialsDynamicSecret) *spec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *spec { return u.BeyondtrustWorkloadCredentialsDynamicSecretSpec },
		generate,
		generators.ControllerClass(func(s *spec) string { return s.Controller }),
		generators.Revoke(revoke))
}

// state is what it takes to give a lease back. What the reference implementation has stored has no LeaseID.
type state struct {
	Path    string `json:"path"`
	LeaseID string `json:"leaseId,omitempty"`
}

func generate(ctx context.Context, s *spec, env generators.Env) (generators.Result, error) {
	policy, err := retry.Of(s.RetrySettings)
	if err != nil {
		return generators.Result{}, err
	}
	client, err := open(ctx, s, env)
	if err != nil {
		return generators.Result{}, err
	}
	defer client.Close()
	at := workloadcredentials.ParsePath(s.Provider.FolderPath)
	if !at.Valid() {
		return generators.Result{}, fault.New(fault.Invalid,
			"%s.folderPath %q must be a folder and the name of a dynamic secret in it (folder/secretName)", field, s.Provider.FolderPath)
	}
	var issued workloadcredentials.Issued
	err = policy.Run(ctx, env.Clock, workloadcredentials.Refused, func() (err error) {
		issued, err = client.Generate(ctx, at)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		err = fault.Wrap(fault.Invalid, err, "%s", fault.Message(err))
	}
	if err != nil {
		return generators.Result{}, err
	}
	lease, err := leaseOf(issued, s.Provider.FolderPath)
	if err != nil {
		return generators.Result{}, err
	}
	data, err := credentials(issued.Fields)
	if err == nil && !lease.ExpiresAt.IsZero() && !lease.ExpiresAt.After(env.Clock.Now()) {
		err = fault.New(fault.Invalid, "the credentials have ended already, at %s: check the lifetime of the dynamic secret",
			lease.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return generators.Result{Lease: lease}, fault.In(err, "dynamic secret %q", at)
	}
	return generators.Result{Data: data, Lease: lease}, nil
}

func open(ctx context.Context, s *spec, env generators.Env) (*workloadcredentials.Client, error) {
	return workloadcredentials.Open(ctx, workloadcredentials.Config{
		Spec: &s.Provider, Field: field, Resolver: env.Resolver, HTTP: env.HTTP, Clock: env.Clock,
	})
}

// leaseOf returns the lease of what was issued, with its end by our clock.
func leaseOf(issued workloadcredentials.Issued, path string) (*generators.Lease, error) {
	stored, err := json.Marshal(state{Path: path, LeaseID: issued.Fields[workloadcredentials.FieldLeaseID]})
	if err != nil {
		return nil, fault.Wrap(fault.Unknown, err, "the lease has no JSON form")
	}
	lease := &generators.Lease{State: stored}
	if end := endOf(issued.Fields[workloadcredentials.FieldExpiration]); !end.IsZero() {
		lease.ExpiresAt = end.Add(-issued.Ahead)
	}
	return lease, nil
}

func revoke(ctx context.Context, s *spec, stored json.RawMessage, env generators.Env) error {
	var of state
	if err := json.Unmarshal(stored, &of); err != nil {
		return fault.Wrap(fault.Invalid, err, "the state is not that of a lease")
	}
	if of.LeaseID == "" {
		return nil
	}
	client, err := open(ctx, s, env)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Revoke(ctx, of.LeaseID)
}
