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
// A spec that cannot be used and an answer that has no credentials are fault.Invalid, a dynamic secret that does not exist is
// fault.NotFound, a token that is refused fault.Denied, and a service that asks for fewer calls, fails or does not answer
// fault.Throttled or fault.Unavailable.
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
	policy, err := retry.Of(s.RetrySettings, retry.Default())
	if err != nil {
		return generators.Result{}, err
	}
	client, err := open(ctx, s, env)
	if err != nil {
		return generators.Result{}, err
	}
	defer client.Close()
	at := workloadcredentials.ParsePath(s.Provider.FolderPath)
	if at.Name == "" {
		return generators.Result{}, fault.New(fault.Invalid,
			"%s.folderPath %q must be a folder and the name of a dynamic secret in it (folder/secretName)", field, s.Provider.FolderPath)
	}
	var fields map[string]string
	err = policy.Run(ctx, env.Clock, refused, func() (err error) {
		fields, err = client.Generate(ctx, at)
		return err
	})
	if err != nil {
		return generators.Result{}, err
	}
	result, err := resultOf(fields, s.Provider.FolderPath, env.Clock.Now())
	if err != nil {
		return generators.Result{}, giveBack(ctx, client, fields[workloadcredentials.FieldLeaseID], fault.In(err, "dynamic secret %q", at))
	}
	return result, nil
}

// refused reports whether the service said that it cannot do it now. Without an answer, it may have issued credentials, and is not
// asked for more at once.
func refused(err error) bool { return retry.Passing(err) && workloadcredentials.Answered(err) }

func open(ctx context.Context, s *spec, env generators.Env) (*workloadcredentials.Client, error) {
	return workloadcredentials.Open(ctx, workloadcredentials.Config{
		Spec: &s.Provider, Field: field, Resolver: env.Resolver, HTTP: env.HTTP, Clock: env.Clock,
	})
}

// resultOf returns what a run yields of the fields of an answer.
func resultOf(fields map[string]string, path string, now time.Time) (generators.Result, error) {
	data, err := credentials(fields)
	if err != nil {
		return generators.Result{}, err
	}
	lease := &generators.Lease{}
	if text := fields[workloadcredentials.FieldExpiration]; text != "" {
		if lease.ExpiresAt, err = time.Parse(time.RFC3339, text); err != nil {
			return generators.Result{}, fault.Wrap(fault.Invalid, err, "the field expiration of the answer is not a time as in RFC 3339")
		}
		if !lease.ExpiresAt.After(now) {
			return generators.Result{}, fault.New(fault.Invalid, "the credentials have ended already, at %s: check the lifetime "+
				"of the dynamic secret, and the clock of this cluster", lease.ExpiresAt.UTC().Format(time.RFC3339))
		}
	}
	lease.State, err = json.Marshal(state{Path: path, LeaseID: fields[workloadcredentials.FieldLeaseID]})
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Unknown, err, "the lease has no JSON form")
	}
	return generators.Result{Data: data, Lease: lease}, nil
}

// giveBack gives back credentials that are of no use, and returns why they are.
func giveBack(ctx context.Context, client *workloadcredentials.Client, lease string, why error) error {
	if lease == "" {
		return why
	}
	if err := client.Revoke(ctx, lease); err != nil {
		return fault.Wrap(fault.KindOf(why), why, "%s. What was issued could not be given back: %s", fault.Message(why), fault.Message(err))
	}
	return why
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
