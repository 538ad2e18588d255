package externalsecret

import (
	"maps"
	"slices"
	"strings"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// memory says where each generated value stands in a target: under which key, unchanged; under none when a template has
// used it up. It stands on the target itself, so that the values are found again under another template and another
// name, and when the status is lost. Names of keys are no secret.
type memory map[string]string

// remember returns the memory of a target that is made by spec from generated values of the given names.
func remember(spec *esv1.ExternalSecretSpec, names []string) memory {
	m := make(memory, len(names))
	for _, name := range names {
		if carrier, ok := plan.Carrier(spec, name); ok {
			m[name] = carrier
		} else {
			m[name] = ""
		}
	}
	return m
}

// String returns the text from which recall makes the memory again. No key of a Secret has a comma or an equals sign.
func (m memory) String() string {
	parts := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, name+"="+m[name])
	}
	return strings.Join(parts, ",")
}

// past is what was delivered before.
type past struct {
	data   map[string][]byte
	memory memory
	// elsewhere says that a template has put something into other fields than data.
	elsewhere bool
	// leases names the states that the values belong to.
	leases string
}

// none says that nothing was delivered, or that all of it is lost.
func (p past) none() bool { return len(p.data) == 0 && !p.elsewhere }

// recall returns what owner delivered to a target.
func recall(owner *esv1.ExternalSecret, target *apply.Target, seen apply.Observed) past {
	p := past{
		data: seen.Data, memory: memory{}, elsewhere: seen.Elsewhere,
		leases: target.GetAnnotations()[apply.LeaseAnnotation(owner)],
	}
	for part := range strings.SplitSeq(target.GetAnnotations()[apply.GeneratedAnnotation(owner)], ",") {
		if name, carrier, ok := strings.Cut(part, "="); ok {
			p.memory[name] = carrier
		}
	}
	return p
}

// find returns the value of a generated key, nil when it was never delivered or is lost, and whether a template has used
// it up. Where nothing is remembered, the target was made by spec as far as anybody knows.
func (p past) find(spec *esv1.ExternalSecretSpec, name string) (value []byte, usedUp bool) {
	carrier, known := p.memory[name]
	if len(p.memory) == 0 {
		var ok bool
		carrier, ok = plan.Carrier(spec, name)
		known, usedUp = ok, !ok
	}
	if !known {
		return nil, usedUp
	}
	return p.data[carrier], carrier == ""
}
