package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/test/gen"
)

const (
	// sources is the namespace that the store reads, and the name of the store.
	sources = "sources"
	// targetKey is the key of a target in which the password of its source stands.
	targetKey = "url"
	// group begins the names of the namespaces with the ExternalSecrets.
	group = "bench"
)

// homes are the namespaces with the ExternalSecrets.
func homes() []string { return namespaces(group) }

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

// source returns the Secret that object number i reads. Its values are as long as those of most people.
func source(i int, password string) *corev1.Secret {
	s := gen.Secret(place(group, i).Name, map[string]string{
		"username": fmt.Sprintf("user-%06d", i), "password": password, "host": fmt.Sprintf("db-%06d.databases.svc.cluster.local", i),
	})
	s.Namespace = sources
	return s
}

// reader returns an ExternalSecret that reads a source: three entries and a template of two keys.
func reader(name types.NamespacedName, source string) *esv1.ExternalSecret {
	es := gen.NewExternalSecret(name.Name).ClusterStore(sources).Every(time.Hour).
		Data("username", source, "username").Data("password", source, "password").Data("host", source, "host").
		Template(targetKey, "postgres://{{ .username }}:{{ .password }}@{{ .host }}:5432/app").
		Template("username", "{{ .username }}")
	es.Namespace = name.Namespace
	return es.ExternalSecret
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

// createNamespaces creates the namespaces of a group.
func (b *bench) createNamespaces(ctx context.Context, group string) error {
	for _, name := range namespaces(group) {
		if err := b.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

// setters is how many objects the bench prepares at a time, where nothing is measured.
const setters = 16

// needFleet creates the ExternalSecrets, their sources and their store, and the foreign Secrets, unless they are there.
func (b *bench) needFleet(ctx context.Context) error {
	if b.fleet {
		return nil
	}
	b.say("creating %d foreign Secrets, and %d ExternalSecrets with their sources", b.Foreign, b.N)
	if err := b.createForeign(ctx); err != nil {
		return err
	}
	if err := b.create(ctx, store(sources, "get", "list", "watch")...); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, group); err != nil {
		return err
	}
	err := each(ctx, b.N, setters, func(ctx context.Context, i int) error {
		s := source(i, fmt.Sprintf("initial-%06d-0123456789abcdef", i))
		return b.create(ctx, s, reader(place(group, i), s.Name))
	})
	b.fleet = err == nil
	return err
}

// createForeign creates Secrets of 20 KB that nobody asks for.
func (b *bench) createForeign(ctx context.Context) error {
	if b.Foreign == 0 {
		return nil
	}
	const strangers = "foreign"
	if err := b.createNamespaces(ctx, strangers); err != nil {
		return err
	}
	content := map[string]string{"content": strings.Repeat("0123456789abcdef", 20*1024/16)}
	return each(ctx, b.Foreign, setters, func(ctx context.Context, i int) error {
		name := place(strangers, i)
		s := gen.Secret(name.Name, content)
		s.Namespace = name.Namespace
		return b.create(ctx, s)
	})
}

// synced says whether the last of a fleet is Ready with its Secret there. It is for observer.await.
func (b *bench) synced() bool {
	return len(b.observer.ready[group]) >= b.N && len(b.observer.targets[group]) >= b.N
}

// needSynced makes the operator run, and waits until it has synced the fleet.
func (b *bench) needSynced(ctx context.Context) error {
	if err := b.needFleet(ctx); err != nil {
		return err
	}
	if b.operator == nil {
		if err := b.startOperator(ctx); err != nil {
			return err
		}
	}
	if _, err := b.observer.await(ctx, "the fleet", b.synced); err != nil {
		return err
	}
	_, err := b.operator.whenQuiet(ctx, 1)
	return err
}
