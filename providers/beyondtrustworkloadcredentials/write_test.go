package beyondtrustworkloadcredentials_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

func TestPush(t *testing.T) {
	w := newWorld(t)
	w.Put("team/theirs", map[string]any{"k": "1"}, map[string]string{"env": "prod"})
	client := w.open("team", unobserved)
	write := func(key string) providers.Write {
		return providers.Write{Key: key, Owner: "sluice/push", Fields: map[string][]byte{"mine": []byte("CANARY")}}
	}
	if err := client.Put(t.Context(), write("theirs")); err != nil {
		t.Fatal(err)
	}
	values, tags := w.Static("team/theirs")
	if values["k"] != "1" || values["mine"] != "CANARY" || tags["env"] != "prod" || tags["sluice-owners"] != `{"fields":{"mine":["sluice/push"]}}` {
		t.Errorf("there are the values %v and the tags %v", values, tags)
	}
	got, err := client.Get(t.Context(), providers.Ref{Key: "theirs"})
	if err != nil || !maps.Equal(got.Labels, map[string]string{"env": "prod"}) {
		t.Errorf("read: the labels are %v, %v", got.Labels, err)
	}
	if err := client.Delete(t.Context(), providers.Removal{Key: "theirs", Owner: "sluice/push"}); err != nil {
		t.Fatal(err)
	}
	if values, tags := w.Static("team/theirs"); len(values) != 1 || !maps.Equal(tags, map[string]string{"env": "prod"}) {
		t.Errorf("after it was given back there are the values %v and the tags %v", values, tags)
	}

	expect(t, client.Put(t.Context(), write("nowhere/new")), fault.Invalid, `folder "/team/nowhere" does not exist`)
	expect(t, client.Put(t.Context(), write("no such name")), fault.Invalid, "does not accept the request (status 400, invalid_name)")
	whole := write("new")
	whole.Fields = map[string][]byte{"": []byte("CANARY")}
	expect(t, client.Put(t.Context(), whole), fault.Invalid, "needs remoteRef.property")
	odd := write("new")
	odd.Options = json.RawMessage(`{"a":1}`)
	expect(t, client.Put(t.Context(), odd), fault.Invalid, "metadata has no meaning")
	w.Put("team/broken", map[string]any{"k": "1"}, map[string]string{"sluice-owners": "CANARY"})
	expect(t, client.Put(t.Context(), write("broken")), fault.Invalid, "remove the tag")
}

// TestHalfAWrite lets a process die between the value and what says whose it is.
func TestHalfAWrite(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	put := providers.Write{Key: "new", Owner: "sluice/push", Fields: map[string][]byte{"k": []byte("1")}}
	w.FailStatus(1, 404, "") // the read before
	w.Put("new", map[string]any{"k": "1"}, nil)
	if err := client.Put(t.Context(), put); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("a secret that appears meanwhile: %v", err)
	}
	if err := client.Put(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), providers.Removal{Key: "new", Owner: "sluice/push"}); err != nil {
		t.Fatal(err)
	}
	if values, _ := w.Static("new"); values["k"] != "1" {
		t.Error("a value that may be somebody else's was removed")
	}
}

// TestDeletedSecrets is about names that are taken by what can be restored.
func TestDeletedSecrets(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	write := func(value string) error {
		return client.Put(t.Context(), providers.Write{Key: "db", Owner: "sluice/push", Fields: map[string][]byte{"k": []byte(value)}})
	}
	for _, value := range []string{"CANARY-1", "CANARY-2"} {
		if err := write(value); err != nil {
			t.Fatal(err)
		}
		if values, _ := w.Static("db"); values["k"] != value {
			t.Errorf("there are the values %v", values)
		}
		if err := client.Delete(t.Context(), providers.Removal{Key: "db", Owner: "sluice/push"}); err != nil {
			t.Fatal(err)
		}
		if values, _ := w.Static("db"); values != nil {
			t.Error("what was deleted is there")
		}
	}
	w.Put("db", map[string]any{"k": "CANARY-theirs"}, nil)
	w.Remove("db")
	expect(t, write("CANARY-3"), fault.Conflict,
		`static secret "db" was deleted by somebody else, and can be restored: restore it, or delete it for good`)
}

// TestTokenThatMayNotTag expects that no value is written that nobody owns.
func TestTokenThatMayNotTag(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	write := func(key string) error {
		return client.Put(t.Context(), providers.Write{Key: key, Owner: "sluice/push", Fields: map[string][]byte{"mine": []byte("CANARY")}})
	}
	w.Put("theirs", map[string]any{"k": "1"}, nil)
	w.Deny("PUT /metadata/tags")
	expect(t, write("theirs"), fault.Denied, "change the tags of this secret")
	if values, _ := w.Static("theirs"); len(values) != 1 {
		t.Errorf("there are the values %v", values)
	}
	expect(t, write("new"), fault.Denied,
		`static secret "new" was created, could not be marked as Sluice's, and was taken away again: could not write the tags`)
	if values, _ := w.Static("new"); values != nil {
		t.Error("a secret that nobody owns is left")
	}
	w.Deny("PUT /metadata/tags", "DELETE /static")
	expect(t, write("new"), fault.Denied, "nor be taken away again (could not delete static secret")
	w.Deny()
	for _, key := range []string{"theirs", "new"} {
		if err := write(key); err != nil {
			t.Errorf("with all rights: %v", err)
		}
	}
}

// TestClaims looks at whose a value is while it is being written over.
func TestClaims(t *testing.T) {
	w := newWorld(t)
	client := w.open("", unobserved)
	w.Put("theirs", map[string]any{"k": "1"}, nil)
	w.Deny("PATCH /static")
	put := providers.Write{Key: "theirs", Owner: "sluice/push", Replace: true, Fields: map[string][]byte{"k": []byte("CANARY"), "new": []byte("CANARY")}}
	expect(t, client.Put(t.Context(), put), fault.Denied, "could not write static secret")
	if err := client.Delete(t.Context(), providers.Removal{Key: "theirs", Owner: "sluice/push"}); err != nil {
		t.Fatal(err)
	}
	if values, _ := w.Static("theirs"); values["k"] != "1" {
		t.Errorf("a value that was not written over was removed: %v", values)
	}
	w.Deny()
	if err := client.Put(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if _, tags := w.Static("theirs"); tags["sluice-owners"] != `{"fields":{"k":["sluice/push"],"new":["sluice/push"]}}` {
		t.Errorf("the tags are %v", tags)
	}
}
