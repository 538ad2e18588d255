package beyondtrust_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

func TestFoldersByName(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("safe/team/app")
	client := w.open(t)
	pushTo := func(folder string) {
		t.Helper()
		if err := client.Put(t.Context(), push("secret", `{"folder_name":"`+folder+`","title":"password"}`)); err != nil {
			t.Fatal(err)
		}
		expectValue(t, client, "safe/team/app/password", "secret")
	}
	removeFrom := func(folder string) {
		t.Helper()
		if err := client.Delete(t.Context(), providers.Removal{
			Key: "app/password", Owner: pusher, Options: json.RawMessage(`{"folder_name":"` + folder + `","title":"password"}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	pushTo("app")
	pushTo("safe/team/app")
	pushTo("app")
	if counts := w.Counts(); counts.Writes != 2 {
		t.Errorf("a secret is marked once for each name of its folder: %+v", counts)
	}
	removeFrom("app")
	expectValue(t, client, "safe/team/app/password", "secret")
	removeFrom("safe/team/app")
	if _, there := w.Secret("safe/team/app", "password"); there {
		t.Error("it stays when it is removed by its last name")
	}
}

func TestFoldersThatAreNotAllSeen(t *testing.T) {
	w := newWorld(t)
	w.HideFolder("safe")
	w.AddFolder("safe/app")
	w.SetSecret("other", "password", text("of others"))
	client := w.open(t)
	expectFault(t, client.Put(t.Context(), push("secret", "")), fault.Invalid, `folder "app" does not exist`)
	pushed := push("secret", `{"folder_name":"app"}`)
	for range 2 {
		if err := client.Put(t.Context(), pushed); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := w.Secret("safe/app", "password"); got.Value != "secret" || w.Counts().Writes != 1 {
		t.Errorf("it is %+v after %d writes", got, w.Counts().Writes)
	}
	got, err := client.GetAt(t.Context(), providers.Ref{Key: pushed.Key}, pushed.Options)
	if err != nil || string(got.Value) != "secret" {
		t.Errorf("GetAt() = %q, %v", got.Value, err)
	}
}

func TestManyFolders(t *testing.T) {
	w := newWorld(t)
	for i := range 2000 {
		w.AddFolder("folder" + strconv.Itoa(i))
	}
	client := w.open(t)
	write := push("secret", "")
	for _, folder := range []string{"folder0", "folder999", "folder1000", "folder1999"} {
		write.Key = folder + "/password"
		if err := client.Put(t.Context(), write); err != nil {
			t.Error(err)
		}
	}
	write.Key = "folder2000/password"
	expectFault(t, client.Put(t.Context(), write), fault.Invalid, "does not exist")
}

func TestSecretsBelow(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app/db", "password", text("below"))
	w.AddFolder("app")
	client := w.open(t)
	_, err := get(t, client, "app/password")
	expectFault(t, err, fault.NotFound, "does not exist in folder")
	if err := client.Put(t.Context(), push("above", "")); err != nil {
		t.Fatal(err)
	}
	expectValue(t, client, "app/password", "above")
	expectValue(t, client, "app/db/password", "below")
}

func TestPlaces(t *testing.T) {
	w := newWorld(t)
	client := w.open(t, accounts)
	for options, want := range map[string]string{
		"": " a/b / c", `{}`: "a/b/c", `{"title":"t"}`: "a/b/t", `{"folder_name":"f"}`: "f/c", `{"folder_name":"f","title":"t"}`: "f/t",
	} {
		var raw json.RawMessage
		if options != "" {
			raw = json.RawMessage(options)
		}
		if got, err := client.Locate(" a/b / c", raw); err != nil || got != want {
			t.Errorf("Locate(%s) = %q, %v, want %q", options, got, err, want)
		}
	}
	client = w.open(t)
	for _, place := range [][2]string{{" a/b / c ", "a/b/c"}, {"a/b/c", "a/b/c"}, {"c", "c/c"}, {"//", "//"}} {
		if got, err := client.Locate(place[0], nil); err != nil || got != place[1] {
			t.Errorf("Locate(%q) = %q, %v, want %q", place[0], got, err, place[1])
		}
	}
}
