package webhook

import (
	"context"
	"net/http"
	"time"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates"
)

const (
	defaultTimeout = 30 * time.Second
	// maxTimeout bounds for how long a request may keep a worker of the operator busy.
	maxTimeout = 5 * time.Minute
)

// New returns the generator of kind Webhook. It is safe for concurrent use.
//
// A spec that cannot be used and an answer that has no values are fault.Invalid, an endpoint that answers with 404 is
// fault.NotFound, one that refuses the credentials fault.Denied, one that asks for fewer calls fault.Throttled, and one that
// does not answer or fails fault.Unavailable.
func New() generators.Generator {
	g := generator{engine: templates.New()}
	return generators.Define(genv1alpha1.KindWebhook,
		func(o *genv1alpha1.Webhook) *genv1alpha1.WebhookSpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.WebhookSpec { return u.WebhookSpec },
		g.generate,
		generators.Together[genv1alpha1.WebhookSpec]())
}

type generator struct {
	engine *templates.Engine
}

func (g generator) generate(ctx context.Context, spec *genv1alpha1.WebhookSpec, env generators.Env) (generators.Result, error) {
	data, err := g.values(ctx, spec, env)
	if err != nil {
		return generators.Result{}, err
	}
	return generators.Result{Data: data}, nil
}

func (g generator) values(ctx context.Context, spec *genv1alpha1.WebhookSpec, env generators.Env) (map[string][]byte, error) {
	path, err := parsePath(spec.Result.JSONPath)
	if err != nil {
		return nil, err
	}
	timeout, err := timeoutOf(spec)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secrets, err := secretsOf(ctx, spec, env.Resolver)
	if err != nil {
		return nil, err
	}
	client, err := newClient(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	defer client.close()
	request, err := g.request(ctx, spec, secrets)
	if err != nil {
		return nil, err
	}
	answer, err := client.answer(request, endpoint{request: request, spec: spec})
	if err != nil {
		return nil, err
	}
	return members(answer, path)
}

func timeoutOf(spec *genv1alpha1.WebhookSpec) (time.Duration, error) {
	switch {
	case spec.Timeout == nil || spec.Timeout.Duration == 0:
		return defaultTimeout, nil
	case spec.Timeout.Duration < 0:
		return 0, fault.New(fault.Invalid, "spec.timeout %s must not be negative", spec.Timeout.Duration)
	}
	return min(spec.Timeout.Duration, maxTimeout), nil
}

// endpoint is where a request goes.
type endpoint struct {
	request *http.Request
	spec    *genv1alpha1.WebhookSpec
}
