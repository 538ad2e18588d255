package catalog

import (
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/beyondtrustworkloadcredentialsdynamicsecret"
	"github.com/sluice-operator/sluice/generators/fake"
	"github.com/sluice-operator/sluice/generators/mfa"
	"github.com/sluice-operator/sluice/generators/password"
	"github.com/sluice-operator/sluice/generators/sshkey"
	"github.com/sluice-operator/sluice/generators/uuid"
	"github.com/sluice-operator/sluice/generators/webhook"
)

// Generators returns all generators.
func Generators() (*generators.Registry, error) {
	return generators.NewRegistry(
		beyondtrustworkloadcredentialsdynamicsecret.New(),
		fake.New(),
		mfa.New(),
		password.New(),
		sshkey.New(),
		uuid.New(),
		webhook.New(),
	)
}
