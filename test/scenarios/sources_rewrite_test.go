package scenarios_test

func rewriteCases() []sourceCase {
	return []sourceCase{
		{
			name: "rewrite-adds-a-prefix",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-two}
  rewrite:
  - regexp: {source: "(.*)", target: "my_$1"}`),
			want: map[string]any{"my_token": "CANARY-two", "my_extra": "CANARY-extra"},
		},
		{
			name: "rewrite-keeps-keys-apart",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-one}
  rewrite: [{regexp: {source: "^", target: one_}}]
- extract: {key: tls-two}
  rewrite: [{regexp: {source: "^", target: two_}}]`),
			want: map[string]any{"one_token": "CANARY-one", "two_token": "CANARY-two", "two_extra": "CANARY-extra"},
		},
		{
			name: "rewrite-with-groups",
			spec: dataFrom("fake", `
- extract: {key: odd-keys}
  rewrite:
  - regexp: {source: "^foo(?P<sign>.)(?P<rest>.*)$", target: "${rest}-${1}"}
  - regexp: {source: "[^a-z]", target: ""}`),
			want: map[string]any{"bar": "CANARY-1", "baz": "CANARY-2", "some": "CANARY-3", "grn": "CANARY-4"},
		},
		{
			name: "rewrite-replaces-wrong-characters",
			spec: dataFrom("fake", `
- extract: {key: odd-keys}
  rewrite:
  - regexp: {source: "[^a-zA-Z0-9-]", target: "_"}`),
			want: map[string]any{"foo_bar": "CANARY-1", "foo_baz": "CANARY-2", "some_0_": "CANARY-3", "gr_n": "CANARY-4"},
		},
		{
			name: "rewrite-in-place-of-the-conversion",
			spec: dataFrom("fake", `
- extract: {key: odd-keys, conversionStrategy: Unicode}
  rewrite:
  - regexp: {source: "/", target: "."}`),
			says: []string{"spec.dataFrom[0] (key=odd-keys)", "invalid secret keys", "foo$baz, grün, some[0]"},
		},
		{
			name: "rewrite-that-matches-nothing",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-one}
  rewrite: [{regexp: {source: nothing, target: x}}]`),
			want: map[string]any{"token": "CANARY-one"},
		},
		{
			name: "rewrite-drops-what-becomes-empty",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-two}
  rewrite: [{regexp: {source: "^token$", target: ""}}]`),
			want: map[string]any{"extra": "CANARY-extra"},
		},
		{
			name: "rewrite-by-a-wrong-expression",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-two}
  rewrite: [{regexp: {source: a, target: b}}, {regexp: {source: "(", target: ""}}]`),
			says: []string{"spec.dataFrom[0] (key=tls-two)", "rewrite[1]", `regexp.source "(" is not a valid regular expression`},
		},
		{
			name: "rewrite-of-what-is-found",
			spec: dataFrom("kubernetes", `
- find: {name: {regexp: "^tls-"}}
  rewrite: [{regexp: {source: "tls-(.*)", target: "$1.json"}}]`),
			want: map[string]any{"one.json": `{"token":"CANARY-one"}`, "two.json": `{"extra":"CANARY-extra","token":"CANARY-two"}`},
		},
		{
			name: "rewrite-of-values-that-are-found",
			spec: dataFrom("fake", `
- find: {name: {regexp: "^path/to/my/secrets/"}}
  rewrite: [{regexp: {source: "^path_to_my_secrets_", target: ""}}]`),
			want: map[string]any{"username": "CANARY-user", "password": "CANARY-password"},
		},
		{
			name: "transform-with-functions",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-two}
  rewrite:
  - regexp: {source: "^", target: "app-"}
  - transform: {template: '{{ .value | upper | replace "-" "_" }}'}`),
			want: map[string]any{"APP_TOKEN": "CANARY-two", "APP_EXTRA": "CANARY-extra"},
		},
		{
			name: "transform-drops-what-becomes-empty",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-two}
  rewrite: [{transform: {template: '{{ if eq .value "token" }}{{ .value }}{{ end }}'}}]`),
			want: map[string]any{"token": "CANARY-two"},
		},
		{
			name: "transform-by-a-wrong-template",
			spec: dataFrom("kubernetes", `
- extract: {key: tls-one}
  rewrite: [{transform: {template: '{{ .value | nope }}'}}]`),
			says: []string{"spec.dataFrom[0] (key=tls-one)", "rewrite[0]", "transform", "nope"},
		},
	}
}

func mergeCases() []sourceCase {
	merge := func(operation string) string {
		return dataFrom("fake", "- find: {name: {regexp: \"-credentials$\"}}\n  rewrite:\n  - merge: {"+operation+"}")
	}
	mongo := `{"username": "CANARY-mongo", "port": 27017, "options": {"tls": true}}`
	redis := `{"host": "CANARY-redis", "port": 6379}`
	return []sourceCase{
		{
			name: "merge-all-that-is-found",
			spec: dataFrom("kubernetes", `
- find: {name: {regexp: "^tls-two$"}}
  rewrite: [{merge: {}}]
- find: {tags: {team: blue}}
  rewrite: [{merge: {strategy: Extract, conflictPolicy: Error}}]`),
			want: map[string]any{
				"token": "CANARY-two", "extra": "CANARY-extra", "a": "<CANARY>&'\"", "b": "\ufffdCANARY", "z": "CANARY-last",
			},
		},
		{
			name: "merge-with-conflicts",
			spec: merge(""),
			says: []string{"spec.dataFrom[0]", "rewrite[0]", "merge failed with conflicts: port"},
		},
		{
			name: "merge-with-conflicts-in-spite-of-a-priority",
			spec: merge("priority: [mongo-credentials]"),
			says: []string{"spec.dataFrom[0]", "rewrite[0]", "merge failed with conflicts: port"},
		},
		{
			name: "merge-without-caring-for-conflicts",
			spec: merge("conflictPolicy: Ignore"),
			want: map[string]any{"username": "CANARY-mongo", "host": "CANARY-redis", "port": "6379", "options": `{"tls":true}`},
		},
		{
			name: "merge-with-a-priority",
			spec: merge("conflictPolicy: Ignore, priority: [mongo-credentials]"),
			want: map[string]any{"username": "CANARY-mongo", "host": "CANARY-redis", "port": "27017", "options": `{"tls":true}`},
		},
		{
			name: "merge-with-a-priority-that-is-missing",
			spec: merge("conflictPolicy: Ignore, priority: [nope]"),
			says: []string{"spec.dataFrom[0]", "rewrite[0]", `merge.priority names "nope"`},
		},
		{
			name: "merge-with-a-priority-that-may-be-missing",
			spec: merge("conflictPolicy: Ignore, priority: [nope, mongo-credentials], priorityPolicy: IgnoreNotFound"),
			want: map[string]any{"username": "CANARY-mongo", "host": "CANARY-redis", "port": "27017", "options": `{"tls":true}`},
		},
		{
			name: "merge-into-one-value",
			spec: merge("strategy: JSON, into: credentials, conflictPolicy: Ignore"),
			want: map[string]any{
				"mongo-credentials": mongo, "redis-credentials": redis,
				"credentials": `{"host":"CANARY-redis","options":{"tls":true},"port":6379,"username":"CANARY-mongo"}`,
			},
		},
		{
			name: "merge-into-nothing",
			spec: merge("strategy: JSON, conflictPolicy: Ignore"),
			says: []string{"spec.dataFrom[0]", "rewrite[0]", "merge.into"},
		},
		{
			name: "merge-what-is-not-json",
			spec: dataFrom("fake", "- find: {name: {regexp: ^foo$}}\n  rewrite: [{merge: {}}]"),
			says: []string{"spec.dataFrom[0]", "rewrite[0]", `the value of key "foo" is not a JSON object`},
		},
		{
			name: "merge-after-and-before-other-operations",
			spec: dataFrom("fake", `
- find: {name: {regexp: "-credentials$"}}
  rewrite:
  - regexp: {source: "-credentials", target: ""}
  - merge: {strategy: JSON, into: all, conflictPolicy: Ignore, priority: [mongo]}
  - regexp: {source: "^(mongo|redis)$", target: ""}
  - transform: {template: "{{ .value | upper }}"}`),
			want: map[string]any{"ALL": `{"host":"CANARY-redis","options":{"tls":true},"port":27017,"username":"CANARY-mongo"}`},
		},
	}
}
