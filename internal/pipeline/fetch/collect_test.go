package fetch

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
	"github.com/sluice-operator/sluice/templates"
)

const down = "down"

// memory is a store of secrets with their fields. The secret called down cannot be reached.
type memory map[string]map[string]string

func (m memory) fields(key string) (map[string][]byte, error) {
	if key == down {
		return nil, fault.New(fault.Unavailable, "no answer")
	}
	fields, ok := m[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "secret %q does not exist", key)
	}
	return values(fields), nil
}

func (m memory) Get(_ context.Context, ref esv1.ExternalSecretDataRemoteRef) ([]byte, error) {
	fields, err := m.fields(ref.Key)
	return fields[ref.Property], err
}

func (m memory) Map(_ context.Context, ref esv1.ExternalSecretDataRemoteRef) (map[string][]byte, error) {
	return m.fields(ref.Key)
}

func (m memory) Find(_ context.Context, find esv1.ExternalSecretFind) (map[string][]byte, error) {
	found := map[string][]byte{}
	for key, fields := range m {
		if regexp.MustCompile(find.Name.RegExp).MatchString(key) {
			found[key] = []byte(fields["v"])
		}
	}
	return found, nil
}

// world has the stores one and two, and generators that yield two keys.
func world() Sources {
	stores := map[string]memory{
		"one": {
			"db":      {"user": "one-user", "pass/word": "one-pass"},
			"b64":     {"v": "YWJj", "w": "s3cr3t!"},
			"nul":     {"": "a\x00b", "v": "a\x00b"},
			"wrapped": {"w": "YWJj"},
			"json-a":  {"v": `{"user":"u"}`},
			"json-b":  {"v": `{"port":5432}`},
			"twins":   {"a/b": "1", "a_b": "2"},
		},
		"two": {"db": {"user": "two-user"}, "app/x": {"v": "x"}, "app/y": {"v": "y"}},
	}
	return Sources{
		Store: func(_ context.Context, ref esv1.SecretStoreRef) (Source, error) {
			if store, ok := stores[ref.Name]; ok {
				return store, nil
			}
			return nil, fault.New(fault.Invalid, "SecretStore %q does not exist", ref.Name)
		},
		Generate: func(_ context.Context, index int, ref esv1.GeneratorRef) (map[string][]byte, error) {
			if ref.Name == "absent" {
				return nil, fault.New(fault.NotFound, "nothing there")
			}
			return values(map[string]string{"password": "generated", "index": string(rune('0' + index))}), nil
		},
	}
}

func get(secretKey, key, property string) esv1.ExternalSecretData {
	return esv1.ExternalSecretData{SecretKey: secretKey, RemoteRef: esv1.ExternalSecretDataRemoteRef{Key: key, Property: property}}
}

func extract(key string, ops ...esv1.ExternalSecretRewrite) esv1.ExternalSecretDataFromRemoteRef {
	return esv1.ExternalSecretDataFromRemoteRef{Extract: &esv1.ExternalSecretDataRemoteRef{Key: key}, Rewrite: ops}
}

func find(part string, ops ...esv1.ExternalSecretRewrite) esv1.ExternalSecretDataFromRemoteRef {
	return esv1.ExternalSecretDataFromRemoteRef{Find: &esv1.ExternalSecretFind{Name: &esv1.FindName{RegExp: part}}, Rewrite: ops}
}

func generate(name string, ops ...esv1.ExternalSecretRewrite) esv1.ExternalSecretDataFromRemoteRef {
	ref := &esv1.StoreGeneratorSourceRef{GeneratorRef: &esv1.GeneratorRef{Kind: "Password", Name: name}}
	return esv1.ExternalSecretDataFromRemoteRef{SourceRef: ref, Rewrite: ops}
}

// in makes an entry read from store two.
func in(entry esv1.ExternalSecretDataFromRemoteRef) esv1.ExternalSecretDataFromRemoteRef {
	entry.SourceRef = &esv1.StoreGeneratorSourceRef{StoreRef: &esv1.SecretStoreRef{Name: "two"}}
	return entry
}

func decoded(entry esv1.ExternalSecretDataFromRemoteRef, strategy esv1.ExternalSecretDecodingStrategy) esv1.ExternalSecretDataFromRemoteRef {
	entry.Extract.DecodingStrategy = strategy
	return entry
}

func noNulls(entry esv1.ExternalSecretDataFromRemoteRef) esv1.ExternalSecretDataFromRemoteRef {
	entry.Extract.NullBytePolicy = esv1.NullByteFail
	return entry
}

func spec(dataFrom []esv1.ExternalSecretDataFromRemoteRef, data ...esv1.ExternalSecretData) esv1.ExternalSecretSpec {
	return esv1.ExternalSecretSpec{SecretStoreRef: esv1.SecretStoreRef{Name: "one"}, DataFrom: dataFrom, Data: data}
}

func storeless(dataFrom ...esv1.ExternalSecretDataFromRemoteRef) esv1.ExternalSecretSpec {
	s := spec(dataFrom)
	s.SecretStoreRef = esv1.SecretStoreRef{}
	return s
}

func mergeOp(op esv1.ExternalSecretRewriteMerge) esv1.ExternalSecretRewrite {
	return esv1.ExternalSecretRewrite{Merge: &op}
}

type entries = []esv1.ExternalSecretDataFromRemoteRef

func TestCollect(t *testing.T) {
	elsewhere := get("user", "db", "user")
	elsewhere.SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Name: "two"}}
	plain := get("abc", "b64", "v")
	plain.RemoteRef.DecodingStrategy = esv1.DecodingBase64
	findDecoded, unicode := find("^b64$"), in(find("app/"))
	findDecoded.Find.DecodingStrategy = esv1.DecodingAuto
	unicode.Find.ConversionStrategy = esv1.ConversionUnicode
	unicodeKeys, rewritten := extract("db"), extract("db", regexpOp("/", "."))
	unicodeKeys.Extract.ConversionStrategy = esv1.ConversionUnicode
	rewritten.Extract.ConversionStrategy = esv1.ConversionUnicode
	cases := map[string]struct {
		reason string
		spec   esv1.ExternalSecretSpec
		want   map[string]string
	}{
		"data":         {"one value under its own key", spec(nil, get("u", "db", "user")), map[string]string{"u": "one-user"}},
		"data decoded": {"each entry has its decoding", spec(nil, plain), map[string]string{"abc": "abc"}},
		"other store":  {"an entry may name its own store", spec(nil, elsewhere), map[string]string{"user": "two-user"}},
		"extract": {
			"keys are converted", spec(entries{extract("db")}), map[string]string{"user": "one-user", "pass_word": "one-pass"},
		},
		"find":         {"what is found is converted", spec(entries{in(find("app/"))}), map[string]string{"app_x": "x", "app_y": "y"}},
		"find nothing": {"no match is no error", spec(entries{find("zzz")}), map[string]string{}},
		"Auto": {
			"what is no Base64 stays", spec(entries{decoded(extract("b64"), esv1.DecodingAuto)}),
			map[string]string{"v": "abc", "w": "s3cr3t!"},
		},
		"null bytes": {"they are allowed unless refused", spec(entries{extract("nul")}), map[string]string{"v": "a\x00b"}},
		"later wins": {
			"a later entry wins over an earlier one", spec(entries{extract("db"), in(extract("db"))}),
			map[string]string{"user": "two-user", "pass_word": "one-pass"},
		},
		"data wins": {
			"data wins over dataFrom", spec(entries{in(extract("db"))}, get("user", "db", "pass/word")),
			map[string]string{"user": "one-pass"},
		},
		"own store alone": {
			"where every entry has its own store, the spec needs none", storeless(in(extract("db")), generate("p")),
			map[string]string{"user": "two-user", "password": "generated", "index": "1"},
		},
		"find decoded": {
			"what is found is decoded, each value as a whole", spec(entries{findDecoded}), map[string]string{"b64": "abc"},
		},
		"find converted": {
			"in another way where the entry says so", spec(entries{unicode}), map[string]string{"app_U002f_x": "x", "app_U002f_y": "y"},
		},
		"extract converted": {
			"the same of the keys of one secret", spec(entries{unicodeKeys}), map[string]string{"user": "one-user", "pass_U002f_word": "one-pass"},
		},
		"rewritten, not converted": {
			"a rewrite takes the place of the conversion, in whatever way", spec(entries{rewritten}),
			map[string]string{"user": "one-user", "pass.word": "one-pass"},
		},
		"collision by rewrite": {
			"of two keys that a rewrite makes one, the last in order wins", spec(entries{extract("b64", regexpOp(".", "k"))}),
			map[string]string{"k": "s3cr3t!"},
		},
		"merged": {
			"operations follow each other: members are renamed after a merge",
			spec(entries{find("json-", mergeOp(esv1.ExternalSecretRewriteMerge{}), regexpOp("^", "db_"))}),
			map[string]string{"db_user": "u", "db_port": "5432"},
		},
		"renamed, then merged": {
			"a priority names a key as the operation before has left it",
			spec(entries{find("json-", regexpOp("json-", ""), mergeOp(esv1.ExternalSecretRewriteMerge{
				Strategy: esv1.MergeStrategyJSON, Into: "all", Priority: []string{"a"},
			}))}),
			map[string]string{"a": `{"user":"u"}`, "b": `{"port":5432}`, "all": `{"port":5432,"user":"u"}`},
		},
		"decoded after rewrite": {
			"values are decoded last", spec(entries{decoded(extract("wrapped", regexpOp("^w", "x")), esv1.DecodingBase64)}),
			map[string]string{"x": "abc"},
		},
		"two generators": {
			"the later one wins, and each is told which it is", spec(entries{generate("p"), generate("q", regexpOp("password", "second"))}),
			map[string]string{"password": "generated", "second": "generated", "index": "1"},
		},
		"generator": {
			"a generator is told which entry it serves", spec(entries{extract("nul"), generate("p")}),
			map[string]string{"v": "a\x00b", "password": "generated", "index": "1"},
		},
		"rewritten": {
			"rewrite works on the keys as the store has them", spec(entries{extract("db", regexpOp("/", "-"))}),
			map[string]string{"user": "one-user", "pass-word": "one-pass"},
		},
		"dropped": {
			"a key that rewrite leaves empty is dropped", spec(entries{extract("db", regexpOp("^user$", ""), regexpOp("/", ""))}),
			map[string]string{"password": "one-pass"},
		},
		"own generator": {
			"keys of a generator can be rewritten", spec(entries{generate("p", regexpOp("^pass", "db-pass"))}),
			map[string]string{"db-password": "generated", "index": "0"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Collector{Engine: templates.New()}.Collect(t.Context(), &c.spec, world())
			if diff := cmp.Diff(c.want, texts(got.Data)); err != nil || diff != "" || len(got.Gone) > 0 {
				t.Errorf("Collect() (-want +got), error %v, gone %q: %s\n%s", err, got.Gone, c.reason, diff)
			}
		})
	}
}

func TestCollectFails(t *testing.T) {
	lost := get("a", "db", "user")
	lost.SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Name: "three"}}
	bad := get("a", "b64", "w")
	bad.RemoteRef.DecodingStrategy = esv1.DecodingBase64
	null := get("a", "nul", "")
	null.RemoteRef.NullBytePolicy = esv1.NullByteFail
	nowhere := get("a", "db", "user")
	nowhere.SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Kind: esv1.KindSecretStore}}
	colliding := extract("twins")
	cases := map[string]struct {
		reason string
		spec   esv1.ExternalSecretSpec
		kind   fault.Kind
		want   string
	}{
		"store": {"the entry is named", spec(nil, lost), fault.Invalid, `spec.data[0] (key=db): SecretStore "three" does not exist`},
		"decoding": {
			"the entry and the property are named, and not the value", spec(nil, get("u", "db", "user"), bad), fault.Invalid,
			`spec.data[1] (key=b64): property "w": the value is not valid Base64, as decodingStrategy says`,
		},
		"whole value": {
			"where there is no property none is named", spec(nil, null), fault.Invalid,
			"spec.data[0] (key=nul): the value holds a null byte, which nullBytePolicy Fail refuses",
		},
		"no store": {
			"a store is needed somewhere", spec(nil, nowhere), fault.Invalid,
			"spec.data[0] (key=db): no store is named: set spec.secretStoreRef.name, or sourceRef.storeRef.name of the entry",
		},
		"no store for an extract": {
			"a store is needed somewhere", storeless(extract("db")), fault.Invalid,
			"spec.dataFrom[0] (key=db): no store is named: set spec.secretStoreRef.name, or sourceRef.storeRef.name of the entry",
		},
		"transform": {
			"the key is named that the template chokes on", spec(entries{extract("b64", transformOp(`{{ fail "x" }}`))}), fault.Invalid,
			`spec.dataFrom[0] (key=b64): rewrite[0]: key "v": template "transform", line 1: `,
		},
		"merge": {
			"the key is named whose value cannot be merged", spec(entries{extract("b64", mergeOp(esv1.ExternalSecretRewriteMerge{}))}), fault.Invalid,
			`spec.dataFrom[0] (key=b64): rewrite[0]: merge: the value of key "v" is not a JSON object`,
		},
		"collision": {
			"the entry and the key are named", spec(entries{colliding}), fault.Invalid,
			"spec.dataFrom[0] (key=twins): secret name collision during conversion: a_b",
		},
		"key": {
			"the key of the value is named", spec(entries{decoded(extract("b64"), esv1.DecodingBase64)}), fault.Invalid,
			`spec.dataFrom[0] (key=b64): key "w": the value is not valid Base64, as decodingStrategy says`,
		},
		"null bytes": {
			"the key of the value is named", spec(entries{noNulls(extract("nul"))}), fault.Invalid,
			`spec.dataFrom[0] (key=nul): key "v": the value holds a null byte, which nullBytePolicy Fail refuses`,
		},
		"invalid keys": {
			"with rewrite nothing is converted", spec(entries{extract("db", regexpOp("x", "y"))}), fault.Invalid,
			"spec.dataFrom[0] (key=db): invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): pass/word",
		},
		"rewrite": {
			"entry and operation are named", spec(entries{find("zzz"), generate("p", regexpOp("(", ""))}), fault.Invalid,
			`spec.dataFrom[1]: rewrite[0]: regexp.source "(" is not a valid regular expression`,
		},
		"generated keys": {
			"keys of a generator are not converted", spec(entries{generate("p", regexpOp("^pass", "a/"))}), fault.Invalid,
			"spec.dataFrom[0]: invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): a/word",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Collector{Engine: templates.New()}.Collect(t.Context(), &c.spec, world())
			if !fault.Is(err, c.kind) || !strings.HasPrefix(fault.Message(err), c.want) || got.Data != nil {
				t.Errorf("Collect() = %v, %v; want only %v %q: %s", texts(got.Data), err, c.kind, c.want, c.reason)
			}
		})
	}
}

// TestCollectAbsent is deletionPolicy against what can be wrong with a source.
func TestCollectAbsent(t *testing.T) {
	present := get("u", "db", "user")
	sources := map[string]struct {
		spec esv1.ExternalSecretSpec
		kind fault.Kind
		gone string
	}{
		"absent data":         {spec(nil, present, get("a", "none", "")), fault.NotFound, "spec.data[1] (key=none)"},
		"absent extract":      {spec(entries{extract("none")}, present), fault.NotFound, "spec.dataFrom[0] (key=none)"},
		"absent at generator": {spec(entries{generate("absent")}, present), fault.NotFound, "spec.dataFrom[0]"},
		"unreachable data":    {spec(nil, present, get("a", down, "")), fault.Unavailable, ""},
		"unreachable extract": {spec(entries{extract(down)}, present), fault.Unavailable, ""},
	}
	for _, policy := range []esv1.ExternalSecretDeletionPolicy{"", esv1.DeleteRetain, esv1.DeleteDelete, esv1.DeleteMerge} {
		for name, c := range sources {
			t.Run(name+" under "+string(policy), func(t *testing.T) {
				c.spec.Target.DeletionPolicy = policy
				got, err := Collector{Engine: templates.New()}.Collect(t.Context(), &c.spec, world())
				if policy == "" || policy == esv1.DeleteRetain || c.gone == "" {
					if !fault.Is(err, c.kind) {
						t.Errorf("error %v, want %v: Retain keeps what was there, and unreachable is never absent", err, c.kind)
					}
					return
				}
				if diff := cmp.Diff([]string{c.gone}, got.Gone); err != nil || diff != "" || texts(got.Data)["u"] != "one-user" {
					t.Errorf("error %v, data %v, gone (-want +got):\n%s", err, texts(got.Data), diff)
				}
			})
		}
	}
}

func TestCollectNamesAStoreInOneWay(t *testing.T) {
	from := world()
	open, asked := from.Store, map[esv1.SecretStoreRef]bool{}
	from.Store = func(ctx context.Context, ref esv1.SecretStoreRef) (Source, error) {
		asked[ref] = true
		return open(ctx, ref)
	}
	written := get("b", "db", "user")
	written.SourceRef = &esv1.StoreSourceRef{StoreRef: esv1.SecretStoreRef{Name: "one", Kind: esv1.KindSecretStore}}
	s := spec(entries{extract("db")}, get("a", "db", "user"), written)
	if _, err := (Collector{}).Collect(t.Context(), &s, from); err != nil || len(asked) != 1 {
		t.Errorf("error %v; %v are opened, want one: everything from one store is of one time", err, asked)
	}
}

func TestCollectHidesForeignErrors(t *testing.T) {
	from := world()
	from.Generate = func(context.Context, int, esv1.GeneratorRef) (map[string][]byte, error) {
		return nil, errors.New("cannot parse s3cr3t")
	}
	s := spec(entries{generate("p")})
	_, err := Collector{}.Collect(t.Context(), &s, from)
	if !fault.Is(err, fault.Unknown) || strings.Contains(fault.Message(err), "s3cr3t") || !strings.Contains(fault.Message(err), "spec.dataFrom[0]") {
		t.Errorf("error %q, want one that names the entry and repeats no foreign text", fault.Message(err))
	}
}

// FuzzCollect merges two secrets and a single value: the later one wins, and nothing is lost.
func FuzzCollect(f *testing.F) {
	const marked = "s3cr3t-marked-value"
	f.Add("user", "password", "user")
	f.Add("a/b", "a_b", "a.b")
	f.Add("", "..", "x")
	f.Add("a/b", "a?b", "a_b")
	f.Fuzz(func(t *testing.T, one, two, secretKey string) {
		first := map[string]string{one: marked + "1", two: marked + "2"}
		second := map[string]string{two: marked + "3"}
		store := memory{"first": first, "second": second, "single": {"": marked + "4"}}
		spec := esv1.ExternalSecretSpec{
			DataFrom: []esv1.ExternalSecretDataFromRemoteRef{extract("first"), extract("second")},
			Data:     []esv1.ExternalSecretData{get(secretKey, "single", "")},
		}
		got, err := Collector{Engine: templates.New()}.Collect(t.Context(), &spec, Sources{
			Store: func(context.Context, esv1.SecretStoreRef) (Source, error) { return store, nil },
		})
		if err != nil {
			if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), marked) {
				t.Errorf("%v, want fault.Invalid without a value", err)
			}
			return
		}
		want := map[string]string{}
		for _, fields := range []map[string]string{first, second} {
			converted, err := providers.ConvertKeys(esv1.ConversionDefault, values(fields))
			if err != nil {
				t.Fatalf("Collect accepts what ConvertKeys refuses: %v", err)
			}
			maps.Copy(want, texts(converted))
		}
		delete(want, "") // a name that nothing can have is left out
		want[secretKey] = marked + "4"
		if diff := cmp.Diff(want, texts(got.Data)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
