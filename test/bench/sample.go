package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// samples are what the operator has written for one object, so that others can write the same.
type samples struct {
	// name is that of the object.
	name types.NamespacedName
	// target is its Secret.
	target *corev1.Secret
	// status is a merge patch that makes the status of the object.
	status []byte
}

// specimens is the group of the namespaces with objects that samples are taken from.
const specimens = "specimen"

// needSamples has the operator write for one object, and keeps what it wrote. The operator is stopped then.
func (b *bench) needSamples(ctx context.Context) error {
	if b.samples.target != nil {
		return nil
	}
	if b.operator == nil {
		if err := b.startOperator(ctx); err != nil {
			return err
		}
	}
	if err := b.create(ctx, store(sources, "get", "list", "watch")...); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, specimens); err != nil {
		return err
	}
	name := place(specimens, 0)
	s := source(0, "specimen-000000-0123456789abcdef")
	s.Name = "specimen"
	if err := b.create(ctx, s, reader(name, s.Name)); err != nil {
		return err
	}
	if _, err := b.observer.await(ctx, "a specimen", func() bool { return b.observer.ready.of(name) }); err != nil {
		return err
	}
	if err := b.takeSample(ctx, name); err != nil {
		return err
	}
	if err := b.clear(ctx, specimens, &corev1.Secret{}, &esv1.ExternalSecret{}); err != nil {
		return err
	}
	return b.stopOperator()
}

func (b *bench) takeSample(ctx context.Context, name types.NamespacedName) error {
	var target corev1.Secret
	if err := b.client.Get(ctx, name, &target); err != nil {
		return fmt.Errorf("read a specimen: %w", err)
	}
	var es esv1.ExternalSecret
	if err := b.client.Get(ctx, name, &es); err != nil {
		return fmt.Errorf("read a specimen: %w", err)
	}
	status, err := json.Marshal(map[string]any{"status": es.Status})
	b.samples = samples{name: name, target: &target, status: status}
	return err
}

// secret returns the Secret that the operator would write for another object, whose UID is given.
func (s samples) secret(name types.NamespacedName, uid types.UID) *corev1.Secret {
	copied := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: name.Name, Labels: maps.Clone(s.target.Labels), Annotations: maps.Clone(s.target.Annotations),
		},
		Type: s.target.Type, Data: maps.Clone(s.target.Data),
	}
	for _, owner := range s.target.OwnerReferences {
		owner.Name, owner.UID = name.Name, uid
		copied.OwnerReferences = append(copied.OwnerReferences, owner)
	}
	return copied
}

// statusOf returns the merge patch that makes the status of another object.
func (s samples) statusOf(name types.NamespacedName) []byte {
	return []byte(strings.ReplaceAll(string(s.status), s.name.Name, name.Name))
}

// clear deletes all objects of the given kinds in the namespaces of a group, one kind after the other, and waits until nobody works on
// that any more.
func (b *bench) clear(ctx context.Context, group string, kinds ...client.Object) error {
	for _, kind := range kinds {
		all := namespaces(group)
		err := each(ctx, len(all), len(all), func(ctx context.Context, i int) error {
			object, ok := kind.DeepCopyObject().(client.Object)
			if !ok {
				return fmt.Errorf("%T is no object", kind)
			}
			return b.client.DeleteAllOf(ctx, object, client.InNamespace(all[i]))
		})
		if err != nil {
			return fmt.Errorf("clear the namespaces of %s: %w", group, err)
		}
	}
	b.settle(ctx)
	return nil
}
