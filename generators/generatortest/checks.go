package generatortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// runs is how often a check runs a generator where one run proves nothing.
	runs = 8
	// tellingLength is the shortest value that is searched for in a text, in bytes: shorter ones stand there by chance.
	tellingLength = 6
)

// mint runs the generator once and gives back at once what has to be given back.
func mint(ctx context.Context, h Harness, b generators.Bound) (map[string][]byte, error) {
	result, err := b.Generate(ctx, h.Env)
	if err != nil {
		return nil, err
	}
	if result.Lease != nil {
		if err := b.Revoke(ctx, result.Lease.State, h.Env); err != nil {
			return nil, fmt.Errorf("give back the lease: %w", err)
		}
	}
	return result.Data, nil
}

func ownKind(_ context.Context, h Harness) error {
	got, want := reflect.TypeOf(h.Generator.NewObject()), reflect.TypeOf(h.Object)
	if got != want {
		return fmt.Errorf("the generator has objects of type %v, the harness one of type %v", got, want)
	}
	if name := want.Elem().Name(); name != h.Generator.Kind() {
		return fmt.Errorf("the generator is of kind %s, its objects are of type %s", h.Generator.Kind(), name)
	}
	return nil
}

func sameKeys(ctx context.Context, h Harness) error {
	untouched := h.Object.DeepCopyObject()
	var first map[string]string
	for range runs {
		data, err := mint(ctx, h, h.Generator.Bind(h.Object))
		if err != nil {
			return err
		}
		if err := wantKeys(h, data); err != nil {
			return err
		}
		values := make(map[string]string, len(data))
		for key, value := range data {
			values[key] = string(value)
			// The caller owns what it gets: to overwrite it must not be seen by the next run.
			clear(value)
		}
		if first == nil {
			first = values
		}
		for _, key := range h.Fixed {
			if values[key] != first[key] {
				return fmt.Errorf("key %q has another value than in the first run", key)
			}
		}
	}
	if !reflect.DeepEqual(untouched, h.Object.DeepCopyObject()) {
		return errors.New("a run changed the object that holds the spec")
	}
	return nil
}

func wantKeys(h Harness, data map[string][]byte) error {
	if got, want := slices.Sorted(maps.Keys(data)), slices.Sorted(slices.Values(h.Keys)); !slices.Equal(got, want) {
		return fmt.Errorf("a run yields the keys %q, want %q", got, want)
	}
	return nil
}

// knownKeys accepts a generator that cannot tell its keys before it runs.
func knownKeys(_ context.Context, h Harness) error {
	announced := h.Generator.Bind(h.Object).Keys()
	if announced == nil || slices.Equal(slices.Sorted(slices.Values(announced)), slices.Sorted(slices.Values(h.Keys))) {
		return nil
	}
	return fmt.Errorf("the generator announces the keys %q, want %q or nil", announced, h.Keys)
}

func belongTogether(_ context.Context, h Harness) error {
	if got := h.Generator.Bind(h.Object).Together(); got != h.Together {
		return fmt.Errorf("the generator says %t of its values belonging together, want %t", got, h.Together)
	}
	return nil
}

func newValues(ctx context.Context, h Harness) error {
	all := make([]map[string][]byte, runs)
	for i := range all {
		data, err := mint(ctx, h, h.Generator.Bind(h.Object))
		if err != nil {
			return err
		}
		all[i] = data
	}
	return wantFresh(h, all)
}

func wantFresh(h Harness, all []map[string][]byte) error {
	for _, key := range h.Fresh {
		seen := map[string]bool{}
		for _, data := range all {
			if len(data[key]) == 0 || seen[string(data[key])] {
				return fmt.Errorf("key %q is empty, or has the value of another run", key)
			}
			seen[string(data[key])] = true
		}
	}
	return nil
}

func concurrent(ctx context.Context, h Harness) error {
	type outcome struct {
		data map[string][]byte
		err  error
	}
	bound, outcomes := h.Generator.Bind(h.Object), make(chan outcome)
	for range runs {
		go func() {
			data, err := mint(ctx, h, bound)
			outcomes <- outcome{data, err}
		}()
	}
	var all []map[string][]byte
	var failures []error
	for range runs {
		o := <-outcomes
		all, failures = append(all, o.data), append(failures, o.err)
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	for _, data := range all {
		if err := wantKeys(h, data); err != nil {
			return err
		}
	}
	return wantFresh(h, all)
}

// cancelled accepts a run that finishes all the same: what needs no time does not have to look.
func cancelled(ctx context.Context, h Harness) error {
	done, cancel := context.WithCancel(ctx)
	cancel()
	bound := h.Generator.Bind(h.Object)
	result, err := bound.Generate(done, h.Env)
	switch {
	case err == nil && result.Lease != nil:
		return errors.Join(wantKeys(h, result.Data), bound.Revoke(ctx, result.Lease.State, h.Env))
	case err == nil:
		return wantKeys(h, result.Data)
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.NotFound):
		return fmt.Errorf("a cancelled run looks like %s, as if the spec were at fault", fault.KindOf(err))
	}
	return wantNothing(ctx, h, result, err)
}

func fromCluster(ctx context.Context, h Harness) error {
	obj := &genv1alpha1.ClusterGenerator{Spec: genv1alpha1.ClusterGeneratorSpec{Kind: h.Generator.Kind(), Generator: h.Cluster}}
	bound, err := h.Generator.BindCluster(obj)
	if err != nil {
		return err
	}
	data, err := mint(ctx, h, bound)
	if err != nil {
		return err
	}
	if _, err := h.Generator.BindCluster(&genv1alpha1.ClusterGenerator{}); !fault.Is(err, fault.Invalid) {
		return errors.New("a ClusterGenerator without a spec of the kind is not Invalid")
	}
	return wantKeys(h, data)
}

func refused(ctx context.Context, h Harness, refusal Refusal) error {
	result, err := h.Generator.Bind(refusal.Object).Generate(ctx, h.Env)
	if err == nil {
		return errors.New("the spec is accepted")
	}
	if !fault.Is(err, fault.Invalid) {
		return fmt.Errorf("the error is not of kind Invalid: %w", err)
	}
	if !strings.Contains(err.Error(), refusal.Says) {
		return fmt.Errorf("the error does not say %q: %w", refusal.Says, err)
	}
	return wantNothing(ctx, h, result, err)
}

// wantNothing checks that a failed run yields nothing, and that its error tells nothing.
func wantNothing(ctx context.Context, h Harness, result generators.Result, failure error) error {
	if len(result.Data) > 0 || result.Lease != nil {
		return errors.New("a failed run yields values or a lease")
	}
	data, err := mint(ctx, h, h.Generator.Bind(h.Object))
	if err != nil {
		return err
	}
	return wantNoSecret(h, data, failure.Error(), "the error")
}

// wantNoSecret checks that text holds neither a secret of the harness nor a generated value.
func wantNoSecret(h Harness, data map[string][]byte, text, what string) error {
	for i, secret := range h.Secrets {
		if strings.Contains(text, secret) {
			return fmt.Errorf("%s holds secret %d of the harness", what, i)
		}
	}
	for key, value := range data {
		if len(value) >= tellingLength && !slices.Contains(h.Public, key) && strings.Contains(text, string(value)) {
			return fmt.Errorf("%s holds the value of key %q", what, key)
		}
	}
	return nil
}
