package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	"github.com/sluice-operator/sluice/test/story"
)

// demoPrefix is how the namespaces of the walkthrough begin.
const demoPrefix = "demo-"

// show prints every Secret that the walkthrough made, with its values: they are worth nothing outside of this demo.
func show(ctx context.Context, w *story.World, ready *readiness) error {
	var secrets corev1.SecretList
	if err := w.Client.List(ctx, &secrets); err != nil {
		return fmt.Errorf("list the secrets: %w", err)
	}
	fmt.Print("\nThe Secrets that are there now. Their values are shown because this is a demo; Sluice itself never prints one.\n\n")
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		maker, ok := madeBy(secret)
		if !ok || !strings.HasPrefix(secret.Namespace, demoPrefix) {
			continue
		}
		fmt.Printf("%s / %s\n", secret.Namespace, secret.Name)
		fmt.Printf("  made by %s %s, ready %d ms after it was applied\n", maker.kind, maker.Name, ready.took(maker).Milliseconds())
		for _, field := range slices.Sorted(maps.Keys(secret.Data)) {
			fmt.Printf("    %-24s %s\n", field, secret.Data[field])
		}
	}
	return nil
}

// madeBy returns the object that a Secret comes from: the ExternalSecret that owns it, or the PushSecret whose field manager wrote it.
func madeBy(secret *corev1.Secret) (key, bool) {
	if owner := metav1.GetControllerOf(secret); owner != nil && owner.Kind == esv1.KindExternalSecret {
		return key{owner.Kind, types.NamespacedName{Namespace: secret.Namespace, Name: owner.Name}}, true
	}
	for _, entry := range secret.ManagedFields {
		if path, ok := strings.CutPrefix(entry.Manager, esv1alpha1.FieldManagerPrefix); ok {
			namespace, name, _ := strings.Cut(path, "/")
			return key{esv1alpha1.KindPushSecret, types.NamespacedName{Namespace: namespace, Name: name}}, true
		}
	}
	return key{}, false
}

// indented writes lines with two spaces in front.
type indented struct{ to io.Writer }

// Write implements io.Writer for whole lines.
func (w indented) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(w.to, "  %s\n", bytes.TrimRight(line, "\n"))
	return len(line), err
}
