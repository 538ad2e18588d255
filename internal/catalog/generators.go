package catalog

import (
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/fake"
	"github.com/sluice-operator/sluice/generators/password"
	"github.com/sluice-operator/sluice/generators/uuid"
)

// Generators returns all generators.
func Generators() (*generators.Registry, error) {
	return generators.NewRegistry(
		fake.New(),
		password.New(),
		uuid.New(),
	)
}
