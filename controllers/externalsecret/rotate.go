package externalsecret

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
	"github.com/sluice-operator/sluice/internal/pipeline/plan"
)

// request names what new values are asked for with.
func (w *observed) request() string { return w.facts.ForceSync + "|" + w.facts.Rotate }

// renews says whether a rotation is one of a generator's values.
func (w *observed) renews(bound generators.Bound) bool {
	keys := bound.Keys()
	return len(w.keys) == 0 || keys == nil || slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(w.keys, key) })
}

// rotationKeys returns the keys of which new values are asked for. One that no generator makes is an error.
func (c *Controller) rotationKeys(ctx context.Context, es *esv1.ExternalSecret) ([]string, error) {
	asked, err := plan.RotateKeys(es.Annotations[esv1.AnnotationRotate])
	if err != nil {
		return nil, err
	}
	var made []string
	for i := range es.Spec.DataFrom {
		source := es.Spec.DataFrom[i].SourceRef
		if source == nil || source.GeneratorRef == nil {
			continue
		}
		bound, err := c.Generators.Bind(ctx, es.Namespace, *source.GeneratorRef)
		if err != nil {
			return nil, fault.In(err, "spec.dataFrom[%d]", i)
		}
		if bound.Keys() == nil {
			return asked, nil // only a run can tell
		}
		made = append(made, bound.Keys()...)
	}
	slices.Sort(made)
	for _, key := range asked {
		if !slices.Contains(made, key) {
			return nil, fault.New(fault.Invalid, "annotation %s names %q, which no generator in spec.dataFrom makes (they make %s)",
				esv1.AnnotationRotate, key, strings.Join(slices.Compact(made), ", "))
		}
	}
	return asked, nil
}

// rotationMark is what the target says of its last rotation: when it was and what asked for it, by keyed hashes. It is written
// together with the values, so that a rotation that was carried out is known to have been, whatever happens next.
func (c *Controller) rotationMark(es *esv1.ExternalSecret, w *observed) string {
	if w.rotated {
		return fmt.Sprintf("%s %s %s", w.facts.Now.UTC().Format(time.RFC3339), c.asked(es, w.facts.ForceSync), c.asked(es, w.facts.Rotate))
	}
	if w.target == nil {
		return ""
	}
	return w.target.GetAnnotations()[apply.RotationAnnotation(es)]
}

func (c *Controller) asked(es *esv1.ExternalSecret, request string) string {
	return c.Hasher.Of(nil, es.Namespace, es.Name, request)
}

// recallRotation completes the facts by what the target says of a rotation that is younger than the last refresh on record. The
// API server is asked.
func (c *Controller) recallRotation(ctx context.Context, es *esv1.ExternalSecret, w *observed) error {
	for _, owner := range []*esv1.ExternalSecret{es, former(es)} {
		if owner == nil {
			continue
		}
		target, err := c.live(ctx, owner)
		if err != nil {
			return err
		}
		if target == nil {
			continue
		}
		mark := strings.Fields(target.GetAnnotations()[apply.RotationAnnotation(owner)])
		if len(mark) != 3 {
			continue
		}
		if at, err := time.Parse(time.RFC3339, mark[0]); err == nil && at.After(w.facts.RefreshTime) && !w.facts.RefreshTime.IsZero() {
			w.facts.RefreshTime = at
		}
		if mark[1] == c.asked(es, w.facts.ForceSync) {
			w.facts.HandledForceSync = w.facts.ForceSync
		}
		if mark[2] == c.asked(es, w.facts.Rotate) {
			w.facts.HandledRotate = w.facts.Rotate
		}
	}
	return nil
}
