package apply

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Claim turns what the reference implementation has written to target into something that owner has applied: it writes by
// updates, under the same field manager, and to the API server these are two managers. Without it a key from there would
// stay when it is not wanted any more. target is nil when there is none; live reads from the API server, since a cache
// does not keep the other managers.
func Claim(ctx context.Context, live client.Reader, c client.Client, owner *esv1.ExternalSecret, target *Target) error {
	manager := FieldManager(owner.Name)
	updated := func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == ""
	}
	if target == nil || !slices.ContainsFunc(target.GetManagedFields(), updated) {
		return nil
	}
	whole := reference(owner)
	if err := live.Get(ctx, client.ObjectKeyFromObject(target), whole); err != nil {
		return fault.OfWrite(client.IgnoreNotFound(err), "get", placeOf(owner))
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(whole, sets.New(manager), manager)
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "the managed fields of %s cannot be read", described(owner))
	}
	if patch == nil {
		return nil
	}
	// What comes from there need not have the label by which the cache selects Secrets; what is applied next has.
	return fault.OfWrite(uncached{c}.Patch(ctx, whole, client.RawPatch(types.JSONPatchType, patch)), "patch", placeOf(owner))
}
