package ownership_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/ownership"
)

const (
	me = "externalsecrets.external-secrets.io/mine"
	// marked is in broken managed fields, so that an error text that quotes them is found.
	marked = "do-not-quote"
)

// entry is what manager owns by server-side apply, changed by edits.
func entry(manager, fields string, edits ...func(*metav1.ManagedFieldsEntry)) metav1.ManagedFieldsEntry {
	e := metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(fields),
	}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

func object(entries ...metav1.ManagedFieldsEntry) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", ManagedFields: entries}}
}

func TestAppliedKeys(t *testing.T) {
	const fields = `{"f:data":{".":{},"f:b":{},"f:a":{}},"f:metadata":{"f:labels":{"f:app.io/x":{}}},"f:type":{}}`
	update := func(e *metav1.ManagedFieldsEntry) { e.Operation = metav1.ManagedFieldsOperationUpdate }
	status := func(e *metav1.ManagedFieldsEntry) { e.Subresource = "status" }
	none := func(e *metav1.ManagedFieldsEntry) { e.FieldsV1 = nil }
	mine := []metav1.ManagedFieldsEntry{entry(me, fields)}
	tests := []struct {
		reason  string
		entries []metav1.ManagedFieldsEntry
		path    []string
		want    []string
	}{
		{reason: "nobody has applied anything", path: []string{"data"}},
		{reason: "the members of a map, sorted", entries: mine, path: []string{"data"}, want: []string{"a", "b"}},
		{reason: "of a map in a map", entries: mine, path: []string{"metadata", "labels"}, want: []string{"app.io/x"}},
		{reason: "of the object itself, with a map that is owned as such", entries: mine, want: []string{"data", "type"}},
		{reason: "of a map that is not owned", entries: mine, path: []string{"metadata", "annotations"}},
		{reason: "another manager's do not count", entries: []metav1.ManagedFieldsEntry{entry("kubectl", fields)}, path: []string{"data"}},
		{reason: "nor does an update by the same", entries: []metav1.ManagedFieldsEntry{entry(me, fields, update)}, path: []string{"data"}},
		{reason: "nor a write to the status", entries: []metav1.ManagedFieldsEntry{entry(me, fields, status)}, path: []string{"data"}},
		{reason: "an entry without fields owns none", entries: []metav1.ManagedFieldsEntry{entry(me, fields, none)}, path: []string{"data"}},
		{
			reason:  "one's own is found among others",
			entries: []metav1.ManagedFieldsEntry{entry("a", `{"f:data":{"f:z":{}}}`), entry(me, `{}`, update), entry(me, fields)},
			path:    []string{"data"}, want: []string{"a", "b"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			set, err := ownership.Applied(object(tt.entries...), me)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, ownership.Keys(set, tt.path...)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	const fields = `{"f:metadata":{"f:labels":{"f:app.io/x":{}}},"f:spec":{".":{},"f:a":{},"f:b":{"f:c":{}},
		"f:list":{"k:{\"name\":\"x\"}":{".":{},"f:name":{},"f:port":{}}},"f:set":{"v:\"one\"":{}}}}`
	set, err := ownership.Applied(object(entry(me, fields)), me)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"metadata.labels.app.io/x", "spec.a", "spec.b.c", "spec.list", "spec.set"}
	if diff := cmp.Diff(want, ownership.Paths(set)); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestWrittenKeys(t *testing.T) {
	update := func(e *metav1.ManagedFieldsEntry) { e.Operation = metav1.ManagedFieldsOperationUpdate }
	set, err := ownership.Written(object(entry(me, `{"f:data":{"f:a":{}}}`, update), entry("kubectl", `{"f:data":{"f:z":{}}}`),
		entry(me, `{"f:data":{"f:b":{}}}`)), me)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, ownership.Keys(set, "data")); diff != "" {
		t.Errorf("what the manager has updated and applied (-want +got):\n%s", diff)
	}
}

func TestBrokenFieldsAreAFault(t *testing.T) {
	_, err := ownership.Applied(object(entry(me, `{"f:data":"`+marked+`"`)), me)
	if !fault.Is(err, fault.Unknown) || !strings.Contains(err.Error(), me) || strings.Contains(err.Error(), marked) {
		t.Errorf("got %v, want an Unknown fault that names the manager and quotes nothing", err)
	}
}

func TestOnlyKeepsWhatIsAskedFor(t *testing.T) {
	transform := ownership.Only(func(manager string) bool { return manager == me })
	kept, err := transform(object(entry("kubectl", `{}`), entry(me, `{}`), entry("helm", `{}`)))
	if err != nil {
		t.Fatal(err)
	}
	fields := kept.(*corev1.Secret).ManagedFields
	if len(fields) != 1 || fields[0].Manager != me {
		t.Errorf("kept %v, want the entry of %s alone", fields, me)
	}
	tombstone := struct{ name string }{"gone"}
	if got, err := transform(tombstone); err != nil || got != any(tombstone) {
		t.Errorf("what is no object became %v, %v", got, err)
	}
}
