package controllers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/events"

	"github.com/sluice-operator/sluice/controllers"
)

func TestAll(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		reason string
		deps   controllers.Deps
		want   []string
	}{
		{
			name: "everything", reason: "the defaults of the flags turn every controller on",
			deps: controllers.Deps{
				PushSecrets: true, CheckStores: true, CheckClusterStores: true, ClusterExternalSecrets: true, ClusterPushSecrets: true,
				GeneratorStates: true,
			},
			want: []string{
				"externalsecret", "clusterexternalsecret", "generatorstate", "pushsecret", "clusterpushsecret", "secretstore", "clustersecretstore",
			},
		},
		{
			name: "without ClusterPushSecrets", reason: "--enable-cluster-push-secret-reconciler=false, or --namespace",
			deps: controllers.Deps{PushSecrets: true, CheckStores: true, CheckClusterStores: true, ClusterExternalSecrets: true},
			want: []string{"externalsecret", "clusterexternalsecret", "pushsecret", "secretstore", "clustersecretstore"},
		},
		{
			name: "without ClusterExternalSecrets", reason: "--enable-cluster-external-secret-reconciler=false, or --namespace",
			deps: controllers.Deps{PushSecrets: true, CheckStores: true, CheckClusterStores: true},
			want: []string{"externalsecret", "pushsecret", "secretstore", "clustersecretstore"},
		},
		{
			name: "without PushSecrets", reason: "--enable-push-secret-reconciler=false",
			deps: controllers.Deps{CheckStores: true, CheckClusterStores: true},
			want: []string{"externalsecret", "secretstore", "clustersecretstore"},
		},
		{
			name: "without ClusterSecretStores", reason: "--enable-cluster-store-reconciler=false",
			deps: controllers.Deps{PushSecrets: true, CheckStores: true},
			want: []string{"externalsecret", "pushsecret", "secretstore"},
		},
		{
			name: "ExternalSecrets alone", reason: "no flag turns these off: they are what the operator is for",
			want: []string{"externalsecret"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.deps.Recorder = func(string) events.EventRecorder { return &events.FakeRecorder{} }
			var names []string
			for _, c := range controllers.All(tt.deps) {
				names = append(names, c.Name())
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("%s: %s", tt.reason, diff)
			}
		})
	}
}
