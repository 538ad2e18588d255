package proof_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/test/gen"
)

type named struct {
	name string
	subject
}

// subjects are the objects that the proof is about.
func subjects() []named {
	var all []named
	for _, update := range []esv1alpha1.PushSecretUpdatePolicy{"", esv1alpha1.UpdateReplace, esv1alpha1.UpdateIfNotExists} {
		for _, interval := range []time.Duration{0, time.Hour} {
			for _, deletion := range []esv1alpha1.PushSecretDeletionPolicy{esv1alpha1.DeletionNone, esv1alpha1.DeletionDelete} {
				for _, template := range []bool{false, true} {
					all = append(all, named{
						fmt.Sprintf("PushSecret update=%s interval=%s deletion=%s template=%t", update, interval, deletion, template),
						pushed(update, interval, deletion, template),
					})
				}
			}
		}
	}
	for _, interval := range []time.Duration{0, time.Hour} {
		all = append(all, named{fmt.Sprintf("PushSecret of single keys interval=%s", interval), rotated(interval)})
	}
	refreshes := map[string]func(gen.ExternalSecret) gen.ExternalSecret{
		"Periodic":    func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(time.Hour) },
		"interval=0":  func(es gen.ExternalSecret) gen.ExternalSecret { return es.Every(0) },
		"CreatedOnce": func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshCreatedOnce) },
		"OnChange":    func(es gen.ExternalSecret) gen.ExternalSecret { return es.Policy(esv1.RefreshOnChange) },
	}
	for _, refresh := range sortedKeys(refreshes) {
		for _, creation := range []esv1.ExternalSecretCreationPolicy{esv1.CreateOwner, esv1.CreateOrphan} {
			for _, template := range []bool{false, true} {
				s := delivered(creation, template)
				s.object = refreshes[refresh](gen.ExternalSecret{ExternalSecret: s.object.(*esv1.ExternalSecret)}).ExternalSecret
				if s.due = refresh == "Periodic"; s.due || refresh == "OnChange" {
					s.requested = sortedKeys(s.values)
				}
				all = append(all, named{fmt.Sprintf("ExternalSecret %s creation=%s template=%t", refresh, creation, template), s})
			}
		}
	}
	return all
}

// pushed is a PushSecret of two generated values, and of a third one that a template makes of them, to two secrets in each of
// two stores.
func pushed(
	update esv1alpha1.PushSecretUpdatePolicy, interval time.Duration, deletion esv1alpha1.PushSecretDeletionPolicy, template bool,
) subject {
	ps := gen.NewPushSecret("thing").Generate(genv1alpha1.KindFake, "g").To(left, right).
		Data("a", "one", "a").Data("b", "two", "b").Every(interval).Update(update).Deletion(deletion)
	s := subject{
		controller: "pushsecret", object: ps.PushSecret, removes: deletion == esv1alpha1.DeletionDelete,
		values: map[string][]place{
			"a": {{left, "one", "a"}, {right, "one", "a"}},
			"b": {{left, "two", "b"}, {right, "two", "b"}},
		},
		request: "force-sync", due: update != esv1alpha1.UpdateIfNotExists && interval > 0,
	}
	if template {
		ps.Template("c", "{{ .a }}+{{ .b }}").Data("c", "two", "c")
		s.values["c"] = []place{{left, "two", "c"}, {right, "two", "c"}}
	}
	if update != esv1alpha1.UpdateIfNotExists {
		s.requested = sortedKeys(s.values)
	}
	ps.Namespace = home
	return s
}

// rotated is a PushSecret of two values, one of which is asked for anew by itself, and leaves the one before beside it.
func rotated(interval time.Duration) subject {
	s := pushed("", interval, esv1alpha1.DeletionNone, false)
	s.object.(*esv1alpha1.PushSecret).Spec.Data[0].PreviousProperty = "before"
	s.request, s.wish, s.requested, s.previous = esv1.AnnotationRotate, "a@", []string{"a"}, place{left, "one", "before"}
	return s
}

// delivered is an ExternalSecret of two generated values, or of one that a template makes of them.
func delivered(creation esv1.ExternalSecretCreationPolicy, template bool) subject {
	es := gen.NewExternalSecret("thing").Generate(genv1alpha1.KindFake, "g").Creation(creation)
	es.Namespace = home
	s := subject{
		controller: "externalsecret", object: es.ExternalSecret, removes: creation == esv1.CreateOwner, request: "force-sync",
		values: map[string][]place{"a": {{home, "thing", "a"}}, "b": {{home, "thing", "b"}}},
	}
	if template {
		es.Template("c", "{{ .a }}+{{ .b }}")
		s.values = map[string][]place{"c": {{home, "thing", "c"}}}
	}
	return s
}

// disturbances are all that can go wrong at a call.
func disturbances(at int, c call) []disturbance {
	die := func(_ *world, p *process) { p.kill() }
	var all []disturbance
	// What others do to the object makes a difference only before the operator looks at it, or writes to it.
	if slices.ContainsFunc([]string{"PushSecret", "ExternalSecret", "Secret"}, func(name string) bool { return strings.HasSuffix(c.name, " "+name) }) {
		all = meddling(strings.HasSuffix(c.name, " ExternalSecret"))
	}
	if c.kind == write || c.kind == mint {
		all = append(all,
			// To die before a call is to die after the last one that changed something.
			disturbance{name: "death after", after: die},
			disturbance{name: "error before", refusal: broken(), spared: true},
			disturbance{name: "error after", refusal: timeout()},
		)
	}
	if c.kind == write {
		all = append(all, disturbance{name: "conflict", refusal: conflict(), spared: true})
	}
	if c.kind == write && c.store == "" {
		for back := 1; back <= c.age; back++ {
			all = append(all, disturbance{name: fmt.Sprintf("death after, and a cache that is %d changes old", back), after: func(w *world, p *process) {
				p.kill()
				w.start(w.past[len(w.past)-back])
			}})
		}
	}
	if c.kind == read {
		all = append(all, disturbance{name: "read error", refusal: broken(), spared: true})
	}
	if c.store != "" {
		goDown := func(w *world, _ *process) { w.down[c.store] = 3 }
		all = append(all, disturbance{name: "store out of reach", before: goDown, refusal: outOfReach(), spared: true})
	}
	for i := range all {
		all[i].at = at
	}
	return all
}

// meddling is what others do to the object. At each change of it an ExternalSecret is refreshed, without a rotation, and the
// next interval counts from there.
func meddling(counts bool) []disturbance {
	return []disturbance{
		{name: "the status is lost", before: func(w *world, _ *process) { w.wipe() }, loose: true},
		{name: "the status is lost, and the cache does not show it yet", before: unnoticed((*world).wipe), loose: true},
		{name: "somebody annotates", before: func(w *world, _ *process) { w.annotate("note", "x") }, loose: counts},
		{name: "somebody deletes and creates anew", before: func(w *world, _ *process) { w.delete() }, loose: true},
		{name: "somebody deletes and creates anew, and the cache does not show it yet", before: unnoticed((*world).delete), loose: true},
		{name: "another request", before: func(w *world, _ *process) {
			w.ask(w.requested...)
			w.annotate(w.request, w.wish+"2")
		}, loose: true},
		{name: "another request, of which the notice is lost", before: func(w *world, _ *process) {
			w.ask(w.requested...)
			w.annotate(w.request, w.wish+"2")
			w.deaf = true
		}, loose: true},
	}
}

// unnoticed is a change that the cache of the process does not show until the process writes, or looks again.
func unnoticed(change func(*world)) func(*world, *process) {
	return func(w *world, p *process) {
		w.remember()
		before := w.past[len(w.past)-1]
		change(w)
		p.past = before
	}
}
