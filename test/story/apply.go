package story

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Objects reads the objects of a manifest of the project.
func (w *World) Objects(path string) ([]*unstructured.Unstructured, error) {
	file, err := os.Open(w.Path(path))
	if err != nil {
		return nil, fmt.Errorf("read a manifest: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	all, err := Parse(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

// Parse reads the objects of a manifest.
func Parse(manifest io.Reader) ([]*unstructured.Unstructured, error) {
	documents := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(manifest), 4096)
	var all []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := documents.Decode(object)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("parse a manifest: %w", err)
		case len(object.Object) > 0:
			all = append(all, object)
		}
	}
}

// ApplyObject applies one object as kubectl apply --server-side does.
func (w *World) ApplyObject(ctx context.Context, object *unstructured.Unstructured) error {
	config := client.ApplyConfigurationFromUnstructured(object.DeepCopy())
	if err := w.Client.Apply(ctx, config, client.FieldOwner("demo"), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
