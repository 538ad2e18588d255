package beyondtrust_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	fakes "github.com/sluice-operator/sluice/test/fakes/beyondtrust"
)

const pusher = "sluice-pushsecret-app/password"

// unmarked takes the mark out of a secret's notes, which must end with it.
func unmarked(t *testing.T, secret fakes.PasswordSafeSecret, created bool, owners ...string) fakes.PasswordSafeSecret {
	t.Helper()
	before, line, found := strings.Cut(secret.Notes, "Pushed by Sluice, do not edit this line: ")
	var got struct {
		Created bool `json:"created"`
		Owners  []struct {
			Name string `json:"name"`
		} `json:"owners"`
	}
	if !found || json.Unmarshal([]byte(line), &got) != nil {
		t.Fatalf("there is no mark in %q", secret.Notes)
	}
	var names []string
	for _, owner := range got.Owners {
		names = append(names, owner.Name)
	}
	if got.Created != created || !cmp.Equal(names, owners) {
		t.Errorf("the mark is %s, want created: %t and %q", line, created, owners)
	}
	secret.Notes = strings.TrimSuffix(before, "\n")
	return secret
}

func push(value, options string) providers.Write {
	w := providers.Write{Key: "app/password", Owner: pusher, Fields: map[string][]byte{"": []byte(value)}}
	if options != "" {
		w.Options = json.RawMessage(options)
	}
	return w
}

func versioned(version string) func(*esv1.BeyondtrustProvider) {
	return func(spec *esv1.BeyondtrustProvider) { spec.Server.APIVersion = version }
}

func TestPushedTypes(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for _, tt := range []struct {
		reason, value, options string
		title                  string
		want                   fakes.PasswordSafeSecret
	}{
		{"a text is the default", "secret", "", "password", fakes.PasswordSafeSecret{Type: "Text"}},
		{
			"a file where a text cannot be", "\x00\xff", "", "password",
			fakes.PasswordSafeSecret{Type: "File", FileName: "password"},
		},
		{"or is too long", long, "", "password", fakes.PasswordSafeSecret{Type: "File", FileName: "password"}},
		{
			"a credential is the default with a username", "secret", `{"username":"admin"}`, "password",
			fakes.PasswordSafeSecret{Type: "Credential", Username: "admin"},
		},
		{"all that can be said", "secret", `{"secret_type":"credential","title":"other","folder_name":"app","description":"d","username":"admin",
			"notes":"two\nlines","urls":[{"url":"https://example.com"}]}`, "other", fakes.PasswordSafeSecret{
			Type: "Credential", Description: "d", Username: "admin", Notes: "two\nlines", URLs: []string{"https://example.com"},
		}},
		{
			"a file", "secret", `{"secret_type":"FILE","file_name":"f.txt"}`, "password",
			fakes.PasswordSafeSecret{Type: "File", FileName: "f.txt"},
		},
	} {
		for _, version := range []string{"", "3.0", "3.1", "3.2"} {
			t.Run(tt.reason+" "+version, func(t *testing.T) {
				w := newWorld(t)
				w.AddFolder("app")
				client := w.open(t, versioned(version))
				pushed := push(tt.value, tt.options)
				if err := client.Put(t.Context(), pushed); err != nil {
					t.Fatal(err)
				}
				tt.want.Value, tt.want.Owners = tt.value, []int{7}
				got, _ := w.Secret("app", tt.title)
				if diff := cmp.Diff(tt.want, unmarked(t, got, true, pusher)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				secret, err := client.GetAt(t.Context(), providers.Ref{Key: pushed.Key}, pushed.Options)
				if err != nil || string(secret.Value) != tt.value {
					t.Errorf("GetAt() = %q, %v", secret.Value, err)
				}
				if err := client.Put(t.Context(), pushed); err != nil || w.Counts().Writes != 1 {
					t.Errorf("a push that changes nothing: %v, %+v", err, w.Counts())
				}
			})
		}
	}
}

func TestPushedOwners(t *testing.T) {
	for _, tt := range []struct {
		reason, version, options string
		users, groups            []int
	}{
		{"the user who signs in", "3.1", `{}`, []int{7}, nil},
		{"and others behind it", "3.1", `{"owners":[{"user_id":8,"name":"n","email":"e"}]}`, []int{7, 8}, nil},
		{"another user", "3.1", `{"owner_id":8}`, []int{7, 8}, nil},
		{"another user by its type", "3.1", `{"owner_type":"User","owner_id":8}`, []int{7, 8}, nil},
		{"a group", "3.2", `{"group_id":9}`, []int{7}, []int{9}},
		{"a group by its type", "3.2", `{"owner_type":"Group","owner_id":9}`, []int{7}, []int{9}},
		{"in the first version", "3.0", `{"owner_type":"User","owners":[{"owner_id":8,"owner":"n","email":"e"}]}`, []int{7, 8}, nil},
		{"a group in the first version", "3.0", `{"owner_type":"Group","group_id":9}`, []int{7}, []int{9}},
		{"a group in the first version by its ID", "3.0", `{"group_id":9}`, []int{7}, []int{9}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t)
			w.AddFolder("app")
			client := w.open(t, versioned(tt.version))
			for _, value := range []string{"1", "2"} {
				if err := client.Put(t.Context(), push(value, tt.options)); err != nil {
					t.Fatal(err)
				}
				got, _ := w.Secret("app", "password")
				if got.Value != value || !cmp.Equal(tt.users, got.Owners) || !cmp.Equal(tt.groups, got.Groups) {
					t.Errorf("it holds %q of %v and %v, want %q of %v and %v", got.Value, got.Owners, got.Groups, value, tt.users, tt.groups)
				}
			}
		})
	}
}

func TestRefusedPushes(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	w.AddFolder("one/twin")
	w.AddFolder("two/twin")
	long := strings.Repeat("a", 5000)
	for _, tt := range []struct {
		reason string
		write  providers.Write
		change func(*esv1.BeyondtrustProvider)
		kind   fault.Kind
		says   string
	}{
		{reason: "a managed account", write: push(marked, ""), change: accounts, kind: fault.Unsupported, says: "managed accounts cannot be written to"},
		{reason: "a store that does not see values", write: push(marked, ""), change: func(spec *esv1.BeyondtrustProvider) {
			spec.Server.Decrypt = new(false)
		}, kind: fault.Unsupported, says: "server.decrypt: false"},
		{
			reason: "a property", write: providers.Write{Key: "app/password", Fields: map[string][]byte{"p": []byte(marked)}},
			kind: fault.Unsupported, says: "leave the property",
		},
		{reason: "no folder", write: push(marked, `{"folder_name":"nowhere"}`), kind: fault.Invalid, says: `folder "nowhere" does not exist`},
		{reason: "two folders", write: push(marked, `{"folder_name":"twin"}`), kind: fault.Invalid, says: `has 2 folders of the name "twin"`},
		{
			reason: "a key without a folder", write: providers.Write{Key: "password", Fields: map[string][]byte{"": []byte(marked)}},
			kind: fault.Invalid, says: "names no folder",
		},
		{reason: "no value", write: push("", ""), kind: fault.Invalid, says: "the value has 0 characters"},
		{reason: "a long password", write: push(long, `{"username":"admin"}`), kind: fault.Invalid, says: "type CREDENTIAL must have 1 to 256"},
		{reason: "a long text", write: push(long, `{"secret_type":"TEXT"}`), kind: fault.Invalid, says: "type TEXT must have 1 to 4096"},
		{reason: "no text", write: push("\xff", `{"secret_type":"TEXT"}`), kind: fault.Invalid, says: "the value is no text"},
		{reason: "no username", write: push(marked, `{"secret_type":"CREDENTIAL"}`), kind: fault.Invalid, says: "needs metadata.username"},
		{
			reason: "a type that there is not", write: push(marked, `{"secret_type":"CARD"}`),
			kind: fault.Invalid, says: "metadata.secret_type must be",
		},
		{
			reason: "an owner's type that there is not", write: push(marked, `{"owner_type":"Team"}`),
			kind: fault.Invalid, says: "metadata.owner_type must be",
		},
		{
			reason: "a user that is a group", write: push(marked, `{"owner_type":"User","group_id":9}`),
			kind: fault.Invalid, says: "and not with metadata.group_id",
		},
		{reason: "a long title", write: push(marked, `{"title":"`+long[:300]+`"}`), kind: fault.Invalid, says: "metadata.title has more than 256"},
		{
			reason: "an empty folder", write: providers.Write{Key: "app//password", Fields: map[string][]byte{"": []byte(marked)}},
			kind: fault.Invalid, says: "does not name a secret of Secrets Safe",
		},
		{
			reason: "a folder by its name alone", write: providers.Write{Key: "twin/password", Fields: map[string][]byte{"": []byte(marked)}},
			kind: fault.Invalid, says: `folder "twin" does not exist`,
		},
		{
			reason: "what no JSON can hold", write: providers.Write{Key: "app/all", Whole: true, Fields: map[string][]byte{"a": []byte("1"), "b": {0xff}}},
			kind: fault.Invalid, says: `the value of "b" is no text`,
		},
		{reason: "a group without an ID", write: push(marked, `{"owner_type":"Group"}`), kind: fault.Invalid, says: "needs metadata.group_id"},
		{
			reason: "a long description", write: push(marked, `{"description":"`+long+`"}`),
			kind: fault.Invalid, says: "metadata.description has more than 256",
		},
		{reason: "no room in the notes", write: push(marked, `{"notes":"`+long[:4000]+`"}`), kind: fault.Invalid, says: "leave no room"},
		{reason: "an unknown field", write: push(marked, `{"folderName":"app"}`), kind: fault.Invalid, says: `metadata: unknown field "folderName"`},
		{reason: "a wrong type", write: push(marked, `{"title":["`+marked+`"]}`), kind: fault.Invalid, says: "metadata.title must not be a array"},
		{reason: "no object", write: push(marked, `"`+marked+`"`), kind: fault.Invalid, says: "metadata must not be a string"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			change := tt.change
			if change == nil {
				change = func(*esv1.BeyondtrustProvider) {}
			}
			expectFault(t, w.open(t, change).Put(t.Context(), tt.write), tt.kind, tt.says)
			if w.Counts().Writes != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestPushedWhole(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	client := w.open(t)
	write := providers.Write{Key: "app/all", Owner: pusher, Whole: true, Fields: map[string][]byte{"b": []byte("<2>"), "a": []byte("1")}}
	if err := client.Put(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	expectValue(t, client, "app/all", `{"a":"1","b":"<2>"}`)
}

func TestPlannedWithAnotherValue(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	client := w.open(t)
	if err := client.Put(t.Context(), push("one", "")); err != nil {
		t.Fatal(err)
	}
	for _, seen := range [][]byte{nil, []byte("another")} {
		write := push("two", "")
		write.Seen = map[string][]byte{"": seen}
		if err := client.Put(t.Context(), write); !errors.Is(err, providers.ErrChanged) {
			t.Errorf("planned with %q: %v", seen, err)
		}
	}
	expectValue(t, client, "app/password", "one")
}

func TestWhatIsThereIsKept(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", fakes.PasswordSafeSecret{
		Type: "Credential", Value: "old", Username: "admin", Description: "d", Notes: "n", Owners: []int{3}, URLs: []string{"https://old.example"},
	})
	client := w.open(t)
	expectFault(t, client.Put(t.Context(), push("new", "")), fault.Conflict, `belongs to "sluice" with another value`)
	taken := push("new", "")
	taken.Replace = true
	if err := client.Put(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	want := fakes.PasswordSafeSecret{
		Type: "Credential", Value: "new", Username: "admin", Description: "d", Notes: "n", Owners: []int{3}, URLs: []string{"https://old.example"},
	}
	got, _ := w.Secret("app", "password")
	if diff := cmp.Diff(want, unmarked(t, got, false, pusher)); diff != "" {
		t.Errorf("after a push (-want +got):\n%s", diff)
	}
	expectFault(t, client.Put(t.Context(), push("newer", `{"secret_type":"TEXT"}`)), fault.Invalid, "a secret keeps its type")
	if err := client.Delete(t.Context(), providers.Removal{Key: "app/password", Owner: pusher}); err != nil {
		t.Fatal(err)
	}
	got, _ = w.Secret("app", "password")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what no push has created stays (-want +got):\n%s", diff)
	}
}

func TestDescriptionsFollow(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	client := w.open(t)
	var got fakes.PasswordSafeSecret
	for i, options := range []string{
		`{"description":"one"}`, `{"description":"two","notes":"n"}`, `{"urls":[{"url":"https://1.example"}]}`,
		`{"urls":[{"url":"https://2.example"}],"owners":[{"user_id":8}]}`, `{"group_id":9}`,
	} {
		for range 2 {
			if err := client.Put(t.Context(), push("secret", options)); err != nil {
				t.Fatal(err)
			}
		}
		if writes := w.Counts().Writes; writes != i+1 {
			t.Errorf("after %d descriptions there were %d writes", i+1, writes)
		}
		secret, _ := w.Secret("app", "password")
		got = unmarked(t, secret, true, pusher)
	}
	want := fakes.PasswordSafeSecret{
		Type: "Text", Value: "secret", Description: "two", Notes: "n", URLs: []string{"https://2.example"}, Owners: []int{7}, Groups: []int{9},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	expectFault(t, client.Put(t.Context(), push("secret", `{"secret_type":"FILE"}`)), fault.Invalid, "a secret keeps its type")
}

func TestFileNamesAreKept(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	client := w.open(t)
	for _, options := range []string{`{"secret_type":"FILE","file_name":"f.txt"}`, `{"secret_type":"FILE"}`} {
		if err := client.Put(t.Context(), push("secret", options)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := w.Secret("app", "password"); got.FileName != "f.txt" {
		t.Errorf("the file has the name %q", got.FileName)
	}
}

func TestNotesThatAnEditorHasChanged(t *testing.T) {
	w := newWorld(t)
	w.AddFolder("app")
	client := w.open(t)
	pushed := push("secret", `{"notes":"two\nlines"}`)
	if err := client.Put(t.Context(), pushed); err != nil {
		t.Fatal(err)
	}
	secret, _ := w.Secret("app", "password")
	secret.Notes = strings.ReplaceAll(secret.Notes, "\n", " \r\n") + "\r\n"
	w.SetSecret("app", "password", secret)
	if err := client.Put(t.Context(), pushed); err != nil || w.Counts().Writes != 1 {
		t.Errorf("other ends of lines are no change: %v, %+v", err, w.Counts())
	}
	pushed.Fields[""] = []byte("newer")
	if err := client.Put(t.Context(), pushed); err != nil {
		t.Errorf("the mark is not known any more: %v", err)
	}
	secret.Notes += "and a line behind the mark"
	w.SetSecret("app", "password", secret)
	expectFault(t, client.Put(t.Context(), push("new", "")), fault.Conflict, "belongs to")
}

func TestDeleteOfOthers(t *testing.T) {
	w := newWorld(t)
	w.SetSecret("app", "password", text("theirs"))
	client := w.open(t)
	for _, removal := range []providers.Removal{
		{Key: "app/password", Owner: pusher},
		{Key: "nowhere/password", Owner: pusher},
		{Key: "app/none", Owner: pusher},
		{Key: "app/password", Owner: pusher, Fields: []string{"p"}},
	} {
		if err := client.Delete(t.Context(), removal); err != nil || w.Counts().Writes != 0 {
			t.Errorf("%+v: %v, %+v", removal, err, w.Counts())
		}
	}
}

func TestWritesThatFail(t *testing.T) {
	for _, tt := range []struct {
		call   string
		status int
		kind   fault.Kind
		says   string
	}{
		{fakes.CallFolders, 503, fault.Unavailable, "list the folders"},
		{fakes.CallFindSecret, 503, fault.Unavailable, "find secret"},
		{fakes.CallCreateSecret, 403, fault.Denied, "create secret"},
		{fakes.CallCreateSecret, 409, fault.Unavailable, "created by somebody else at the same time"},
		{fakes.CallCreateSecret, 400, fault.Invalid, "does not accept it"},
		{fakes.CallUpdateSecret, 404, fault.Unavailable, "update secret"},
		{fakes.CallDeleteSecret, 403, fault.Denied, "delete secret"},
		{fakes.CallDeleteSecret, 404, fault.Unavailable, "delete secret"},
	} {
		t.Run(tt.call, func(t *testing.T) {
			w := newWorld(t)
			w.AddFolder("app")
			client := w.open(t)
			if tt.call == fakes.CallUpdateSecret || tt.call == fakes.CallDeleteSecret {
				if err := client.Put(t.Context(), push("old", "")); err != nil {
					t.Fatal(err)
				}
			}
			w.Fail(tt.call, fakes.PasswordSafeFailure{Status: tt.status})
			err := client.Put(t.Context(), push(marked, ""))
			if tt.call == fakes.CallDeleteSecret {
				err = client.Delete(t.Context(), providers.Removal{Key: "app/password", Owner: pusher})
			}
			expectFault(t, err, tt.kind, tt.says)
		})
	}
}
