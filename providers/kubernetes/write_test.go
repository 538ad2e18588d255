package kubernetes_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/providers/kubernetes"
)

const owner = "pusher"

func data(pairs ...string) map[string][]byte {
	fields := map[string][]byte{}
	for pair := range slices.Chunk(pairs, 2) {
		fields[pair[0]] = []byte(pair[1])
	}
	return fields
}

func put(t *testing.T, c providers.Writer, w providers.Write) {
	t.Helper()
	if w.Owner == "" {
		w.Owner = owner
	}
	if err := c.Put(t.Context(), w); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

func remove(t *testing.T, c providers.Writer, r providers.Removal) {
	t.Helper()
	if r.Owner == "" {
		r.Owner = owner
	}
	if err := c.Delete(t.Context(), r); err != nil {
		t.Fatalf("Delete: %v", err)
	}
}

func wantError(t *testing.T, err error, kind fault.Kind, text string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fault.Message(err), text) {
		t.Errorf("the error is %s %v, want %s %q", fault.KindOf(err), err, kind, text)
	}
}

func wantDiff(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs: %s", what, diff)
	}
}

func managers(s *corev1.Secret) (names []string) {
	for _, entry := range s.ManagedFields {
		names = append(names, entry.Manager)
	}
	slices.Sort(names)
	return names
}

func testCreatedBy(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	put(t, c, providers.Write{
		Key: "new", Fields: data("k", "v"),
		Annotations: map[string]string{kubernetes.CreatedByAnnotation: "source's own", "kubernetes.io/service-account.name": "x", "a": "b"},
	})
	want := map[string]string{kubernetes.CreatedByAnnotation: owner, "a": "b"}
	wantDiff(t, "annotations of a new Secret", want, w.read(t, "new").Annotations)
	put(t, c, providers.Write{Key: "new", Fields: data("k", "w")})
	wantDiff(
		t,
		"annotations after a write without any",
		map[string]string{kubernetes.CreatedByAnnotation: owner},
		w.read(t, "new").Annotations,
	)

	w.seed(t, named("old", data("l", "1")))
	put(
		t,
		c,
		providers.Write{Key: "old", Fields: data("k", "v"), Annotations: map[string]string{kubernetes.CreatedByAnnotation: "source's own"}},
	)
	if annotations := w.read(t, "old").Annotations; len(annotations) != 0 {
		t.Errorf("a Secret that was there has annotations %v, want none", annotations)
	}
}

func testMetadata(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	theirs := map[string]string{"theirs": "1", "both": "same"}
	source := map[string]string{"source": "1", "both": "same"}
	written := map[string]any{"written": "1"}
	for _, tc := range []struct {
		reason string
		spec   map[string]any
		want   map[string]string
	}{
		{
			"merged by default",
			map[string]any{"labels": written, "annotations": written},
			map[string]string{"theirs": "1", "both": "same", "source": "1", "written": "1"},
		},
		{
			"the source's are left out",
			map[string]any{"sourceMergePolicy": "Replace", "labels": written, "annotations": written},
			map[string]string{"theirs": "1", "both": "same", "written": "1"},
		},
		{
			"nothing else stays",
			map[string]any{"targetMergePolicy": "Replace", "labels": written, "annotations": written},
			map[string]string{"both": "same", "source": "1", "written": "1"},
		},
		{"nothing is touched", map[string]any{"targetMergePolicy": "Ignore", "labels": written, "annotations": written}, theirs},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			name := strings.ReplaceAll(strings.ReplaceAll(tc.reason, " ", "-"), "'", "")
			seeded := named(name, data("k", "1"))
			seeded.Labels, seeded.Annotations = maps.Clone(theirs), maps.Clone(theirs)
			w.seed(t, seeded)
			write := providers.Write{Key: name, Fields: data("l", "2"), Labels: source, Annotations: source, Options: options(t, tc.spec)}
			put(t, c, write)
			got := w.read(t, name)
			wantDiff(t, "labels", tc.want, got.Labels)
			wantDiff(t, "annotations", tc.want, got.Annotations)
			put(t, c, write)
			wantDiff(t, "the version after a second write", got.ResourceVersion, w.read(t, name).ResourceVersion)
		})
	}
	t.Run("a policy of Ignore keeps what was written before", func(t *testing.T) {
		put(t, c, providers.Write{Key: "kept", Fields: data("k", "1"), Labels: source})
		put(t, c, providers.Write{Key: "kept", Fields: data("k", "2"), Options: options(t, map[string]any{"targetMergePolicy": "Ignore"})})
		wantDiff(t, "labels", source, w.read(t, "kept").Labels)
	})
	t.Run("somebody else's label is a conflict", func(t *testing.T) {
		seeded := named("label", data("k", "1"))
		seeded.Labels = map[string]string{"app.kubernetes.io/name": "theirs"}
		w.seed(t, seeded)
		write := providers.Write{
			Key:    "label",
			Owner:  owner,
			Fields: data("l", "2"),
			Labels: map[string]string{"app.kubernetes.io/name": "ours"},
		}
		wantError(t, c.Put(t.Context(), write), fault.Conflict,
			`label "app.kubernetes.io/name" of secret "`+w.namespace+`/label" belongs to "kubectl-create"`)
		write.Options = options(t, map[string]any{"targetMergePolicy": "Replace"})
		put(t, c, write)
		wantDiff(t, "labels", write.Labels, w.read(t, "label").Labels)
	})
}

func testTypes(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	put(t, c, providers.Write{Key: "basic", Type: corev1.SecretTypeBasicAuth, Fields: data("username", "u", "password", "p")})
	put(t, c, providers.Write{Key: "basic", Fields: data("username", "u", "password", "q")})
	wantDiff(t, "the type after a write without one", corev1.SecretTypeBasicAuth, w.read(t, "basic").Type)
	put(t, c, providers.Write{Key: "plain", Fields: data("k", "v")})
	wantDiff(t, "the type of a new Secret", corev1.SecretTypeOpaque, w.read(t, "plain").Type)
	err := c.Put(t.Context(), providers.Write{Key: "plain", Owner: owner, Type: corev1.SecretTypeTLS, Fields: data("k", "v")})
	wantError(t, err, fault.Invalid, "has type Opaque and the source has type kubernetes.io/tls: the type of a secret is immutable")

	err = c.Put(t.Context(), providers.Write{Key: "tls", Owner: owner, Type: corev1.SecretTypeTLS, Fields: data("tls.crt", "s3cr3t")})
	wantError(t, err, fault.Invalid, "data[tls.key] (Required)")

	frozen := named("frozen", data("k", "1"))
	frozen.Immutable = new(true)
	w.seed(t, frozen)
	err = c.Put(t.Context(), providers.Write{Key: "frozen", Owner: owner, Fields: data("l", "2")})
	wantError(t, err, fault.Invalid, `secret "`+w.namespace+`/frozen" is immutable`)

	bootstrap := named("bootstrap-token-abcdef", data("token-id", "abcdef", "token-secret", "s3cr3t"))
	bootstrap.Type = corev1.SecretTypeBootstrapToken
	w.seed(t, bootstrap)
	_, err = c.Get(t.Context(), providers.Ref{Key: bootstrap.Name})
	wantError(t, err, fault.Invalid, "neither read nor written")
	err = c.Put(t.Context(), providers.Write{Key: bootstrap.Name, Owner: owner, Fields: data("l", "2")})
	wantError(t, err, fault.Invalid, "neither read nor written")
	err = c.Put(t.Context(), providers.Write{Key: "sa", Owner: owner, Type: corev1.SecretTypeServiceAccountToken, Fields: data("l", "2")})
	wantError(t, err, fault.Invalid, "neither read nor written")
	err = c.Delete(t.Context(), providers.Removal{Key: bootstrap.Name, Owner: owner})
	wantError(t, err, fault.Invalid, "neither read nor written")

	bound := named("bound", data("k", "1"))
	bound.Annotations = map[string]string{"kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": "1", "a": "b"}
	w.seed(t, bound)
	got, err := c.Get(t.Context(), providers.Ref{Key: bound.Name})
	if err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "annotations of a Secret that is bound to a ServiceAccount", map[string]string{"a": "b"}, got.Annotations)
}

// testTakeover is about a Secret that comes from another writer: what was pushed before goes on being written, and nothing else is.
func testTakeover(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	seeded := named("adopted", data("ours", "1", "theirs", "1"))
	seeded.Labels = map[string]string{"app": "old"}
	w.seed(t, seeded)
	write := providers.Write{Key: "adopted", Owner: owner, Fields: data("ours", "2"), Labels: map[string]string{"app": "new"}}
	wantError(t, c.Put(t.Context(), write), fault.Conflict,
		`(and 1 more) belongs to "kubectl-create" with another value: set spec.updatePolicy: Replace to take it over`)
	write.Pushed = []string{"ours"}
	put(t, c, write)
	got := w.read(t, "adopted")
	wantDiff(t, "data", data("ours", "2", "theirs", "1"), got.Data)
	wantDiff(t, "labels", write.Labels, got.Labels)

	put(t, c, providers.Write{Key: "adopted", Fields: data("ours", "2", "theirs", "2"), Replace: true})
	wantDiff(t, "data after Replace", data("ours", "2", "theirs", "2"), w.read(t, "adopted").Data)
}

func testWhole(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	seeded := named("whole", data("theirs", "1", "k", "1"))
	seeded.Labels, seeded.Annotations = map[string]string{"keep": "1"}, map[string]string{"keep": "1"}
	w.seed(t, seeded)
	write := providers.Write{Key: "whole", Fields: data("k", "2"), Whole: true, Replace: true}
	put(t, c, write)
	got := w.read(t, "whole")
	wantDiff(t, "data", write.Fields, got.Data)
	wantDiff(t, "labels", seeded.Labels, got.Labels)
	wantDiff(t, "annotations", seeded.Annotations, got.Annotations)
}

func testDelete(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	absent := func(name string) {
		t.Helper()
		if _, err := w.admin.CoreV1().Secrets(w.namespace).Get(t.Context(), name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("Secret %s is still there (%v)", name, err)
		}
	}
	t.Run("a Secret that was there before stays, and nothing of the owner in it", func(t *testing.T) {
		w.seed(t, named("before", nil))
		put(t, c, providers.Write{Key: "before", Fields: data("k", "1"), Labels: map[string]string{"a": "b"}})
		remove(t, c, providers.Removal{Key: "before"})
		got := w.read(t, "before")
		if len(got.Data)+len(got.Labels) != 0 || slices.Contains(managers(got), owner) {
			t.Errorf("data %v, labels %v and managers %v are left", got.Data, got.Labels, managers(got))
		}
	})
	t.Run("the last owner deletes what the first one created", func(t *testing.T) {
		put(t, c, providers.Write{Key: "relay", Fields: data("k", "1"), Labels: map[string]string{"a": "b"}})
		put(t, c, providers.Write{Key: "relay", Owner: "second", Fields: data("l", "2")})
		remove(t, c, providers.Removal{Key: "relay"})
		got := w.read(t, "relay")
		wantDiff(t, "data", data("l", "2"), got.Data)
		wantDiff(t, "annotations", map[string]string{kubernetes.CreatedByAnnotation: owner}, got.Annotations)
		if len(got.Labels) != 0 {
			t.Errorf("labels %v are left", got.Labels)
		}
		before := got.ResourceVersion
		remove(t, c, providers.Removal{Key: "relay"})
		wantDiff(t, "the version after a second removal", before, w.read(t, "relay").ResourceVersion)
		remove(t, c, providers.Removal{Key: "relay", Owner: "second"})
		absent("relay")
	})
	t.Run("the type of a Secret outlives a partial removal", func(t *testing.T) {
		put(t, c, providers.Write{Key: "typed", Type: corev1.SecretTypeBasicAuth, Fields: data("username", "u", "extra", "e")})
		remove(t, c, providers.Removal{Key: "typed", Fields: []string{"extra"}})
		got := w.read(t, "typed")
		wantDiff(t, "type", corev1.SecretTypeBasicAuth, got.Type)
		wantDiff(t, "data", data("username", "u"), got.Data)
		remove(t, c, providers.Removal{Key: "typed", Fields: []string{"username"}})
		absent("typed")
	})
	t.Run("a value that somebody else changed stays", func(t *testing.T) {
		put(t, c, providers.Write{Key: "edited", Fields: data("k", "1")})
		patch, editor := []byte(`{"stringData":{"k":"edited"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}
		_, err := w.admin.CoreV1().Secrets(w.namespace).Patch(t.Context(), "edited", types.MergePatchType, patch, editor)
		if err != nil {
			t.Fatal(err)
		}
		remove(t, c, providers.Removal{Key: "edited"})
		wantDiff(t, "data", data("k", "edited"), w.read(t, "edited").Data)
	})
}

// testInterference lets somebody else change the Secret between the read and the write of one Put.
func testInterference(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	secrets := w.admin.CoreV1().Secrets(w.namespace)
	must := func(_ any, err error) {
		if err != nil {
			t.Error(err)
		}
	}
	drop := func(name string) { must(nil, secrets.Delete(t.Context(), name, metav1.DeleteOptions{})) }
	create := func(name string) {
		must(secrets.Create(t.Context(), named(name, data("theirs", "1")), metav1.CreateOptions{FieldManager: "kubectl-create"}))
	}
	edit := func(name string) {
		patch := []byte(`{"stringData":{"theirs":"2"}}`)
		must(secrets.Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"}))
	}
	ours := map[string]string{kubernetes.CreatedByAnnotation: owner}
	for _, tc := range []struct {
		reason      string
		interfere   func(name string)
		present     bool
		write       providers.Write
		data        map[string][]byte
		annotations map[string]string
	}{
		{reason: "deleted", present: true, interfere: drop, data: data("k", "2"), annotations: ours},
		{
			reason: "deleted and made anew", present: true, data: data("k", "2", "theirs", "1"),
			interfere: func(name string) { drop(name); create(name) },
		},
		{reason: "edited", present: true, interfere: edit, data: data("k", "2", "theirs", "2"), annotations: ours},
		{
			reason: "edited before a removal of what others have", present: true, interfere: edit,
			write: providers.Write{Whole: true, Replace: true}, data: data("k", "2"), annotations: ours,
		},
		{
			reason: "created by another push", data: data("k", "2", "l", "1"), annotations: map[string]string{kubernetes.CreatedByAnnotation: "second"},
			interfere: func(name string) {
				must(nil, w.open(t, w.spec(writer)).Put(t.Context(), providers.Write{Key: name, Owner: "second", Fields: data("l", "1")}))
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.write.Key = strings.ReplaceAll(tc.reason, " ", "-")
			if tc.present {
				put(t, c, providers.Write{Key: tc.write.Key, Fields: data("k", "1")})
			}
			w.afterCall = func() { tc.interfere(tc.write.Key) }
			tc.write.Fields = data("k", "2")
			put(t, c, tc.write)
			got := w.read(t, tc.write.Key)
			wantDiff(t, "data", tc.data, got.Data)
			wantDiff(t, "annotations", tc.annotations, got.Annotations)
		})
	}
}

func testRemoteNamespace(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	other := w.newNamespace(t)
	there := options(t, map[string]any{"remoteNamespace": other})
	for place, opts := range map[string]json.RawMessage{w.namespace + "/k": nil, other + "/k": there} {
		if got, err := c.Locate("k", opts); err != nil || got != place {
			t.Errorf("Locate gives %q (%v), want %q", got, err, place)
		}
	}
	put(t, c, providers.Write{Key: "k", Fields: data("k", "there"), Options: there})
	_, err := c.Get(t.Context(), providers.Ref{Key: "k"})
	wantError(t, err, fault.NotFound, `secret "k" does not exist in namespace "`+w.namespace+`"`)
	got, err := c.GetAt(t.Context(), providers.Ref{Key: "k"}, there)
	if err != nil || string(got.Fields["k"]) != "there" {
		t.Errorf("GetAt gives %v, want what was put there", err)
	}
	put(t, c, providers.Write{Key: "k", Fields: data("k", "here")})
	remove(t, c, providers.Removal{Key: "k", Options: there})
	_, err = c.GetAt(t.Context(), providers.Ref{Key: "k"}, there)
	wantError(t, err, fault.NotFound, `secret "k" does not exist in namespace "`+other+`"`)
	wantDiff(t, "the Secret of the same name here", data("k", "here"), w.read(t, "k").Data)

	gone := options(t, map[string]any{"remoteNamespace": "no-such-namespace"})
	err = c.Put(t.Context(), providers.Write{Key: "k", Owner: owner, Fields: data("k", "v"), Options: gone})
	wantError(t, err, fault.Denied, `may not get secrets in namespace "no-such-namespace"`)
}

func testRefusedInput(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	for _, tc := range []struct {
		reason string
		write  providers.Write
		want   string
	}{
		{"a value as a whole has no key", providers.Write{Key: "k", Fields: data("", "s3cr3t")}, "needs remoteRef.property"},
		{"a key that Kubernetes does not allow", providers.Write{Key: "k", Fields: data("a/b", "s3cr3t")}, `"a/b" is not a valid key of a secret`},
		{"a name that Kubernetes does not allow", providers.Write{Key: "A/b", Fields: data("k", "s3cr3t")}, `"A/b" is not a valid name of a secret`},
		{
			"a bad label",
			providers.Write{Key: "k", Fields: data("k", "v"), Labels: map[string]string{"l": "s3cr3t !"}},
			"status 422: metadata.labels (Invalid)",
		},
		{"too large", providers.Write{Key: "k", Fields: data("k", strings.Repeat("s3cr3t", 200_000))}, "data (TooLong)"},
		{"metadata of another kind", providers.Write{Key: "k", Options: []byte(`{"kind":"x"}`)}, "metadata.apiVersion"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.write.Owner = owner
			err := c.Put(t.Context(), tc.write)
			wantError(t, err, fault.Invalid, tc.want)
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Error("the error quotes a value")
			}
		})
	}
	_, err := c.Get(t.Context(), providers.Ref{Key: "../x"})
	wantError(t, err, fault.Invalid, "is not a valid name")
}
