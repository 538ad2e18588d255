package proof_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	applyconfigurations "k8s.io/client-go/applyconfigurations"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	esv1alpha1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1alpha1"
	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
)

// server is what stores of Kubernetes talk to: the Secrets of every world, each found by the token of the process that
// asks.
type server struct {
	*httptest.Server

	// scheme and converters are those of the API servers: they take long to make.
	scheme     *runtime.Scheme
	codecs     serializer.CodecFactory
	converters []managedfields.TypeConverter

	mu        sync.Mutex
	processes map[string]*process
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{processes: map[string]*process{}, scheme: runtime.NewScheme()}
	// The fewer kinds there are, the faster the client in memory is.
	s.scheme.AddKnownTypes(esv1.GroupVersion(),
		&esv1.ExternalSecret{}, &esv1.ExternalSecretList{}, &esv1.SecretStore{}, &esv1.SecretStoreList{})
	s.scheme.AddKnownTypes(esv1alpha1.GroupVersion(), &esv1alpha1.PushSecret{}, &esv1alpha1.PushSecretList{})
	s.scheme.AddKnownTypes(genv1alpha1.GroupVersion(), &genv1alpha1.Fake{})
	s.scheme.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Secret{}, &corev1.SecretList{}, &corev1.ConfigMap{}, &corev1.ConfigMapList{}, &corev1.Namespace{}, &corev1.ServiceAccount{})
	metav1.AddToGroupVersion(s.scheme, corev1.SchemeGroupVersion)
	s.converters = []managedfields.TypeConverter{applyconfigurations.NewTypeConverter(s.scheme), managedfields.NewDeducedTypeConverter()}
	s.codecs = serializer.NewCodecFactory(s.scheme)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) admit(token string, p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes[token] = p
}

func (s *server) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.processes, token)
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	s.mu.Lock()
	p := s.processes[strings.TrimPrefix(in.Header.Get("Authorization"), "Bearer ")]
	s.mu.Unlock()
	answer, err := any(nil), error(apierrors.NewUnauthorized("unknown token"))
	if p != nil {
		answer, err = p.serve(in.Context(), in)
	}
	code := http.StatusOK
	if err != nil {
		status := statusOf(err)
		answer, code = status, int(status.Code)
	}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(code)
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// serve answers one request of a store: /api/v1/namespaces/NAMESPACE/secrets/NAME.
func (p *process) serve(ctx context.Context, in *http.Request) (any, error) {
	parts := strings.Split(strings.Trim(in.URL.Path, "/"), "/")
	if len(parts) != 6 || parts[4] != "secrets" {
		return nil, apierrors.NewBadRequest("this server knows no " + in.URL.Path)
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	at := types.NamespacedName{Namespace: parts[3], Name: parts[5]}
	c := call{name: strings.ToLower(in.Method) + " " + at.String(), kind: write, store: at.Namespace}
	if in.Method == http.MethodGet {
		c.kind = read
	}
	var secret *corev1.Secret
	err = p.call(c, func() (err error) {
		if c.kind == read && p.world.flaw == blind {
			return apierrors.NewNotFound(corev1.Resource("secrets"), at.Name)
		}
		secret, err = p.world.secret(ctx, in, at, body)
		return err
	})
	if c.kind == write {
		p.world.look() //nolint:contextcheck // the witness looks, whatever becomes of the request
	}
	return secret, err
}

// secret carries out one request.
func (w *world) secret(ctx context.Context, in *http.Request, at types.NamespacedName, body []byte) (*corev1.Secret, error) {
	live := &corev1.Secret{}
	err := w.admin.Get(ctx, at, live)
	if client.IgnoreNotFound(err) != nil || (err != nil && in.Method != http.MethodPatch) {
		return nil, err
	}
	if in.Method == http.MethodGet {
		live.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
		return live, nil
	}
	if in.Method == http.MethodDelete {
		return live, w.remove(ctx, live, body)
	}
	sent := &unstructured.Unstructured{}
	if err := json.Unmarshal(body, &sent.Object); err != nil {
		return nil, apierrors.NewBadRequest("the body is no JSON")
	}
	if err := sameVersion(live, string(sent.GetUID()), sent.GetResourceVersion()); err != nil {
		return nil, err
	}
	query := in.URL.Query()
	owner := client.FieldOwner(query.Get("fieldManager"))
	switch patch := types.PatchType(in.Header.Get("Content-Type")); patch {
	case types.ApplyPatchType:
		options := []client.ApplyOption{owner}
		if query.Get("force") == "true" {
			options = append(options, client.ForceOwnership)
		}
		unstructured.RemoveNestedField(sent.Object, "metadata", "resourceVersion")
		err = w.admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(sent), options...)
	case types.MergePatchType:
		unstructured.RemoveNestedField(sent.Object, "metadata", "resourceVersion")
		if body, err = json.Marshal(sent.Object); err == nil {
			err = w.admin.Patch(ctx, live, client.RawPatch(types.MergePatchType, body), owner)
		}
	default:
		err = apierrors.NewBadRequest("this server knows no " + in.Method + " of " + string(patch))
	}
	if err != nil {
		return nil, err
	}
	err = w.admin.Get(ctx, at, live)
	live.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	return live, err
}

// remove deletes a Secret if it is as the options in the body want it.
func (w *world) remove(ctx context.Context, live *corev1.Secret, body []byte) error {
	options := &metav1.DeleteOptions{}
	if len(body) > 0 {
		if _, _, err := w.server.codecs.UniversalDeserializer().Decode(body, nil, options); err != nil {
			return apierrors.NewBadRequest("the body holds no options: " + err.Error())
		}
	}
	if known := options.Preconditions; known != nil {
		if err := sameVersion(live, string(ptr.Deref(known.UID, "")), ptr.Deref(known.ResourceVersion, "")); err != nil {
			return err
		}
	}
	return w.admin.Delete(ctx, live)
}

// sameVersion refuses what was made from another state than the live one. The client in memory does not look at it when
// something is applied.
func sameVersion(live *corev1.Secret, uid, version string) error {
	if (version != "" && version != live.ResourceVersion) || (uid != "" && uid != string(live.UID)) {
		return apierrors.NewConflict(corev1.Resource("secrets"), live.Name, errors.New("the object has been modified"))
	}
	return nil
}
