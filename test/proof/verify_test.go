package proof_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
)

// verify returns what is wrong with the world at rest. loose says that fewer rotations than were asked for will do.
func (w *world) verify(loose bool) []string {
	wrong := w.Violations()
	note := func(text string) {
		if text != "" {
			wrong = append(wrong, text)
		}
	}
	for _, value := range sortedKeys(w.values) {
		if loose {
			note(w.Differing(value))
		} else {
			note(w.Missing(value))
		}
	}
	note(w.mixed())
	note(w.outdated())
	note(w.untrue())
	note(w.restless())
	return wrong
}

// number finds the number of the run of the generator in a value.
var number = regexp.MustCompile(`-\d+`)

// mixed says when values that do not belong together stand side by side: those of different runs of the generator, or one
// that a template has made and others than those that it was made of.
func (w *world) mixed() string {
	texts, seen := w.texts(), map[string]bool{}
	for _, text := range texts {
		for _, found := range number.FindAllString(text, -1) {
			seen[found] = true
		}
	}
	together := len(w.requested) == 0 || len(w.requested) == len(w.values)
	if len(seen) > 1 && together && !w.torn {
		return fmt.Sprintf("values of runs %v stand side by side", sortedKeys(seen))
	}
	if made := texts["c"]; made != "" && texts["a"] != "" && made != texts["a"]+"+"+texts["b"] {
		return fmt.Sprintf("a template has made %s of %s and %s", made, texts["a"], texts["b"])
	}
	return ""
}

// outdated says when what stands beside the newest text is not the one before.
func (w *world) outdated() string {
	if w.previous.key == "" {
		return ""
	}
	if text, want := w.text(map[types.NamespacedName]*corev1.Secret{}, w.previous), w.Before("a"); text != want {
		return fmt.Sprintf("%s is %q, and before it was %q", w.previous, text, want)
	}
	return ""
}

// texts returns the generated values, each as it is in the first of its places.
func (w *world) texts() map[string]string {
	texts := map[string]string{}
	secrets := map[types.NamespacedName]*corev1.Secret{}
	for value, places := range w.values {
		texts[value] = w.text(secrets, places[0])
	}
	return texts
}

// tear notes that a process has died when one of the values of a run was visible, and another one was not: that one is lost.
// The one that is visible stays, and the other one comes out of another run.
func (w *world) tear() {
	visible := 0
	for _, text := range w.texts() {
		if strings.HasSuffix(text, fmt.Sprintf("-%d", w.minted)) {
			visible++
		}
	}
	w.torn = w.torn || (visible > 0 && visible < len(w.values))
}

// untrue says what the status says and is not so.
func (w *world) untrue() string {
	o := w.live()
	ready := meta.FindStatusCondition(conditionsOf(o), esv1.ConditionReady)
	switch {
	case ready == nil, ready.Status != metav1.ConditionTrue, ready.ObservedGeneration != o.GetGeneration():
		return "the status does not say Ready: " + said(o)
	}
	ps, ok := o.(*esv1alpha1.PushSecret)
	if !ok || w.deaf {
		return ""
	}
	handled := map[string]string{"force-sync": ps.Status.LastHandledForceSync, esv1.AnnotationRotate: ps.Status.LastHandledRotate}
	if want := ps.Annotations[w.request]; handled[w.request] != want {
		return fmt.Sprintf("the status says that request %q was handled, not %q", handled[w.request], want)
	}
	for _, store := range []string{left, right} {
		listed := len(ps.Status.SyncedPushSecrets["SecretStore/"+store])
		// What was found there is not listed under IfNotExists.
		if listed != len(ps.Spec.Data) && ps.Spec.UpdatePolicy != esv1alpha1.UpdateIfNotExists {
			return fmt.Sprintf("the status lists %d of %d entries in store %s", listed, len(ps.Spec.Data), store)
		}
	}
	return ""
}

// restless says what another look does, which is to do nothing.
func (w *world) restless() string {
	if w.deaf {
		return ""
	}
	effects, calls := w.effects, len(w.calls)
	_, err := w.process.reconcilers[w.controller].Reconcile(
		context.Background(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.object)})
	if err != nil || w.effects != effects {
		var did []string
		for _, c := range w.calls[calls:] {
			if c.kind == write || c.kind == mint {
				did = append(did, c.name)
			}
		}
		return fmt.Sprintf("another look does something: %v %v", did, err)
	}
	return ""
}
