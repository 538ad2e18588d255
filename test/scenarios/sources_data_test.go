package scenarios_test

import (
	"fmt"
	"strings"
)

const (
	// manyKeys and largeValue make a Secret that is nearly as large as one can be.
	manyKeys    = 400
	largeLength = 600_000
)

// largeSecret is a Secret with many keys, one of which is large.
func largeSecret() string {
	lines := []string{"---\napiVersion: v1\nkind: Secret\nmetadata: {name: large}\nstringData:", "  large: " + largeValue()}
	for i := range manyKeys {
		lines = append(lines, fmt.Sprintf("  key-%d: CANARY-%d", i, i))
	}
	return strings.Join(lines, "\n") + "\n"
}

func largeValue() string { return "CANARY" + strings.Repeat("x", largeLength) }

// kubernetesData is a spec with the given entries of data, from the store of Secrets.
func kubernetesData(entries string) string {
	return "refreshInterval: 1h\nsecretStoreRef:\n  kind: SecretStore\n  name: kubernetes\ndata:\n" + entries
}

// fakeData is the same from the store of values.
func fakeData(entries string) string {
	return strings.Replace(kubernetesData(entries), "name: kubernetes", "name: fake", 1)
}

// from is an entry of data.
func from(secretKey, remoteRef string) string {
	return fmt.Sprintf("- secretKey: %s\n  remoteRef: {%s}\n", secretKey, remoteRef)
}

func dataCases() []sourceCase {
	everything := map[string]any{"large": largeValue()}
	for i := range manyKeys {
		everything[fmt.Sprintf("key-%d", i)] = fmt.Sprintf("CANARY-%d", i)
	}
	return []sourceCase{
		{
			name: "data-properties-of-a-secret",
			spec: kubernetesData(from("user", "key: database, property: username") + from("pw", "key: database, property: password")),
			want: map[string]any{"user": "CANARY-admin", "pw": "CANARY-s3cret"},
		},
		{
			name: "data-the-exact-key-before-a-path",
			spec: kubernetesData(from("crt", "key: database, property: tls.crt")),
			want: map[string]any{"crt": "CANARY-exact"},
		},
		{
			name: "data-paths-into-json-of-a-secret",
			spec: kubernetesData(from("name", "key: database, property: doc.user.name") + from("object", "key: database, property: doc.user") +
				from("number", "key: database, property: doc.port") + from("big", "key: database, property: doc.big") +
				from("ratio", "key: database, property: doc.ratio") + from("bool", "key: database, property: doc.on") +
				from("none", "key: database, property: doc.none") + from("first", "key: database, property: list.0") +
				from("member", "key: database, property: list.1.k") + from("count", `key: database, property: "list.#"`) +
				from("dotted", `key: database, property: 'doc.user.a\.b'`)),
			want: map[string]any{
				"name": "CANARY-nested", "object": `{"name": "CANARY-nested", "a.b": "CANARY-dotted"}`, "number": "5432",
				"big": "12345678901234567890", "ratio": "0.5", "bool": "true", "none": "", "first": "CANARY-zero", "member": "CANARY-one",
				"count": "2", "dotted": "CANARY-dotted",
			},
		},
		{
			name: "data-a-whole-secret-is-json",
			spec: kubernetesData(from("all", "key: whole")),
			want: map[string]any{"all": `{"a":"<CANARY>&'\"","b":"\ufffdCANARY","z":"CANARY-last"}`},
		},
		{
			name: "data-binary-and-empty-values",
			spec: kubernetesData(from("binary", "key: database, property: binary") + from("empty", "key: database, property: empty")),
			want: map[string]any{"binary": "\x00\xff\x00\xff\xac\xab(!", "empty": ""},
		},
		{
			name: "data-a-version-means-nothing-to-kubernetes",
			spec: kubernetesData(from("user", "key: database, property: username, version: v7")),
			want: map[string]any{"user": "CANARY-admin"},
		},
		{
			name: "data-a-missing-property",
			spec: kubernetesData(from("user", "key: database, property: username") + from("x", "key: database, property: nope")),
			says: []string{`spec.data[1] (key=database)`, `SecretStore "kubernetes"`, `property "nope" does not exist in secret "database"`},
		},
		{
			name: "data-a-missing-path",
			spec: kubernetesData(from("x", "key: database, property: doc.user.nope")),
			says: []string{`spec.data[0] (key=database)`, `property "doc.user.nope" does not exist`},
		},
		{
			name: "data-a-path-into-text",
			spec: kubernetesData(from("x", "key: database, property: username.first")),
			says: []string{`spec.data[0] (key=database)`, `property "username.first"`},
		},
		{
			name: "data-a-missing-secret",
			spec: kubernetesData(from("x", "key: nope")),
			says: []string{`spec.data[0] (key=nope)`, `secret "nope" does not exist in namespace "sources-remote"`},
		},
		{
			name: "data-a-key-twice",
			spec: kubernetesData(from("x", "key: database, property: username") + from("x", "key: database, property: password")),
			says: []string{"duplicate secretKey found: x"},
		},
		{
			name: "data-a-key-twice-where-that-is-allowed",
			spec: "target: {deletionPolicy: Merge}\n" +
				kubernetesData(from("x", "key: database, property: username")+from("x", "key: database, property: password")),
			want: map[string]any{"x": "CANARY-s3cret"},
		},
		{
			name: "data-many-keys-and-a-large-value",
			spec: "secretStoreRef: {name: kubernetes}\ndataFrom:\n- extract: {key: large}",
			want: everything,
		},
		{
			name: "data-more-than-a-secret-holds",
			spec: kubernetesData(from("a", "key: large, property: large") + from("b", "key: large, property: large")),
			says: []string{`secret "data-more-than-a-secret-holds"`, "data (FieldValueTooLong)"},
		},
		{
			name: "data-values-of-the-fake-store",
			spec: fakeData(from("v0", "key: foo") + from("v1", "key: foo, version: v1") + from("v2", "key: foo, version: v2") +
				from("empty", "key: empty") + from("first", "key: people, property: name.first") +
				from("second", "key: people, property: friends.1.first") + from("all", "key: people, property: 'friends.#.first'") +
				from("old", "key: people, property: 'friends.#(age>50).first'") + from("reversed", "key: people, property: 'friends.@reverse.0.age'") +
				from("ratio", "key: people, property: ratio") + from("none", "key: people, property: none") + from("html", "key: people, property: html")),
			want: map[string]any{
				"v0": "CANARY-v0", "v1": "CANARY-v1", "v2": "CANARY-v2", "empty": "", "first": "CANARY-Tom", "second": "CANARY-Roger",
				"all": `["CANARY-Dale","CANARY-Roger"]`, "old": "CANARY-Roger", "reversed": "68", "ratio": "1.5", "none": "", "html": "<CANARY>&",
			},
		},
		{
			name: "data-a-missing-version",
			spec: fakeData(from("x", "key: foo, version: v9")),
			says: []string{`spec.data[0] (key=foo)`, `version "v9" of key "foo" does not exist`},
		},
		{
			name: "data-a-docker-configuration",
			spec: "target:\n  template:\n    type: kubernetes.io/dockerconfigjson\n    data:\n      .dockerconfigjson: '{\"auths\":{\"{{ .host }}\":{}}}'\n" +
				fakeData(from("host", "key: redis-credentials, property: host")),
			want: map[string]any{".dockerconfigjson": `{"auths":{"CANARY-redis":{}}}`},
		},
	}
}

func metadataCases() []sourceCase {
	fetch := func(secretKey, property string) string {
		return from(secretKey, "key: database, metadataPolicy: Fetch, property: '"+property+"'")
	}
	return []sourceCase{
		{
			name: "metadata-by-name",
			spec: kubernetesData(fetch("team", "labels.team") + fetch("note", "annotations.note") + fetch("deep", `annotations.example\.com/config`) +
				fetch("labels", "labels") + fetch("plain", "labels.app.kubernetes.io/name") +
				fetch("escaped", `labels.app\.kubernetes\.io/name`) + fetch("quoted", `labels."app.kubernetes.io/name"`)),
			want: map[string]any{
				"team": "red", "note": "<CANARY>", "deep": `{"a":{"b":"CANARY-deep"}}`,
				"labels": `{"app.kubernetes.io/name":"postgres","team":"red","tier":"data"}`,
				"plain":  "postgres", "escaped": "postgres", "quoted": "postgres",
			},
		},
		{
			name: "metadata-of-a-secret-as-a-whole",
			spec: kubernetesData(from("all", "key: whole, metadataPolicy: Fetch")),
			want: map[string]any{"all": `{"annotations":null,"labels":{"team":"blue"}}`},
		},
		{
			name: "metadata-that-is-missing",
			spec: kubernetesData(fetch("x", "labels.nope")),
			says: []string{`spec.data[0] (key=database)`, `property "labels.nope" does not exist in the metadata of secret "database"`},
		},
		{
			name: "metadata-of-a-store-that-keeps-none",
			spec: fakeData(from("all", "key: foo, metadataPolicy: Fetch")),
			want: map[string]any{"all": `{"annotations":null,"labels":null}`},
		},
		{
			name: "metadata-extracted",
			spec: "secretStoreRef: {name: kubernetes}\ndataFrom:\n- extract: {key: whole, metadataPolicy: Fetch}",
			want: map[string]any{"annotations": "null", "labels": `{"team":"blue"}`},
		},
		{
			name: "metadata-members-are-json",
			spec: "secretStoreRef: {name: kubernetes}\ndataFrom:\n- extract: {key: database, metadataPolicy: Fetch, property: labels}",
			want: map[string]any{"app.kubernetes.io_name": `"postgres"`, "team": `"red"`, "tier": `"data"`},
		},
	}
}

func decodingCases() []sourceCase {
	extracted := func(strategy, more string) string {
		return "secretStoreRef: {name: fake}\ndataFrom:\n- extract: {key: encoded, decodingStrategy: " + strategy + "}" + more
	}
	return []sourceCase{
		{
			name: "decoding-of-single-values",
			spec: fakeData(from("base64", "key: encoded, property: name, decodingStrategy: Base64") +
				from("url", "key: encoded, property: url, decodingStrategy: Base64URL") +
				from("auto", "key: encoded, property: name, decodingStrategy: Auto") +
				from("auto-url", "key: encoded, property: url, decodingStrategy: Auto") +
				from("auto-text", "key: encoded, property: text, decodingStrategy: Auto") +
				from("none", "key: encoded, property: name, decodingStrategy: None")),
			want: map[string]any{
				"base64": "CANARY-name", "url": "CANARY???>>>", "auto": "CANARY-name", "auto-url": "CANARY???>>>",
				"auto-text": "CANARY, not encoded", "none": "Q0FOQVJZLW5hbWU=",
			},
		},
		{
			name: "decoding-auto-of-all-values",
			spec: extracted("Auto", ""),
			want: map[string]any{
				"name": "CANARY-name", "url": "CANARY???>>>", "text": "CANARY, not encoded", "bare": "Q0FOQVJZLWJhcmU", "number": "\xd7m\xf8",
			},
		},
		{
			name: "decoding-of-what-is-not-encoded",
			spec: fakeData(from("x", "key: encoded, property: text, decodingStrategy: Base64")),
			says: []string{`spec.data[0] (key=encoded)`, `property "text"`, "not valid Base64"},
		},
		{
			name: "decoding-without-padding",
			spec: extracted("Base64", "\n  rewrite: [{regexp: {source: '^(name|url|text|number)$', target: ''}}]"),
			says: []string{`spec.dataFrom[0] (key=encoded)`, `key "bare"`, "not valid Base64"},
		},
		{
			name: "decoding-of-what-is-found",
			spec: "secretStoreRef: {name: fake}\ndataFrom:\n- find: {name: {regexp: ^foo$}, decodingStrategy: Auto}",
			want: map[string]any{"foo": "CANARY-v2"},
		},
		{
			name: "decoding-into-null-bytes",
			spec: kubernetesData(from("x", "key: database, property: binary, nullBytePolicy: Fail")),
			says: []string{`spec.data[0] (key=database)`, `property "binary"`, "null byte"},
		},
		{
			name: "decoding-null-bytes-of-all-values",
			spec: "secretStoreRef: {name: kubernetes}\ndataFrom:\n- extract: {key: database, nullBytePolicy: Fail}",
			says: []string{`spec.dataFrom[0] (key=database)`, `key "binary"`, "null byte"},
		},
	}
}

func storeCases() []sourceCase {
	elsewhere := "- secretKey: cluster\n  remoteRef: {key: foo}\n  sourceRef:\n    storeRef: {kind: ClusterSecretStore, name: sources-cluster}\n"
	return []sourceCase{
		{
			name: "store-of-each-entry",
			spec: fakeData(from("own", "key: foo")+elsewhere) +
				"- secretKey: user\n  remoteRef: {key: database, property: username}\n  sourceRef: {storeRef: {name: kubernetes}}\n",
			want: map[string]any{"own": "CANARY-v0", "cluster": "CANARY-cluster", "user": "CANARY-admin"},
		},
		{
			name: "store-of-the-entries-alone",
			spec: "data:\n" + elsewhere + "dataFrom:\n- extract: {key: login}\n  sourceRef: {storeRef: {kind: ClusterSecretStore, name: sources-cluster}}\n",
			want: map[string]any{"cluster": "CANARY-cluster", "username": "CANARY-cluster-user", "password": "CANARY-cluster-password"},
		},
		{
			name: "store-that-nobody-names",
			spec: "data:\n" + from("x", "key: foo"),
			says: []string{`spec.data[0] (key=foo)`, "no store is named: set spec.secretStoreRef.name"},
		},
		{
			name: "store-that-does-not-exist",
			spec: fakeData(from("own", "key: foo") + "- secretKey: x\n  remoteRef: {key: foo}\n  sourceRef: {storeRef: {name: sources-cluster}}\n"),
			says: []string{`spec.data[1] (key=foo)`, `SecretStore "sources-cluster" does not exist in namespace "sources"`},
		},
		{
			name: "store-alone-says-nothing",
			spec: "dataFrom:\n- sourceRef: {storeRef: {name: fake}}",
			says: []string{"either extract or find must be set"},
		},
	}
}
