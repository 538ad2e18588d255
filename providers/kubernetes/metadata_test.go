package kubernetes

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

func TestParseMetadata(t *testing.T) {
	cluster := providers.Store{Kind: esv1.KindClusterSecretStore, Name: "s"}
	namespaced := providers.Store{Kind: esv1.KindSecretStore, Namespace: "n", Name: "s"}
	defaults := metadata{TargetMergePolicy: policyMerge, SourceMergePolicy: policyMerge}
	document := func(spec string) string {
		return `{"apiVersion":"kubernetes.external-secrets.io/v1alpha1","kind":"PushSecretMetadata","spec":` + spec + `}`
	}
	for _, tc := range []struct {
		reason, raw string
		store       providers.Store
		want        metadata
		problem     string
	}{
		{reason: "nothing written", want: defaults},
		{reason: "null", raw: "null", want: defaults},
		{reason: "no spec", raw: document("{}"), want: defaults},
		{
			reason: "everything",
			raw:    document(`{"targetMergePolicy":"Ignore","sourceMergePolicy":"Replace","labels":{"a":"b"},"annotations":{"c":"d"},"remoteNamespace":"x"}`),
			store:  cluster,
			want: metadata{
				TargetMergePolicy: policyIgnore, SourceMergePolicy: policyReplace,
				Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}, RemoteNamespace: "x",
			},
		},
		{reason: "unknown field", raw: document(`{"mergePolicy":"s3cr3t"}`), problem: `metadata: unknown field "spec.mergePolicy"`},
		{reason: "letter case counts", raw: document(`{"Labels":{}}`), problem: `metadata: unknown field "spec.Labels"`},
		{
			reason: "wrong version", raw: `{"apiVersion":"v1","kind":"PushSecretMetadata"}`,
			problem: `metadata.apiVersion is "v1", must be "kubernetes.external-secrets.io/v1alpha1"`,
		},
		{reason: "no version", raw: `{}`, problem: `metadata.apiVersion is "", must be "kubernetes.external-secrets.io/v1alpha1"`},
		{
			reason: "wrong kind", raw: `{"apiVersion":"kubernetes.external-secrets.io/v1alpha1","kind":"x"}`,
			problem: `metadata.kind is "x", must be "PushSecretMetadata"`,
		},
		{reason: "wrong type", raw: document(`{"remoteNamespace":12345}`), problem: "metadata.spec.remoteNamespace must not be a number"},
		{reason: "wrong type in a map", raw: document(`{"labels":{"a":12345}}`), problem: "metadata.spec.labels must not be a number"},
		{reason: "not an object", raw: `"s3cr3t"`, problem: "metadata must not be a string"},
		{
			reason: "unknown target policy", raw: document(`{"targetMergePolicy":"merge"}`),
			problem: "metadata.spec.targetMergePolicy must be Merge, Replace or Ignore",
		},
		{
			reason: "unknown source policy", raw: document(`{"sourceMergePolicy":"Ignore"}`),
			problem: "metadata.spec.sourceMergePolicy must be Merge or Replace",
		},
		{
			reason: "an annotation that asks for a token", raw: document(`{"annotations":{"kubernetes.io/service-account.name":"s3cr3t"}}`),
			problem: "metadata.spec.annotations: kubernetes.io/service-account.name is refused: it would bind the secret to a ServiceAccount",
		},
		{
			reason: "namespace in a namespaced store", raw: document(`{"remoteNamespace":"x"}`), store: namespaced,
			problem: "metadata.spec.remoteNamespace is only supported with a ClusterSecretStore",
		},
		{
			reason: "bad namespace", raw: document(`{"remoteNamespace":"a/b"}`), store: cluster,
			problem: "metadata.spec.remoteNamespace is not a valid name of a namespace",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := parseMetadata(json.RawMessage(tc.raw), tc.store)
			if tc.problem == "" {
				if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
					t.Errorf("parseMetadata gives %v, difference %s", err, diff)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || err.Error() != tc.problem {
				t.Errorf("parseMetadata gives %v, want %s", err, tc.problem)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "12345")) {
				t.Error("the error quotes a value")
			}
		})
	}
}
