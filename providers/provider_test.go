package providers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// client knows what it was opened with.
type client struct {
	providers.Client
	spec  *esv1.FakeProvider
	store providers.Store
}

func pickFake(p *esv1.SecretStoreProvider) *esv1.FakeProvider { return p.Fake }

func openClient(_ context.Context, spec *esv1.FakeProvider, env providers.Env) (providers.Client, error) {
	return client{spec: spec, store: env.Store}, nil
}

func define(name string, opts ...providers.Option[esv1.FakeProvider]) providers.Provider {
	return providers.Define(name, pickFake, openClient, opts...)
}

func TestDefineDefaults(t *testing.T) {
	plain := define("plain")
	if plain.Name() != "plain" || plain.MetricName() != "plain" || plain.Capabilities() != esv1.CapabilityReadOnly {
		t.Errorf("without options: %q, %q, %q", plain.Name(), plain.MetricName(), plain.Capabilities())
	}
	rich := define("rich",
		providers.MetricName[esv1.FakeProvider]("Rich/API"), providers.Capabilities[esv1.FakeProvider](esv1.CapabilityReadWrite))
	if rich.Name() != "rich" || rich.MetricName() != "Rich/API" || rich.Capabilities() != esv1.CapabilityReadWrite {
		t.Errorf("with options: %q, %q, %q", rich.Name(), rich.MetricName(), rich.Capabilities())
	}
}

func TestOpen(t *testing.T) {
	store := providers.Store{Kind: esv1.KindSecretStore, Namespace: "app", Name: "main"}
	spec := &esv1.SecretStoreProvider{Fake: &esv1.FakeProvider{}}
	refuse := func(got *esv1.FakeProvider, of providers.Store) error {
		if got == spec.Fake && of == store {
			return fault.New(fault.Invalid, "spec.provider.fake is wrong")
		}
		return nil
	}
	opened, err := define("fake").Open(t.Context(), spec, providers.Env{Store: store})
	if got, ok := opened.(client); err != nil || !ok || got.spec != spec.Fake || got.store != store {
		t.Errorf("opened %+v, %v", opened, err)
	}
	opened, err = define("fake", providers.Validate(refuse)).Open(t.Context(), spec, providers.Env{Store: store})
	if !fault.Is(err, fault.Invalid) || opened != nil {
		t.Errorf("a spec that is refused opens %v, %v", opened, err)
	}
}

func TestIsCluster(t *testing.T) {
	for kind, want := range map[string]bool{"SecretStore": false, "ClusterSecretStore": true} {
		if got := (providers.Store{Kind: kind}).IsCluster(); got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}

func TestRegistryRefusesTwoOfAName(t *testing.T) {
	if _, err := providers.NewRegistry(define("a"), define("b"), define("a")); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("got %v, want an error that names the provider", err)
	}
}

func TestRegistry(t *testing.T) {
	kubernetes := providers.Define("kubernetes",
		func(p *esv1.SecretStoreProvider) *esv1.KubernetesProvider { return p.Kubernetes },
		func(context.Context, *esv1.KubernetesProvider, providers.Env) (providers.Client, error) {
			return client{}, nil
		})
	both, err := providers.NewRegistry(kubernetes, define("fake"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := providers.NewRegistry(define("fake"))
	if err != nil {
		t.Fatal(err)
	}
	if got := both.Names(); !slices.Equal(got, []string{"fake", "kubernetes"}) {
		t.Errorf("names %q", got)
	}
	tests := []struct {
		reason   string
		registry *providers.Registry
		spec     *esv1.SecretStoreProvider
		want     string
		message  string
	}{
		{reason: "the one that is set", registry: both, spec: &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{}}, want: "kubernetes"},
		{reason: "the other one", registry: both, spec: &esv1.SecretStoreProvider{Fake: &esv1.FakeProvider{}}, want: "fake"},
		{reason: "no provider at all", registry: both, message: "names no provider that this operator has (it has fake, kubernetes)"},
		{reason: "an empty provider", registry: both, spec: &esv1.SecretStoreProvider{}, message: "names no provider"},
		{
			reason: "one that this build lacks", registry: one,
			spec: &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{}}, message: "names no provider that this operator has (it has fake)",
		},
		{
			reason: "two at once", registry: both,
			spec:    &esv1.SecretStoreProvider{Kubernetes: &esv1.KubernetesProvider{}, Fake: &esv1.FakeProvider{}},
			message: "names fake and kubernetes: exactly one must be set",
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			got, err := tt.registry.For(tt.spec)
			if got.Name() != tt.want {
				t.Errorf("selects %q, want %q", got.Name(), tt.want)
			}
			if tt.message == "" && err == nil {
				return
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got %v, want Invalid with %q", err, tt.message)
			}
		})
	}
}
