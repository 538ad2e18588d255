package kubernetes

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// owned returns the part of live that owner has applied.
func owned(live *corev1.Secret, owner string) content {
	return managed(live, func(entry metav1.ManagedFieldsEntry) bool { return appliedBy(entry, owner) })
}

// shared returns the part of live that others than owner manage.
func shared(live *corev1.Secret, owner string) content {
	return managed(live, func(entry metav1.ManagedFieldsEntry) bool { return !appliedBy(entry, owner) })
}

func appliedBy(entry metav1.ManagedFieldsEntry, owner string) bool {
	return entry.Manager == owner && entry.Operation == metav1.ManagedFieldsOperationApply
}

func managed(live *corev1.Secret, by func(metav1.ManagedFieldsEntry) bool) content {
	part := newContent()
	for _, entry := range live.ManagedFields {
		if entry.FieldsV1 == nil || !by(entry) {
			continue
		}
		set := fieldpath.Set{}
		// An entry that cannot be read grants nothing: the API server then decides about a conflict.
		if set.FromJSON(entry.FieldsV1.GetRawReader()) == nil {
			set.Iterate(func(path fieldpath.Path) { take(&part, live, path) })
		}
	}
	return part
}

// take copies the value at path from live to part.
func take(part *content, live *corev1.Secret, path fieldpath.Path) {
	names := make([]string, 0, len(path))
	for _, element := range path {
		if element.FieldName == nil {
			return
		}
		names = append(names, *element.FieldName)
	}
	last := names[len(names)-1]
	switch strings.Join(names[:len(names)-1], ".") {
	case "":
		if last == "type" {
			part.secretType = live.Type
		}
	case "data":
		copyKey(part.data, live.Data, last)
	case "metadata.labels":
		copyKey(part.labels, live.Labels, last)
	case "metadata.annotations":
		copyKey(part.annotations, live.Annotations, last)
	}
}

func copyKey[V any](to, from map[string]V, key string) {
	if value, exists := from[key]; exists {
		to[key] = value
	}
}

// conflict is a field that another manager owns with another value.
type conflict struct{ field, manager string }

// conflictManager matches the API server's text about a conflict, as in: conflict with "kubectl-edit" using v1.
var conflictManager = regexp.MustCompile(`^conflict with ("(?:[^"\\]|\\.)*")`)

// conflicts returns what an apply collided with, nil when err is of another kind.
func conflicts(err error) (found []conflict) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := "unknown"
		if match := conflictManager.FindStringSubmatch(cause.Message); match != nil {
			if name, err := strconv.Unquote(match[1]); err == nil {
				manager = name
			}
		}
		found = append(found, conflict{field: cause.Field, manager: manager})
	}
	return found
}

// The prefixes of the API server's names of fields.
const (
	dataPrefix       = ".data."
	labelPrefix      = ".metadata.labels."
	annotationPrefix = ".metadata.annotations."
)

// allowed reports whether w may write over the field. What the owner has pushed before includes the labels and
// annotations of that push.
func (c conflict) allowed(w providers.Write, meta metadata) bool {
	if key, isData := strings.CutPrefix(c.field, dataPrefix); isData {
		return w.TakesFrom(c.manager, key)
	}
	return w.Replace || len(w.Pushed) > 0 || meta.TargetMergePolicy == policyReplace
}

// String describes the field as a user knows it.
func (c conflict) String() string {
	for _, known := range []struct{ prefix, noun string }{{dataPrefix, "key"}, {labelPrefix, "label"}, {annotationPrefix, "annotation"}} {
		if name, found := strings.CutPrefix(c.field, known.prefix); found {
			return known.noun + " " + strconv.Quote(name)
		}
	}
	return "field " + strings.TrimPrefix(c.field, ".")
}

// refusal returns the error for the first conflict that w does not allow, nil when all are allowed.
func refusal(found []conflict, at target, w providers.Write, meta metadata, cause error) error {
	found = slices.DeleteFunc(found, func(c conflict) bool { return c.allowed(w, meta) })
	if len(found) == 0 {
		return nil
	}
	what := fmt.Sprintf("%s of secret %q", found[0], at)
	if len(found) > 1 {
		what += fmt.Sprintf(" (and %d more)", len(found)-1)
	}
	return because(w.Refusal(what, found[0].manager), cause)
}

// because adds the cause to a fault.
func because(err, cause error) error {
	return fault.Wrap(fault.KindOf(err), cause, "%s", fault.Message(err))
}

// rivalry returns an error when w would remove what a rival has in live.
func rivalry(at target, live *corev1.Secret, w providers.Write) error {
	if live == nil || !w.Clears() {
		return nil
	}
	for _, entry := range live.ManagedFields {
		if entry.Manager == w.Owner || w.ClearsFrom(entry.Manager) {
			continue
		}
		theirs := managed(live, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == entry.Manager })
		for _, name := range slices.Sorted(maps.Keys(theirs.data)) {
			if _, wanted := w.Fields[name]; !wanted {
				return w.Refusal(fmt.Sprintf("key %q of secret %q", name, at), entry.Manager)
			}
		}
	}
	return nil
}
