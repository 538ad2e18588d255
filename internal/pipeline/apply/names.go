package apply

import (
	"fmt"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// maxReadableName is the longest field manager, and the longest name part of an annotation, in which an
// ExternalSecret's name is written out.
const maxReadableName = 63

// FieldManager returns the field manager of the ExternalSecret of the given name.
func FieldManager(name string) string {
	if manager := esv1.FieldManagerPrefix + name; len(manager) <= maxReadableName {
		return manager
	}
	return esv1.FieldManagerPrefix + "sha3/" + plan.Digest(name)
}

// CreatedBy returns the value of the label that names the creator of a Secret.
func CreatedBy(namespace, name string) string { return plan.Digest(namespace + "/" + name) }

// described returns what an error calls the target of owner: its kind and its name.
func described(owner *esv1.ExternalSecret) string {
	kind := "secret"
	if m := owner.Spec.Target.Manifest; !m.IsSecret() {
		kind = m.Kind
	}
	return fmt.Sprintf("%s %q", kind, owner.TargetName())
}

// hashPrefix precedes the name of an ExternalSecret that shares its target with others.
const hashPrefix = "data-hash.sluice.dev/"

// HashAnnotation returns the annotation in which the fingerprints of what owner delivered stand. ExternalSecrets that
// share a target have one each, so that they do not fight over it.
func HashAnnotation(owner *esv1.ExternalSecret) string {
	if owns(owner.Spec.Target.CreationPolicyOrDefault()) {
		return esv1.AnnotationDataHash
	}
	return hashPrefix + part(owner.Name)
}

// generatedPrefix precedes the name of an ExternalSecret that takes values from generators.
const generatedPrefix = "generated.sluice.dev/"

// GeneratedAnnotation returns the annotation in which it stands under which keys of the target generated values are found.
func GeneratedAnnotation(owner *esv1.ExternalSecret) string {
	return generatedPrefix + part(owner.Name)
}

// leasePrefix precedes the name of an ExternalSecret whose values are lent.
const leasePrefix = "lease.sluice.dev/"

// LeaseAnnotation returns the annotation in which the target names the GeneratorStates that its values belong to.
func LeaseAnnotation(owner *esv1.ExternalSecret) string {
	return leasePrefix + part(owner.Name)
}

// rotationPrefix precedes the name of an ExternalSecret whose generated values were rotated.
const rotationPrefix = "rotation.sluice.dev/"

// RotationAnnotation returns the annotation in which the target says when its generated values were last rotated, and what for.
func RotationAnnotation(owner *esv1.ExternalSecret) string {
	return rotationPrefix + part(owner.Name)
}

// part returns a name as the part of an annotation after the slash.
func part(name string) string {
	if len(name) <= maxReadableName {
		return name
	}
	return plan.Digest(name)
}
