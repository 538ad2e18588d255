package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// marked is a value that no error may repeat.
const marked = "s3cr3t-marked-value"

func checkFault(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), marked) {
		t.Errorf("%v, want fault.Invalid without a value", err)
	}
}

// FuzzLoadKubeconfig checks that no kubeconfig makes the operator run a program or read a file.
func FuzzLoadKubeconfig(f *testing.F) {
	f.Add("https://api.example.com", "", "")
	f.Add("https://u:p@api.example.com", "insecure-skip-tls-verify: true", "username: u, password: p")
	f.Add("api.example.com:6443", "certificate-authority-data: eA==", "client-certificate-data: eA==, client-key-data: eA==")
	f.Add("https://[::1]", "proxy-url: 'http://proxy'", "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never}")
	f.Add("https://a", "certificate-authority: /tmp/a", "tokenFile: /tmp/a, as: root")
	f.Add("unix:///x", "tls-server-name: x}}, {name: c, cluster: {server: 'https://b'", "client-key: /tmp/a, auth-provider: {name: oidc}")
	f.Fuzz(func(t *testing.T, server, cluster, user string) {
		if strings.Contains(server+cluster+user, marked) {
			t.Skip("the marked value stands where it may be named")
		}
		config, err := loadKubeconfig(fmt.Appendf(nil, `
apiVersion: v1
kind: Config
current-context: main
contexts: [{name: main, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: %q, %s}}]
users: [{name: u, user: {token: %s, %s}}]
`, server, cluster, marked, user))
		if err != nil {
			checkFault(t, err)
			return
		}
		if config.ExecProvider != nil || config.AuthProvider != nil {
			t.Error("the kubeconfig may run a program")
		}
		if files := config.BearerTokenFile + config.CertFile + config.KeyFile + config.CAFile; files != "" {
			t.Errorf("the kubeconfig may read %s", files)
		}
	})
}

// FuzzParseMetadata checks that what is accepted is valid, and the same when it is written and read again.
func FuzzParseMetadata(f *testing.F) {
	f.Add(metadataAPIVersion, metadataKind, "app", "")
	f.Add(metadataAPIVersion, metadataKind, "", `,"targetMergePolicy":"Ignore","sourceMergePolicy":"Replace","remoteNamespace":"x"`)
	f.Add(metadataAPIVersion, metadataKind, "a/b", `,"annotations":{"a":1}`)
	f.Add("v1", "Kind", "x", `,"labels":null`)
	f.Add(metadataAPIVersion, metadataKind, "x", `,"Labels":{},"remoteNamespace":""}`)
	store := providers.Store{Kind: esv1.KindClusterSecretStore, Name: "s"}
	f.Fuzz(func(t *testing.T, version, kind, label, more string) {
		if strings.Contains(version+kind+label+more, marked) {
			t.Skip("the marked value stands where it may be named")
		}
		labels, err := json.Marshal(map[string]string{label: marked})
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseMetadata(fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"spec":{"labels":%s%s}}`, version, kind, labels, more), store)
		if err != nil {
			checkFault(t, err)
			return
		}
		if got.RemoteNamespace != "" && len(validation.IsDNS1123Label(got.RemoteNamespace)) > 0 {
			t.Errorf("namespace %q is accepted", got.RemoteNamespace)
		}
		again, err := json.Marshal(pushMetadata{APIVersion: metadataAPIVersion, Kind: metadataKind, Spec: got})
		if err != nil {
			t.Fatal(err)
		}
		reread, err := parseMetadata(again, store)
		if diff := cmp.Diff(got, reread); err != nil || diff != "" {
			t.Errorf("%s is read as something else: %v\n%s", again, err, diff)
		}
	})
}
