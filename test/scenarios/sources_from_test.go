package scenarios_test

import (
	"strings"

	. "github.com/onsi/gomega"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// dataFrom is a spec with the given entries of dataFrom, from the store of the name.
func dataFrom(store, entries string) string {
	return "refreshInterval: 1h\nsecretStoreRef:\n  name: " + store + "\n  kind: SecretStore\ndataFrom:\n" + strings.TrimSpace(entries) + "\n"
}

func extractCases() []sourceCase {
	return []sourceCase{
		{
			name: "extract-all-keys-of-a-secret",
			spec: dataFrom("kubernetes", `- extract: {key: tls-two}`),
			want: map[string]any{"token": "CANARY-two", "extra": "CANARY-extra"},
		},
		{
			name: "extract-members-of-a-key-are-json",
			spec: dataFrom("kubernetes", `- extract: {key: database, property: doc}`),
			want: map[string]any{
				"port": "5432", "big": "12345678901234567890", "on": "true", "none": "null", "ratio": "0.5",
				"user": `{"a.b":"CANARY-dotted","name":"CANARY-nested"}`, "roles": `["x","y"]`,
			},
		},
		{
			name: "extract-members-of-a-path",
			spec: dataFrom("kubernetes", `- extract: {key: database, property: doc.user}`),
			want: map[string]any{"a.b": `"CANARY-dotted"`, "name": `"CANARY-nested"`},
		},
		{
			name: "extract-from-a-key-that-is-text",
			spec: dataFrom("kubernetes", `- extract: {key: database, property: username}`),
			says: []string{`spec.dataFrom[0] (key=database)`, `property "username" of secret "database" is not a JSON object`},
		},
		{
			name: "extract-from-a-key-that-is-missing",
			spec: dataFrom("kubernetes", `- extract: {key: database, property: nope}`),
			says: []string{`spec.dataFrom[0] (key=database)`, `property "nope" does not exist in secret "database"`},
		},
		{
			name: "extract-members-of-a-value-are-text",
			spec: dataFrom("fake", `- extract: {key: people}`),
			want: map[string]any{
				"name": `{"first": "CANARY-Tom", "last": "Anderson"}`, "friends": ContainSubstring(`{"first": "CANARY-Roger", "age": 68}`),
				"port": "5432", "ratio": "1.50", "on": "true", "none": "", "html": "<CANARY>&",
			},
		},
		{
			name: "extract-a-version",
			spec: dataFrom("fake", `- extract: {key: dated, version: v1}`),
			want: map[string]any{"a": "CANARY-old"},
		},
		{
			name: "extract-a-property-of-a-value",
			spec: dataFrom("fake", `- extract: {key: people, property: friends.0}`),
			want: map[string]any{"first": "CANARY-Dale", "age": "44"},
		},
		{
			name: "extract-converts-keys",
			spec: dataFrom("fake", `- extract: {key: odd-keys}`),
			want: map[string]any{"foo_bar": "CANARY-1", "foo_baz": "CANARY-2", "some_0_": "CANARY-3", "gr_n": "CANARY-4"},
		},
		{
			name: "extract-converts-keys-to-code-points",
			spec: dataFrom("fake", `- extract: {key: odd-keys, conversionStrategy: Unicode}`),
			want: map[string]any{
				"foo_U002f_bar": "CANARY-1", "foo_U0024_baz": "CANARY-2", "some_U005b_0_U005d_": "CANARY-3", "gr_U00fc_n": "CANARY-4",
			},
		},
		{
			name: "extract-of-keys-that-become-one",
			spec: dataFrom("fake", `- extract: {key: colliding-keys}`),
			says: []string{`spec.dataFrom[0] (key=colliding-keys)`, "secret name collision during conversion: a_b"},
		},
		{
			name: "extract-keeps-such-keys-apart",
			spec: dataFrom("fake", `- extract: {key: colliding-keys, conversionStrategy: Unicode}`),
			want: map[string]any{"a_U002f_b": "CANARY-1", "a_U0020_b": "CANARY-2"},
		},
		{
			name: "extract-from-a-value-that-is-text",
			spec: dataFrom("fake", `- extract: {key: foo}`),
			says: []string{`spec.dataFrom[0] (key=foo)`, `secret "foo" is not a JSON object`},
		},
		{
			name: "extract-from-broken-json",
			spec: dataFrom("fake", `- extract: {key: broken}`),
			says: []string{`spec.dataFrom[0] (key=broken)`, `is not a JSON object`},
		},
		{
			name: "extract-several-and-data-over-all",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-one}
- extract: {key: tls-two}
- extract: {key: login}
  sourceRef: {storeRef: {kind: ClusterSecretStore, name: sources-cluster}}
data:
- {secretKey: username, remoteRef: {key: database, property: username}}`),
			want: map[string]any{
				"token": "CANARY-two", "extra": "CANARY-extra", "username": "CANARY-admin", "password": "CANARY-cluster-password",
			},
		},
	}
}

func findCases() []sourceCase {
	one, two := `{"token":"CANARY-one"}`, `{"extra":"CANARY-extra","token":"CANARY-two"}`
	return []sourceCase{
		{
			name: "find-secrets-by-name",
			spec: dataFrom("kubernetes", `- find: {name: {regexp: "tls-.*"}}`),
			want: map[string]any{"tls-one": one, "tls-two": two},
		},
		{
			name: "find-secrets-by-label",
			spec: dataFrom("kubernetes", `- find: {tags: {app: nginx, tier: web}}`),
			want: map[string]any{"tls-one": one},
		},
		{
			name: "find-by-labels-whatever-the-name",
			spec: dataFrom("kubernetes", `- find: {name: {regexp: "^whole$"}, tags: {app: nginx}}`),
			want: map[string]any{"tls-one": one, "tls-two": two},
		},
		{
			name: "find-two-times",
			spec: dataFrom("kubernetes", `
- find: {name: {regexp: "^tls-"}}
- find: {tags: {team: blue}}`),
			want: map[string]any{"tls-one": one, "tls-two": two, "whole": ContainSubstring("CANARY-last")},
		},
		{
			name: "find-in-a-path-that-kubernetes-has-not",
			spec: dataFrom("kubernetes", `- find: {path: some/path, name: {regexp: "^tls-one$"}}`),
			want: map[string]any{"tls-one": one},
		},
		{
			name: "find-nothing",
			spec: dataFrom("kubernetes", `- find: {name: {regexp: "^nothing$"}}`),
			says: []string{"secret retained due to DeletionPolicy=Retain"}, reason: esv1.ReasonSecretSynced,
		},
		{
			name: "find-nothing-beside-something",
			spec: dataFrom("kubernetes", `
- find: {name: {regexp: "^nothing$"}}
- extract: {key: tls-one}`),
			want: map[string]any{"token": "CANARY-one"},
		},
		{
			name: "find-without-saying-what",
			spec: dataFrom("kubernetes", `- find: {conversionStrategy: Default}`),
			says: []string{"spec.dataFrom[0]", `SecretStore "kubernetes"`, "find needs a name"},
		},
		{
			name: "find-by-path-alone",
			spec: dataFrom("kubernetes", `- find: {path: tls}`),
			says: []string{"spec.dataFrom[0]", `SecretStore "kubernetes"`, "find must have a name or tags"},
		},
		{
			name: "find-by-a-wrong-expression",
			spec: dataFrom("kubernetes", `- find: {name: {regexp: "tls-("}}`),
			says: []string{"spec.dataFrom[0]", `find.name.regexp "tls-(" is not a valid regular expression`},
		},
		{
			name: "find-values-by-name",
			spec: dataFrom("fake", `- find: {name: {regexp: "^path/to/"}}`),
			want: map[string]any{"path_to_my_secrets_username": "CANARY-user", "path_to_my_secrets_password": "CANARY-password"},
		},
		{
			name: "find-values-and-write-code-points",
			spec: dataFrom("fake", `- find: {name: {regexp: "username$"}, conversionStrategy: Unicode}`),
			want: map[string]any{"path_U002f_to_U002f_my_U002f_secrets_U002f_username": "CANARY-user"},
		},
		{
			name: "find-the-last-version",
			spec: dataFrom("fake", `- find: {name: {regexp: "^foo$"}}`),
			want: map[string]any{"foo": "CANARY-v2"},
		},
		{
			name: "find-values-by-name-whatever-the-tags",
			spec: dataFrom("fake", `- find: {name: {regexp: "^foo$"}, tags: {a: b}}`),
			want: map[string]any{"foo": "CANARY-v2"},
		},
		{
			name: "find-values-by-tags",
			spec: dataFrom("fake", `- find: {tags: {a: b}}`),
			says: []string{"spec.dataFrom[0]", `SecretStore "fake"`, "keeps no tags"},
		},
		{
			name: "find-values-that-become-one",
			spec: dataFrom("fake", `- find: {name: {regexp: "^collide"}}`),
			says: []string{"spec.dataFrom[0]", "secret name collision during conversion: collide_a"},
		},
	}
}

func generatorCases() []sourceCase {
	password := SatisfyAll(HaveLen(30), MatchRegexp(`^[-_$a-zA-Z0-9]+$`))
	generate := func(kind, name, more string) string {
		return "- sourceRef:\n    generatorRef:\n      apiVersion: generators.external-secrets.io/v1alpha1\n      kind: " + kind +
			"\n      name: " + name + "\n" + more
	}
	return []sourceCase{
		{name: "generator-password", spec: "dataFrom:\n" + generate("Password", "password", ""), want: map[string]any{"password": password}},
		{
			name: "generators-of-all-kinds",
			spec: "refreshInterval: '0'\ndataFrom:\n" + generate("UUID", "uuid", "") + generate("Fake", "values", "") +
				generate("ClusterGenerator", "sources-password", ""),
			want: map[string]any{
				"uuid": MatchRegexp(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`), "foo": "CANARY-generated-foo",
				"bar": "CANARY-generated-bar", "reader": HaveLen(12), "writer": HaveLen(12),
			},
		},
		{
			name: "generators-one-twice-under-other-names",
			spec: "dataFrom:\n" + generate("Password", "password", "  rewrite: [{regexp: {source: '(.*)', target: 'first_$1'}}]\n") +
				generate("Password", "password", "  rewrite: [{transform: {template: 'second_{{ .value | upper }}'}}]\n"),
			want: map[string]any{"first_password": password, "second_PASSWORD": password},
		},
		{
			name: "generator-in-a-template",
			spec: "target: {template: {data: {url: 'postgres://app:{{ .password }}@db'}}}\ndataFrom:\n" + generate("Password", "password", ""),
			want: map[string]any{"url": SatisfyAll(HavePrefix("postgres://app:"), HaveSuffix("@db"), HaveLen(48))},
		},
		{
			name: "generator-without-a-version-of-its-api",
			spec: "dataFrom:\n- sourceRef: {generatorRef: {kind: UUID, name: uuid}}",
			want: map[string]any{"uuid": HaveLen(36)},
		},
		{
			name: "generator-of-another-api",
			spec: "dataFrom:\n- sourceRef: {generatorRef: {apiVersion: v1, kind: UUID, name: uuid}}",
			says: []string{"spec.dataFrom[0]", `generatorRef.apiVersion "v1"`},
		},
		{
			name: "generator-beside-stores",
			spec: dataFrom("fake", "- extract: {key: redis-credentials}\n"+generate("Fake", "values", "")) +
				"data:\n" + from("bar", "key: foo"),
			want: map[string]any{"host": "CANARY-redis", "port": "6379", "foo": "CANARY-generated-foo", "bar": "CANARY-v0"},
		},
		{
			name: "generator-that-does-not-exist",
			spec: "dataFrom:\n" + generate("Password", "nope", ""),
			says: []string{"spec.dataFrom[0]", `generator Password "nope" does not exist in namespace "sources"`},
		},
		{
			name: "generator-with-a-key-that-no-secret-can-hold",
			spec: "dataFrom:\n" + generate("Password", "password", "  rewrite: [{regexp: {source: pass, target: 'a/'}}]\n"),
			says: []string{"spec.dataFrom[0]", "invalid secret keys", "a/word"},
		},
	}
}

// absenceCases are about secrets that are not there, under each deletionPolicy.
func absenceCases() []sourceCase {
	mixed := func(policy string) string {
		return "target: {deletionPolicy: " + policy + "}\n" + dataFrom("kubernetes", "- extract: {key: nope}\n- extract: {key: tls-one}") +
			"data:\n" + from("x", "key: database, property: nope") + from("w", "key: nope-either") + from("z", "key: database, property: username")
	}
	alone := func(policy string) string {
		return "target: {deletionPolicy: " + policy + "}\n" + dataFrom("fake", "- extract: {key: nope}") + "data:\n" + from("x", "key: nope")
	}
	present := map[string]any{"token": "CANARY-one", "z": "CANARY-admin"}
	return []sourceCase{
		{name: "absent-some-with-retain", spec: mixed("Retain"), says: []string{"spec.dataFrom[0] (key=nope)", `secret "nope" does not exist`}},
		{name: "absent-some-with-merge", spec: mixed("Merge"), want: present},
		{name: "absent-some-with-delete", spec: mixed("Delete"), want: present},
		{
			name: "absent-because-it-cannot-be",
			spec: "target: {deletionPolicy: Delete}\n" + dataFrom("kubernetes", "- extract: {key: Not_A_Name}"),
			says: []string{"spec.dataFrom[0] (key=Not_A_Name)", `"Not_A_Name" is not a valid name of a secret`},
		},
		{name: "absent-all-with-retain", spec: alone("Retain"), says: []string{"spec.dataFrom[0] (key=nope)", `key "nope" does not exist`}},
		{name: "absent-all-with-merge", spec: alone("Merge"), want: map[string]any{}},
		{
			name: "absent-all-with-delete", spec: alone("Delete"), reason: esv1.ReasonSecretDeleted,
			says: []string{"secret deleted due to DeletionPolicy=Delete"},
		},
	}
}
