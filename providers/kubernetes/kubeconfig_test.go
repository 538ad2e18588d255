package kubernetes

import (
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: main
contexts: [{name: main, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://api.example.com", CLUSTER}}]
users: [{name: u, user: {USER}}]
`

func TestLoadKubeconfig(t *testing.T) {
	for _, tc := range []struct {
		reason, cluster, user, text string
		problem                     string
	}{
		{reason: "a token", user: "token: s3cr3t"},
		{
			reason: "a plugin would run in the operator", user: "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never}",
			problem: "uses exec",
		},
		{reason: "so would an older plugin", user: "auth-provider: {name: oidc}", problem: "uses auth-provider"},
		{reason: "a file of the operator as a token", user: "tokenFile: /var/run/secrets/token", problem: "uses tokenFile"},
		{reason: "a file beside a token", user: "token: s3cr3t, tokenFile: /var/run/secrets/token", problem: "uses tokenFile"},
		{reason: "a file as certificate", user: "client-certificate: /tmp/a", problem: "uses client-certificate"},
		{reason: "a file as key", user: "client-key: /tmp/a", problem: "uses client-key"},
		{reason: "a file as authority", user: "token: s3cr3t", cluster: "certificate-authority: /tmp/a", problem: "uses certificate-authority"},
		{reason: "no context", text: "{apiVersion: v1, kind: Config}", problem: "no context under the name of its current-context"},
		{
			reason: "no user", text: "{apiVersion: v1, kind: Config, current-context: m, contexts: [{name: m, context: {cluster: c, user: u}}]}",
			problem: "names a cluster or a user that is not in it",
		},
		{
			reason: "a server with a password", text: strings.Replace(kubeconfig, "https://", "https://u:s3cr3t@", 1),
			problem: "must not hold a user or a password",
		},
		{reason: "not a kubeconfig", text: "s3cr3t: [", problem: "is not a kubeconfig"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			text := tc.text
			if text == "" {
				text = kubeconfig
			}
			config, err := loadKubeconfig([]byte(strings.NewReplacer(", CLUSTER", ", "+tc.cluster, "USER", tc.user).Replace(text)))
			if tc.problem == "" {
				if err != nil || config.Host != "https://api.example.com" || config.BearerToken != "s3cr3t" {
					t.Errorf("loadKubeconfig gives %v", err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.problem) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("loadKubeconfig gives %v, want %q", err, tc.problem)
			}
		})
	}
}
