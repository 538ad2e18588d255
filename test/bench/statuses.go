package main

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

func nameOf(es *esv1.ExternalSecret) types.NamespacedName { return client.ObjectKeyFromObject(es) }

func pathOf(es *esv1.ExternalSecret) string {
	return statusPath(esv1.GroupVersion().String(), "externalsecrets", nameOf(es))
}

func (b *bench) mergeStatus(ctx context.Context, es *esv1.ExternalSecret) error {
	return b.patchStatus(ctx, pathOf(es), b.sampleSynced.statusOf(es.Name))
}

// wanted returns the status that the operator would write.
func (b *bench) wanted(es *esv1.ExternalSecret) (json.RawMessage, error) {
	var patch struct {
		Status json.RawMessage `json:"status"`
	}
	err := json.Unmarshal(b.sampleSynced.statusOf(es.Name), &patch)
	return patch.Status, err
}

func (b *bench) jsonPatchStatus(ctx context.Context, es *esv1.ExternalSecret) error {
	status, err := b.wanted(es)
	if err != nil {
		return err
	}
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": status}})
	if err != nil {
		return err
	}
	return b.sendStatus(ctx, types.JSONPatchType, es, patch)
}

func (b *bench) applyStatus(ctx context.Context, es *esv1.ExternalSecret) error {
	status, err := b.wanted(es)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"apiVersion": esv1.GroupVersion().String(), "kind": esv1.KindExternalSecret,
		"metadata": map[string]string{"namespace": es.Namespace, "name": es.Name}, "status": status,
	})
	if err != nil {
		return err
	}
	return b.sendStatus(ctx, types.ApplyPatchType, es, config)
}

func (b *bench) sendStatus(ctx context.Context, kind types.PatchType, es *esv1.ExternalSecret, patch []byte) error {
	request := b.clientset.CoreV1().RESTClient().Patch(kind).AbsPath(pathOf(es)).Body(patch)
	if kind == types.ApplyPatchType {
		request = request.Param("fieldManager", esv1.FieldManagerPrefix+es.Name).Param("force", "true")
	}
	if err := request.Do(ctx).Error(); err != nil {
		return fmt.Errorf("patch a status: %w", err)
	}
	return nil
}

func (b *bench) updateStatus(ctx context.Context, es *esv1.ExternalSecret) error {
	status, err := b.wanted(es)
	if err != nil {
		return err
	}
	whole := es.DeepCopy()
	whole.SetGroupVersionKind(esv1.GroupVersion().WithKind(esv1.KindExternalSecret))
	if err := json.Unmarshal(status, &whole.Status); err != nil {
		return err
	}
	content, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	request := b.clientset.CoreV1().RESTClient().Put().AbsPath(pathOf(es)).SetHeader("Content-Type", "application/json").Body(content)
	if err := request.Do(ctx).Error(); err != nil {
		return fmt.Errorf("update a status: %w", err)
	}
	return nil
}
