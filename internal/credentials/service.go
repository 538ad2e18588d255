package credentials

import (
	"cmp"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// Service resolves references with the operator's own rights, within what their referrers may see. It is safe for
// concurrent use.
type Service struct {
	reader client.Reader
	tokens client.SubResourceClientConstructor
}

// New returns a Service that reads Secrets and ConfigMaps through reader, which must be uncached, and requests tokens
// through tokens.
func New(reader client.Reader, tokens client.SubResourceClientConstructor) *Service {
	return &Service{reader: reader, tokens: tokens}
}

// Referrer is the object that holds a reference.
type Referrer struct {
	// Kind of the object, such as SecretStore, ClusterSecretStore, ClusterGenerator or Password.
	Kind string
	// Namespace of the object; empty when it is cluster-scoped.
	Namespace string
	// Consumer is the namespace of the object on whose behalf the reference is followed. Empty when a store is checked
	// by itself.
	Consumer string
}

// For returns the resolver of what r refers to.
func (s *Service) For(r Referrer) *Resolver { return &Resolver{service: s, referrer: r} }

// namespace returns the namespace in which a reference to object is looked up, where selected is the namespace that the
// reference names, if any.
func (r Referrer) namespace(selected *string, object string) (string, error) {
	if r.Kind == "" || (r.Namespace != "" && r.Consumer != "" && r.Consumer != r.Namespace) {
		return "", fault.New(fault.Invalid, "%s: a %q of namespace %q cannot be used from namespace %q",
			object, r.Kind, r.Namespace, r.Consumer)
	}
	want, home := ptr.Deref(selected, ""), cmp.Or(r.Namespace, r.Consumer)
	if r.Kind == esv1.KindClusterSecretStore {
		home = cmp.Or(want, home)
	}
	if home == "" {
		return "", fault.Wrap(fault.Invalid, providers.ErrNeedsConsumer, "%s is in the namespace of the object that uses the %s",
			object, r.Kind)
	}
	if want != "" && want != home {
		return "", fault.New(fault.Invalid,
			"%s: the namespace of the reference is %q, but a %s may only refer to namespace %q: leave it empty", object, want, r.Kind, home)
	}
	return home, nil
}

// caNamespace is namespace for the reference to a certificate authority, whose rules are stricter in stores: in a
// ClusterSecretStore the namespace is required, in a SecretStore it must be empty.
func (r Referrer) caNamespace(selected *string, object string) (string, error) {
	given := ptr.Deref(selected, "") != ""
	switch {
	case r.Kind == esv1.KindClusterSecretStore && !given:
		return "", fault.New(fault.Invalid, "%s: caProvider.namespace must be set in a %s", object, r.Kind)
	case r.Kind == esv1.KindSecretStore && given:
		return "", fault.New(fault.Invalid, "%s: caProvider.namespace must be empty in a %s", object, r.Kind)
	}
	return r.namespace(selected, object)
}
