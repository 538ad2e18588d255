package apply_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/internal/pipeline/apply"
)

// cluster returns a client for Secrets that does what funcs say in place of the usual.
func cluster(t *testing.T, funcs interceptor.Funcs, secrets ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), esv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(secrets...).WithReturnManagedFields().WithInterceptorFuncs(funcs).Build()
}

func stored(t *testing.T, c client.Client) *corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "app"}, &secret); err != nil {
		t.Fatal(err)
	}
	return &secret
}

// TestWriteThenKeep checks that what is written is seen as right the next time.
func TestWriteThenKeep(t *testing.T) {
	existing := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}, Type: corev1.SecretTypeOpaque,
		Data: values(map[string]string{"extra": "x", "password": "old"}),
	}
	cases := []struct {
		reason string
		policy esv1.ExternalSecretCreationPolicy
		target *corev1.Secret
		keys   []string
	}{
		{"a new Secret", esv1.CreateOwner, nil, []string{"password"}},
		{"a Secret that is taken over", esv1.CreateOwner, existing, []string{"password"}},
		{"a Secret that is merged into", esv1.CreateMerge, existing, []string{"extra", "password"}},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			c := cluster(t, interceptor.Funcs{})
			if tc.target != nil {
				if err := c.Create(t.Context(), tc.target.DeepCopy(), client.FieldOwner("somebody")); err != nil {
					t.Fatal(err)
				}
			}
			owner := asking(tc.policy, "")
			w := wish(owner, map[string]string{"password": "new"})
			change, err := apply.Diff(w, apply.OfSecret(tc.target))
			if err != nil {
				t.Fatal(err)
			}
			if err := apply.Do(t.Context(), c, owner, apply.OfSecret(tc.target), change); err != nil {
				t.Fatal(err)
			}
			got := stored(t, c)
			if keys := slices.Sorted(maps.Keys(got.Data)); !slices.Equal(keys, tc.keys) || string(got.Data["password"]) != "new" {
				t.Errorf("data has keys %v and password %q", keys, got.Data["password"])
			}
			if owned := metav1.IsControlledBy(got, owner); owned != (tc.policy == esv1.CreateOwner) {
				t.Errorf("controlled by the ExternalSecret = %v", owned)
			}
			if again, err := apply.Diff(w, apply.OfSecret(got)); err != nil || again.Action != apply.Keep {
				t.Errorf("the next diff = %+v, %v; want nothing to do", again, err)
			}
		})
	}
}

// TestDoOnASharedTarget has each attempt but a forced one refused, as the API server does when a field has another manager.
func TestDoOnASharedTarget(t *testing.T) {
	refusal := func(manager string) error {
		return apierrors.NewApplyConflict([]metav1.StatusCause{{
			Type: metav1.CauseTypeFieldManagerConflict, Field: ".data.password",
			Message: `conflict with "` + manager + `" using v1`,
		}}, "Apply failed with 1 conflict")
	}
	cases := []struct {
		reason   string
		policy   esv1.ExternalSecretCreationPolicy
		manager  string
		attempts int
		says     string
	}{
		{"who owns the target asks nobody", esv1.CreateOwner, "kubectl", 1, ""},
		{"a field that somebody edited is taken back", esv1.CreateMerge, "kubectl-edit", 2, ""},
		{
			"a field of another ExternalSecret is not", esv1.CreateMerge, apply.FieldManager("other"), 1,
			`data.password of secret "app" is delivered by ExternalSecret "other" with another value: let one of the two use another key`,
		},
		{"what a former ExternalSecret left belongs to nobody", esv1.CreateMerge, apply.FieldManager("former"), 2, ""},
		{"an ExternalSecret with another target has nothing to say", esv1.CreateMerge, apply.FieldManager("elsewhere"), 2, ""},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			attempts := 0
			c := cluster(t, interceptor.Funcs{
				Apply: func(_ context.Context, _ client.WithWatch, _ runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
					attempts++
					var o client.ApplyOptions
					if o.ApplyOptions(opts); o.Force != nil && *o.Force {
						return nil
					}
					return refusal(tc.manager)
				},
			})
			other, elsewhere := asking(esv1.CreateMerge, ""), asking(esv1.CreateMerge, "")
			other.Name, other.Spec.Target.Name = "other", "app"
			elsewhere.Name, elsewhere.Spec.Target.Name = "elsewhere", "another"
			for _, neighbour := range []*esv1.ExternalSecret{other, elsewhere} {
				if err := c.Create(t.Context(), neighbour); err != nil {
					t.Fatal(err)
				}
			}
			err := apply.Do(t.Context(), c, asking(tc.policy, ""), nil, apply.Change{Action: apply.Write})
			if attempts != tc.attempts {
				t.Errorf("%d attempts, want %d", attempts, tc.attempts)
			}
			if tc.says == "" && err != nil {
				t.Errorf("err = %v, want none", err)
			}
			if tc.says != "" && (!fault.Is(err, fault.Conflict) || err.Error() != tc.says) {
				t.Errorf("err = %v (%s), want a Conflict that says %q", err, fault.KindOf(err), tc.says)
			}
		})
	}
}

func TestDoImmutable(t *testing.T) {
	c := cluster(t, interceptor.Funcs{})
	owner := asking(esv1.CreateOwner, "")
	owner.Spec.Target.Immutable = true
	change, err := apply.Diff(wish(owner, map[string]string{"password": "new"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := apply.Do(t.Context(), c, owner, nil, change); err != nil {
		t.Fatal(err)
	}
	if immutable := stored(t, c).Immutable; immutable == nil || !*immutable {
		t.Error("the Secret is not immutable")
	}
}

func TestDoWithoutWrites(t *testing.T) {
	refuse := interceptor.Funcs{
		Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
			return errors.New("a write")
		},
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			return errors.New("a write")
		},
	}
	for _, action := range []apply.Action{apply.Keep, apply.Wait} {
		if err := apply.Do(t.Context(), cluster(t, refuse), asking("", ""), nil, apply.Change{Action: action}); err != nil {
			t.Errorf("action %d: %v", action, err)
		}
	}
}

func TestDoDeletes(t *testing.T) {
	target := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app", UID: "1"}}
	c := cluster(t, interceptor.Funcs{}, target)
	for _, reason := range []string{"the target goes", "a target that is gone already is no error"} {
		if err := apply.Do(t.Context(), c, asking("", ""), apply.OfSecret(target), apply.Change{Action: apply.Delete}); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
	var secret corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(target), &secret); !apierrors.IsNotFound(err) {
		t.Errorf("err = %v, want the target to be gone", err)
	}
}

func TestDoSaysWhatIsRefused(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	quoting := apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app", field.ErrorList{
		field.Invalid(field.NewPath("data").Key("password"), "s3cret", "is not s3cret enough"),
	})
	terminating := apierrors.NewForbidden(secrets, "app", errors.New("the namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	cases := []struct {
		reason string
		err    error
		kind   fault.Kind
		says   string
	}{
		{"a missing right names the verb", apierrors.NewForbidden(secrets, "app", errors.New("s3cret")), fault.Denied, `the verb "patch" on secrets`},
		{"a namespace on its way out", terminating, fault.Invalid, `namespace "shop" is being deleted`},
		{"a field that is wrong is named", quoting, fault.Invalid, "data[…] (FieldValueInvalid)"},
		{"a request that is no good", apierrors.NewBadRequest("s3cret"), fault.Invalid, "too large or malformed"},
		{"a request that is too large", apierrors.NewRequestEntityTooLargeError("s3cret"), fault.Invalid, "too large or malformed"},
		{
			"what changed meanwhile is tried again at once", apierrors.NewConflict(secrets, "app", errors.New("s3cret")),
			fault.Unavailable, "changed at the same moment",
		},
		{"a server that does not answer", errors.New("s3cret"), fault.Unavailable, `could not patch secret "app" in namespace "shop"`},
	}
	for _, tc := range cases {
		t.Run(tc.reason, func(t *testing.T) {
			c := cluster(t, interceptor.Funcs{
				Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
					return tc.err
				},
			})
			err := apply.Do(t.Context(), c, asking("", ""), nil, apply.Change{Action: apply.Write})
			if !fault.Is(err, tc.kind) || !strings.Contains(fault.Message(err), tc.says) {
				t.Errorf("err = %v (%s), want %s with %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error quotes the server: %v", err)
			}
		})
	}
}

func TestOrphans(t *testing.T) {
	owner := asking(esv1.CreateOwner, "")
	made := func(name string, change func(*corev1.Secret)) *corev1.Secret {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, Labels: map[string]string{esv1.LabelCreatedBy: apply.CreatedBy("shop", "app")},
			OwnerReferences: []metav1.OwnerReference{controller(esv1.KindExternalSecret, "app", owner.UID)},
		}}
		change(secret)
		return secret
	}
	c := cluster(t, interceptor.Funcs{},
		made("app", func(*corev1.Secret) {}),
		made("before", func(*corev1.Secret) {}),
		made("copied-label", func(s *corev1.Secret) { s.OwnerReferences = nil }),
		made("of-another", func(s *corev1.Secret) { s.Labels[esv1.LabelCreatedBy] = apply.CreatedBy("shop", "other") }),
		made("elsewhere", func(s *corev1.Secret) { s.Namespace = "else" }),
	)
	deleted, err := apply.Orphans(t.Context(), c, owner)
	if err != nil || !slices.Equal(deleted, []string{"before"}) {
		t.Errorf("deleted %v, %v; want the Secret under the name before", deleted, err)
	}
	var left corev1.SecretList
	if err := c.List(t.Context(), &left); err != nil || len(left.Items) != 4 {
		t.Errorf("%d Secrets are left, %v; want 4", len(left.Items), err)
	}
}
