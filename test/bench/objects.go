package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/test/gen"
)

const (
	// sources is the namespace that ExternalSecrets read from, pushed the one that PushSecrets write to. The stores have these names too.
	sources = "sources"
	pushed  = "pushed"
	// targetKey is the key of a target in which the password of its source stands.
	targetKey = "url"
)

// readVerbs are the rights of a store that is read from.
func readVerbs() []string { return []string{"get", "list", "watch"} }

// writeVerbs are the rights of a store that is written to.
func writeVerbs() []string { return append(readVerbs(), "create", "patch", "delete") }

// namespaces are those of a group of objects.
func namespaces(group string) []string {
	names := make([]string, 10)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", group, i)
	}
	return names
}

// place is the name of object number i of a group.
func place(group string, i int) types.NamespacedName {
	all := namespaces(group)
	return types.NamespacedName{Namespace: all[i%len(all)], Name: fmt.Sprintf("app-%06d", i)}
}

// source returns a Secret to read from or to push. Its values are as long as those of most people.
func source(namespace, name string, i int, password string) *corev1.Secret {
	s := gen.Secret(name, map[string]string{
		"username": fmt.Sprintf("user-%06d", i), "password": password, "host": fmt.Sprintf("db-%06d.databases.svc.cluster.local", i),
	})
	s.Namespace = namespace
	return s
}

// urlOf is the value of targetKey in the target of an object whose source has a password.
func urlOf(i int, password string) string {
	return fmt.Sprintf("postgres://user-%06d:%s@db-%06d.databases.svc.cluster.local:5432/app", i, password, i)
}

// reader returns an ExternalSecret that reads a source: three entries and a template of two keys.
func reader(name types.NamespacedName, source string) *esv1.ExternalSecret {
	es := gen.NewExternalSecret(name.Name).ClusterStore(sources).Every(time.Hour).Target(targetOf(name).Name).
		Data("username", source, "username").Data("password", source, "password").Data("host", source, "host").
		Template(targetKey, "postgres://{{ .username }}:{{ .password }}@{{ .host }}:5432/app").
		Template("username", "{{ .username }}")
	es.Namespace = name.Namespace
	return es.ExternalSecret
}

// targetOf is the name of the target of a reader: not that of the source of a pusher in the same namespace.
func targetOf(reader types.NamespacedName) types.NamespacedName {
	reader.Name += "-target"
	return reader
}

// pusher returns a PushSecret that pushes one key of the Secret of its own name to one remote key, also of this name.
func pusher(name types.NamespacedName) *esv1alpha1.PushSecret {
	ps := gen.NewPushSecret(name.Name).From(name.Name).ToCluster(pushed).Every(time.Hour).Data("password", name.Name, "password")
	ps.Namespace = name.Namespace
	return ps.PushSecret
}

// store returns a ClusterSecretStore of a namespace, and what it needs: the namespace, an identity in it, and its rights there.
func store(namespace string, verbs ...string) []client.Object {
	at := metav1.ObjectMeta{Namespace: namespace, Name: "store"}
	provider := gen.KubernetesStore("", namespace, at.Name).Spec.Provider
	provider.Kubernetes.Auth.ServiceAccount = &metametav1.ServiceAccountSelector{Name: at.Name, Namespace: &namespace}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: at},
		&rbacv1.Role{ObjectMeta: at, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs}}},
		&rbacv1.RoleBinding{
			ObjectMeta: at, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: at.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: at.Namespace, Name: at.Name}},
		},
		&esv1.ClusterSecretStore{
			ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: esv1.SecretStoreSpec{Provider: provider},
		},
	}
}

// create creates objects one after another. What exists already stays as it is.
func (b *bench) create(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := b.client.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// patch sends a merge patch for an object.
func (b *bench) patch(ctx context.Context, o client.Object, patch []byte) error {
	if err := b.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("patch %s: %w", o.GetName(), err)
	}
	return nil
}

// changeSource gives the source of an object of the fleet another password.
func (b *bench) changeSource(ctx context.Context, i int, password string) error {
	s := source(sources, place(group, i).Name, i, "")
	return b.patch(ctx, s, fmt.Appendf(nil, `{"stringData":{"password":%q}}`, password))
}

// clear deletes all objects of the given kinds in namespaces, one kind after the other, and waits until nobody works on that any more.
func (b *bench) clear(ctx context.Context, namespaces []string, kinds ...client.Object) error {
	for _, kind := range kinds {
		err := each(ctx, len(namespaces), len(namespaces), func(ctx context.Context, i int) error {
			object, ok := kind.DeepCopyObject().(client.Object)
			if !ok {
				return fmt.Errorf("%T is no object", kind)
			}
			return b.client.DeleteAllOf(ctx, object, client.InNamespace(namespaces[i]))
		})
		if err != nil {
			return fmt.Errorf("clear the namespaces: %w", err)
		}
	}
	b.settle(ctx)
	return nil
}
