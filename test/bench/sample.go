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

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// sample is what the operator has written for one object, so that others can write the same.
type sample struct {
	// name is that of the object.
	name string
	// written is the Secret that it made: a target, or a remote Secret.
	written *corev1.Secret
	// status is a merge patch that makes the status of the object.
	status []byte
}

// specimens is the group of the namespaces with objects that samples are taken from.
const specimens = "specimen"

// needSamples has the operator write for one ExternalSecret and one PushSecret, and keeps what it wrote. The operator is stopped then.
func (b *bench) needSamples(ctx context.Context) error {
	if b.sampleSynced.written != nil {
		return b.stopOperator()
	}
	if b.operator == nil {
		if err := b.startOperator(ctx); err != nil {
			return err
		}
	}
	if err := b.create(ctx, append(store(sources, readVerbs()...), store(pushed, writeVerbs()...)...)...); err != nil {
		return err
	}
	if err := b.createNamespaces(ctx, specimens); err != nil {
		return err
	}
	name := place(specimens, 0)
	s := source(sources, name.Name, 0, "specimen-000000-0123456789abcdef")
	if err := b.create(ctx, s, reader(name, s.Name), source(name.Namespace, name.Name, 0, "specimen"), pusher(name)); err != nil {
		return err
	}
	_, err := b.observer.await(ctx, "specimens", func() bool { return b.observer.ready.of(name) && b.observer.pushed.of(name) })
	if err != nil {
		return err
	}
	if err := b.takeSamples(ctx, name); err != nil {
		return err
	}
	all := append(namespaces(specimens), sources, pushed)
	if err := b.clear(ctx, all, &corev1.Secret{}, &esv1.ExternalSecret{}, &esv1alpha1.PushSecret{}); err != nil {
		return err
	}
	return b.stopOperator()
}

func (b *bench) takeSamples(ctx context.Context, name types.NamespacedName) error {
	var es esv1.ExternalSecret
	var ps esv1alpha1.PushSecret
	var target, remote corev1.Secret
	for _, err := range []error{
		b.client.Get(ctx, name, &es),
		b.client.Get(ctx, targetOf(name), &target),
		b.client.Get(ctx, name, &ps),
		b.client.Get(ctx, types.NamespacedName{Namespace: pushed, Name: name.Name}, &remote),
	} {
		if err != nil {
			return fmt.Errorf("read a specimen: %w", err)
		}
	}
	synced, err := json.Marshal(map[string]any{"status": es.Status})
	if err != nil {
		return err
	}
	pushed, err := json.Marshal(map[string]any{"status": ps.Status})
	b.sampleSynced = sample{name: name.Name, written: &target, status: synced}
	b.samplePushed = sample{name: name.Name, written: &remote, status: pushed}
	return err
}

// secret returns the Secret that the operator would write in a namespace for an object of another name, whose UID is given.
func (s sample) secret(namespace, name string, uid types.UID) *corev1.Secret {
	copied := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: strings.ReplaceAll(s.written.Name, s.name, name),
			Labels: maps.Clone(s.written.Labels), Annotations: maps.Clone(s.written.Annotations),
		},
		Type: s.written.Type, Data: maps.Clone(s.written.Data),
	}
	for _, owner := range s.written.OwnerReferences {
		owner.Name, owner.UID = name, uid
		copied.OwnerReferences = append(copied.OwnerReferences, owner)
	}
	return copied
}

// statusOf returns the merge patch that makes the status of an object of another name.
func (s sample) statusOf(name string) []byte {
	return []byte(strings.ReplaceAll(string(s.status), s.name, name))
}
