package externalsecret

import (
	"context"
	"strings"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// rotationMark is what a target says of the rotation that its generated values come from: when it was, and what asked for
// it. It is written together with the values, so that it is there when the process dies before it has written a status.
func rotationMark(f plan.Facts) string {
	return f.Now.UTC().Format(time.RFC3339) + "," + plan.Digest(f.ForceSync)
}

// recognise takes a rotation that is not older than the last refresh on record for what it is: one that was carried out, and
// of which there was no time to write it down, or that the cache does not show yet. The API server is asked for the target.
func (c *Controller) recognise(ctx context.Context, es *esv1.ExternalSecret, w *observed) error {
	target, err := c.live(ctx, es)
	if err != nil || target == nil {
		return err
	}
	at, request, _ := strings.Cut(target.GetAnnotations()[apply.RotationAnnotation(es)], ",")
	rotated, err := time.Parse(time.RFC3339, at)
	if err != nil || es.Status.RefreshTime == nil || rotated.Before(es.Status.RefreshTime.Time) {
		return nil //nolint:nilerr // what is no mark tells nothing
	}
	if rotated.After(w.facts.RefreshTime) {
		w.facts.RefreshTime = rotated
	}
	if request == plan.Digest(w.facts.ForceSync) {
		w.facts.HandledForceSync = w.facts.ForceSync
	}
	return nil
}

// rotation returns the mark of the target that is about to be made; empty for one that has never been rotated.
func (w *observed) rotation(es *esv1.ExternalSecret) string {
	if w.rotates {
		return rotationMark(w.facts)
	}
	if w.target == nil {
		return ""
	}
	return w.target.GetAnnotations()[apply.RotationAnnotation(es)]
}
