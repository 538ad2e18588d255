package story

// Step is one step of the walkthrough.
type Step struct {
	// File is the manifest to apply; its path starts at the root of the project.
	File string
	// Why says in one line what the step is for.
	Why string
}

// Walkthrough returns the steps that make demo plays, in order. The scenario tests apply the same files.
func Walkthrough() []Step {
	return []Step{
		{"config/demo/00-namespaces.yaml", "Namespaces for everything that follows."},
		{"config/demo/devblog.yaml", "A whole article in one file: a store in a namespace, a generated password, two apps that share it."},
		{"config/demo/10-article-store.yaml", "The same step by step: a store with an identity of its own."},
		{"config/demo/11-article-password.yaml", "A password is born: generated once, pushed into the store, never changed by accident."},
		{"config/demo/12-article-application.yaml", "An app in another namespace gets it, inside a connection string."},
		{"config/demo/20-shared-password.yaml", "A database, Grafana and a backup job share that password, each in its own form."},
		{"config/demo/30-generated-directly.yaml", "Without a store: an ExternalSecret takes a password straight from the generator."},
	}
}
