package lab

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// The verbs that Refuse knows.
const (
	VerbCreate = "create"
	VerbPatch  = "patch"
	VerbStatus = "patch status"
	VerbApply  = "apply"
	VerbDelete = "delete"
)

// Refuse makes f decide on every write of a controller; the write fails with the error that f returns. Of what is
// applied, f sees no object. Nil ends that.
func (l *Lab) Refuse(f func(verb string, o client.Object) error) {
	if f == nil {
		l.refuse.Store(nil)
		return
	}
	l.refuse.Store(&f)
}

// enter counts a write and lets it fail.
func (l *Lab) enter(verb string, o client.Object) error {
	l.writes.Add(1)
	return l.refused(verb, o)
}

func (l *Lab) refused(verb string, o client.Object) error {
	if refuse := l.refuse.Load(); refuse != nil {
		return (*refuse)(verb, o)
	}
	return nil
}

// observed returns the client of the controllers: it reads what the operator's cache would hold, which of Secrets are
// those that Sluice manages, and writes are counted. There is no Update, which controllers never use, and no Create but of
// GeneratorStates, the names of which the API server makes.
func (l *Lab) observed() client.Client {
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		panic("the client of a Lab must be able to watch")
	}
	return interceptor.NewClient(watching, interceptor.Funcs{
		Get:  getManaged,
		List: l.listIndexed,
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*genv1alpha1.GeneratorState); !ok {
				panic("a controller creates an object in place of applying it")
			}
			if err := l.enter(VerbCreate, o); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			panic("a controller updates an object in place of patching it")
		},
		SubResourceUpdate: func(context.Context, client.Client, string, client.Object, ...client.SubResourceUpdateOption) error {
			panic("a controller updates a status in place of patching it")
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := l.enter(VerbPatch, o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			enter := l.enter
			if options := (&client.ApplyOptions{}).ApplyOptions(opts); len(options.DryRun) > 0 {
				enter = l.refused
			}
			if err := enter(VerbApply, nil); err != nil {
				return err
			}
			return c.Apply(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := l.enter(VerbDelete, o); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, name string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption,
		) error {
			if err := l.enter(VerbStatus, o); err != nil {
				return err
			}
			return c.SubResource(name).Patch(ctx, o, p, opts...)
		},
	})
}

// Index lets the controllers list objects by an index of the operator's cache. There is one for each Lab.
func (l *Lab) Index(field string, extract client.IndexerFunc) { l.field, l.extract = field, extract }

// listIndexed lists everything and leaves out what the index does not find.
func (l *Lab) listIndexed(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	options := (&client.ListOptions{}).ApplyOptions(opts)
	if options.FieldSelector == nil {
		return listBounded(ctx, c, list, opts...)
	}
	value, exact := options.FieldSelector.RequiresExactMatch(l.field)
	if !exact {
		panic("a controller lists by " + options.FieldSelector.String() + ", which is no index of the Lab")
	}
	options.FieldSelector = nil
	if err := listBounded(ctx, c, list, options); err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	return meta.SetList(list, slices.DeleteFunc(items, func(item runtime.Object) bool {
		object, ok := item.(client.Object)
		return !ok || !slices.Contains(l.extract(object), value)
	}))
}

func getManaged(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if err := c.Get(ctx, key, o, opts...); err != nil {
		return err
	}
	if secret, ok := o.(*corev1.Secret); ok && secret.Labels[esv1.LabelManaged] != esv1.LabelManagedValue {
		*secret = corev1.Secret{}
		return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
	}
	return nil
}

// live returns the client of the controllers that asks the API server.
func (l *Lab) live() client.Client {
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		panic("the client of a Lab must be able to watch")
	}
	return interceptor.NewClient(watching, interceptor.Funcs{List: listBounded})
}

// listBounded lets nobody list Secrets or ConfigMaps of all namespaces, nor their metadata.
func listBounded(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	kind, err := apiutil.GVKForObject(list, c.Scheme())
	if err != nil {
		return err
	}
	if options := (&client.ListOptions{}).ApplyOptions(opts); kind.Group == corev1.GroupName && kind.Kind != "NamespaceList" && options.Namespace == "" {
		panic("a controller lists objects of kind " + kind.Kind + " in all namespaces")
	}
	return c.List(ctx, list, opts...)
}

// notices takes the place of the cache of metadata: it asks the API server.
type notices struct {
	cache.Cache // nil: controllers only read from it

	reader client.Reader
}

func (n notices) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return n.reader.Get(ctx, key, o, opts...)
}

func (n notices) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return n.reader.List(ctx, list, opts...)
}
