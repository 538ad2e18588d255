package plan

import (
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Validate checks the rules over several fields. The schema has most of them, but an object may be older than its schema. All
// that is wrong is named in one fault.Invalid error.
func Validate(spec *esv1.ExternalSecretSpec) error {
	wrong := policies(&spec.Target)
	if len(spec.Data) == 0 && len(spec.DataFrom) == 0 {
		wrong = append(wrong, "either data or dataFrom should be specified")
	}
	for i := range spec.DataFrom {
		wrong = append(wrong, dataFrom(&spec.DataFrom[i])...)
	}
	if spec.Target.DeletionPolicyOrDefault() == esv1.DeleteRetain {
		wrong = append(wrong, duplicates(spec.Data)...)
	}
	if len(wrong) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "%s", strings.Join(wrong, "; "))
}

func policies(target *esv1.ExternalSecretTarget) []string {
	creation, deletion := target.CreationPolicyOrDefault(), target.DeletionPolicyOrDefault()
	switch {
	case deletion == esv1.DeleteDelete && (creation == esv1.CreateMerge || creation == esv1.CreateNone || creation == esv1.CreateOrMerge):
		return []string{
			"deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
		}
	case deletion == esv1.DeleteMerge && creation == esv1.CreateNone:
		return []string{"deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"}
	default:
		return nil
	}
}

func dataFrom(entry *esv1.ExternalSecretDataFromRemoteRef) []string {
	generator := entry.SourceRef != nil && entry.SourceRef.GeneratorRef != nil
	kinds := 0
	for _, set := range []bool{entry.Extract != nil, entry.Find != nil, generator} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return []string{"extract, find, or generatorRef cannot be set at the same time"}
	case kinds == 0 && entry.SourceRef == nil:
		return []string{"either extract, find, or sourceRef must be set to dataFrom"}
	case kinds == 0 && entry.SourceRef.StoreRef == nil:
		return []string{"generatorRef or storeRef must be set when using sourceRef in dataFrom"}
	case kinds == 0:
		return []string{"either extract or find must be set to dataFrom with a sourceRef.storeRef"}
	default:
		return nil
	}
}

func duplicates(data []esv1.ExternalSecretData) []string {
	var wrong []string
	seen := make(map[string]bool, len(data))
	for _, entry := range data {
		if seen[entry.SecretKey] {
			wrong = append(wrong, "duplicate secretKey found: "+entry.SecretKey)
		}
		seen[entry.SecretKey] = true
	}
	return wrong
}
