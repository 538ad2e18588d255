package story

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sluice-operator/sluice/test/env"
)

func TestTry(t *testing.T) {
	ctx := context.Background()
	w, err := env.Start(
		ctx,
		env.Options{ControllerManager: true, CRDDirs: []string{"config/crd/bases"}, Dir: "/tmp/trydir", Log: os.Stderr},
	)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("KUBECONFIG", w.Kubeconfig())
	time.Sleep(60 * time.Minute)
}
