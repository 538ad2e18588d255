package secretstore_test

import (
	"errors"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-operator/sluice/controllers/secretstore"
	"github.com/sluice-operator/sluice/test/env/lab"
)

var (
	admin client.Client
	// errLeaky is an error as a library makes it, with a value in its text.
	errLeaky = errors.New("cannot parse hunter2")
)

func TestSecretStore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "secretstore")
}

var _ = BeforeSuite(func(ctx SpecContext) { admin = lab.Start(ctx) })

func config(l *lab.Lab) secretstore.Config {
	d := l.Deps()
	return secretstore.Config{
		Client: d.Client, Stores: d.Stores, Interval: d.StoreInterval, Metrics: d.Metrics, Events: d.Recorder(""), Clock: d.Clock,
	}
}
