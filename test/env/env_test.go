package env_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-operator/sluice/test/env"
)

const namespace = "env"

// TestCluster starts one control plane and asks of it what Sluice's tests rely on.
func TestCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	cluster, err := env.Start(ctx, env.Options{ControllerManager: true, CRDDirs: []string{"test/env/testdata/crds"}, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(cluster.Kubeconfig()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary folder is left behind: %v", err)
		}
	})
	if _, err := cluster.Kubectl(ctx, nil, "create", "namespace", namespace); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name   string
		reason string
		check  func(ctx context.Context, t *testing.T, cluster *env.Cluster)
	}{
		{"root CA", "pods and stores trust the API server by it, in every new namespace", checkRootCA},
		{"token with audience", "stores log in with tokens that are for one audience only", checkToken},
		{"rights", "a process under test must have the rights of its ServiceAccount and no others", checkRights},
		{"garbage collection", "a target Secret goes with its owner, also when the owner is a custom resource", checkGarbageCollection},
		{"kubectl fails", "a scenario that expects a refusal needs the words of the refusal", checkKubectlError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Log(test.reason)
			test.check(ctx, t, cluster)
		})
	}
}

func checkRootCA(ctx context.Context, t *testing.T, cluster *env.Cluster) {
	client := admin(t, cluster)
	eventually(ctx, t, "kube-root-ca.crt exists", func(ctx context.Context) (bool, error) {
		config, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil && config.Data["ca.crt"] == string(cluster.Config.CAData), err
	})
}

func checkToken(ctx context.Context, t *testing.T, cluster *env.Cluster) {
	client := admin(t, cluster)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"vault"}}}
	serviceAccount(ctx, t, cluster, "audience")
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "audience", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for audience, want := range map[string]bool{"vault": true, "other": false} {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
			Token: answer.Status.Token, Audiences: []string{audience},
		}}
		review, err := client.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Authenticated != want {
			t.Errorf("audience %q: authenticated is %t, want %t", audience, review.Status.Authenticated, want)
		}
	}
}

func checkRights(ctx context.Context, t *testing.T, cluster *env.Cluster) {
	serviceAccount(ctx, t, cluster, "reader")
	for _, args := range [][]string{
		{"create", "role", "reader", "--verb=list", "--resource=configmaps"},
		{"create", "rolebinding", "reader", "--role=reader", "--serviceaccount=" + namespace + ":reader"},
	} {
		if _, err := cluster.Kubectl(ctx, nil, append(args, "--namespace="+namespace)...); err != nil {
			t.Fatal(err)
		}
	}
	path, err := cluster.KubeconfigFor(ctx, namespace, "reader")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	eventually(ctx, t, "the granted right is there", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return err == nil, err
	})
	if _, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list Secrets without the right: got %v, want forbidden", err)
	}
	if _, err := client.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list ConfigMaps of another namespace: got %v, want forbidden", err)
	}
}

func checkGarbageCollection(ctx context.Context, t *testing.T, cluster *env.Cluster) {
	owner := "apiVersion: env.example.com/v1\nkind: Owner\nmetadata: {name: owner, namespace: " + namespace + "}\n"
	if _, err := cluster.Kubectl(ctx, strings.NewReader(owner), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	uid, err := cluster.Kubectl(ctx, nil, "get", "owners/owner", "--namespace="+namespace, "--output=jsonpath={.metadata.uid}")
	if err != nil {
		t.Fatal(err)
	}
	secrets := admin(t, cluster).CoreV1().Secrets(namespace)
	owned := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name:            "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "env.example.com/v1", Kind: "Owner", Name: "owner", UID: types.UID(uid)}},
	}}
	if _, err := secrets.Create(ctx, owned, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Kubectl(ctx, nil, "delete", "owners/owner", "--namespace="+namespace); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "the owned Secret is gone", func(ctx context.Context) (bool, error) {
		_, err := secrets.Get(ctx, "owned", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

func checkKubectlError(ctx context.Context, t *testing.T, cluster *env.Cluster) {
	_, err := cluster.Kubectl(ctx, nil, "get", "secret", "absent")
	if err == nil || !strings.Contains(err.Error(), `secrets "absent" not found`) {
		t.Errorf("got %v, want the answer of the API server", err)
	}
}

func TestAssetsDirSaysWhatToRun(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", empty)
	if _, err := env.AssetsDir(); err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("KUBEBUILDER_ASSETS without binaries: got %v, want an error that names the folder", err)
	}

	t.Setenv("KUBEBUILDER_ASSETS", "")
	module := "module github.com/sluice-operator/sluice\n"
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(empty)
	if _, err := env.AssetsDir(); err == nil || !strings.Contains(err.Error(), "make controlplane") {
		t.Errorf("nothing built: got %v, want an error that says what to run", err)
	}
}

func admin(t *testing.T, cluster *env.Cluster) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func serviceAccount(ctx context.Context, t *testing.T, cluster *env.Cluster, name string) {
	t.Helper()
	if _, err := cluster.Kubectl(ctx, nil, "create", "serviceaccount", name, "--namespace="+namespace); err != nil {
		t.Fatal(err)
	}
}

func eventually(ctx context.Context, t *testing.T, what string, condition wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
