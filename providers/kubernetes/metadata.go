package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	strictjson "sigs.k8s.io/json"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// What a push may write under metadata.
const (
	metadataAPIVersion = "kubernetes.external-secrets.io/v1alpha1"
	metadataKind       = "PushSecretMetadata"
)

// mergePolicy says what becomes of labels and annotations.
type mergePolicy string

const (
	policyMerge   mergePolicy = "Merge"
	policyReplace mergePolicy = "Replace"
	policyIgnore  mergePolicy = "Ignore"
)

// pushMetadata is the metadata of one push.
type pushMetadata struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Spec       metadata `json:"spec"`
}

type metadata struct {
	// TargetMergePolicy is about what the remote Secret has: Merge adds to it, Replace leaves nothing else, Ignore
	// leaves it alone.
	TargetMergePolicy mergePolicy `json:"targetMergePolicy"`
	// SourceMergePolicy is about what the source has: Merge adds Labels and Annotations to it, Replace takes them alone.
	SourceMergePolicy mergePolicy       `json:"sourceMergePolicy"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	// RemoteNamespace takes the place of the store's namespace.
	RemoteNamespace string `json:"remoteNamespace"`
}

// parseMetadata reads the options of a push; raw may be nil. No decoder's text gets into an error, since it may quote a
// label's value.
func parseMetadata(raw json.RawMessage, store providers.Store) (metadata, error) {
	parsed := pushMetadata{APIVersion: metadataAPIVersion, Kind: metadataKind}
	if len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		parsed = pushMetadata{}
		if err := decodeMetadata(raw, &parsed); err != nil {
			return metadata{}, err
		}
	}
	if parsed.APIVersion != metadataAPIVersion {
		return metadata{}, fault.New(fault.Invalid, "metadata.apiVersion is %q, must be %q", parsed.APIVersion, metadataAPIVersion)
	}
	if parsed.Kind != metadataKind {
		return metadata{}, fault.New(fault.Invalid, "metadata.kind is %q, must be %q", parsed.Kind, metadataKind)
	}
	err := parsed.Spec.validate(store)
	return parsed.Spec, err
}

func decodeMetadata(raw json.RawMessage, into *pushMetadata) error {
	unknown, err := strictjson.UnmarshalStrict(raw, into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		path := strings.TrimSuffix("metadata."+wrongType.Field, ".")
		return fault.Wrap(fault.Invalid, err, "%s must not be a %s", path, jsonType(wrongType.Value))
	case err != nil:
		return fault.Wrap(fault.Invalid, err, "metadata is not valid JSON")
	case len(unknown) > 0:
		return fault.New(fault.Invalid, "metadata: %s", unknown[0])
	}
	return nil
}

// jsonType cuts a literal off a decoder's description of what it found, such as "number 12".
func jsonType(found string) string {
	kind, _, _ := strings.Cut(found, " ")
	return kind
}

// validate checks m and fills in its defaults.
func (m *metadata) validate(store providers.Store) error {
	switch m.TargetMergePolicy {
	case "":
		m.TargetMergePolicy = policyMerge
	case policyMerge, policyReplace, policyIgnore:
	default:
		return fault.New(fault.Invalid, "metadata.spec.targetMergePolicy must be Merge, Replace or Ignore")
	}
	switch m.SourceMergePolicy {
	case "":
		m.SourceMergePolicy = policyMerge
	case policyMerge, policyReplace:
	default:
		return fault.New(fault.Invalid, "metadata.spec.sourceMergePolicy must be Merge or Replace")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Annotations)) {
		if !portable(name, "") {
			return fault.New(fault.Invalid, "metadata.spec.annotations: %s is refused: it would bind the secret to a ServiceAccount", name)
		}
	}
	if m.RemoteNamespace == "" {
		return nil
	}
	if !store.IsCluster() {
		return fault.New(fault.Invalid, "metadata.spec.remoteNamespace is only supported with a ClusterSecretStore")
	}
	if len(validation.IsDNS1123Label(m.RemoteNamespace)) > 0 {
		return fault.New(fault.Invalid, "metadata.spec.remoteNamespace is not a valid name of a namespace")
	}
	return nil
}
