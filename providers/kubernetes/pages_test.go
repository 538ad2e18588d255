package kubernetes_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

// openAt opens a store of the server at url.
func openAt(t *testing.T, url string) client {
	t.Helper()
	w := &world{config: &rest.Config{}, calls: map[string]int{}, secrets: map[string][]byte{"s/token": []byte("t")}}
	return w.open(t, &esv1.KubernetesProvider{
		Server: esv1.KubernetesServer{URL: url},
		Auth: &esv1.KubernetesAuth{
			Token: &esv1.KubernetesTokenAuth{BearerToken: metametav1.SecretKeySelector{Name: "s", Key: "token"}},
		},
	})
}

// TestListReadsAllPages lists from a server that gives one Secret at a time and fails at the page that it is told to.
func TestListReadsAllPages(t *testing.T) {
	for _, tc := range []struct {
		reason, failAt string
		want           []string
		kind           fault.Kind
	}{
		{reason: "three pages", want: []string{"a", "b", "c"}},
		{reason: "a failure in between is an error and nothing after it", failAt: "b", want: []string{"a"}, kind: fault.Unavailable},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			next := map[string]string{"": "b", "b": "c", "c": ""}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				from := r.URL.Query().Get("continue")
				if tc.failAt != "" && from == tc.failAt {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				name := from
				if name == "" {
					name = "a"
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(corev1.SecretList{
					TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"},
					ListMeta: metav1.ListMeta{Continue: next[from]},
					Items:    []corev1.Secret{*named(name, nil)},
				})
			}))
			defer server.Close()
			c := openAt(t, server.URL)
			var got []string
			var failure error
			for entry, err := range c.List(t.Context(), providers.Query{Tags: map[string]string{}}) {
				if failure = err; err == nil {
					got = append(got, entry.Key)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || fault.KindOf(failure) != tc.kind {
				t.Errorf("List gives %v, %v; want kind %s", got, failure, tc.kind)
			}
		})
	}
}

// TestListRefusesTagsThatAreNoLabels would otherwise ask for something else: a comma begins another condition.
func TestListRefusesTagsThatAreNoLabels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server is asked") }))
	defer server.Close()
	w := &world{config: &rest.Config{}, calls: map[string]int{}, secrets: map[string][]byte{"s/token": []byte("t")}}
	c := w.open(t, &esv1.KubernetesProvider{
		Server: esv1.KubernetesServer{URL: server.URL},
		Auth: &esv1.KubernetesAuth{
			Token: &esv1.KubernetesTokenAuth{BearerToken: metametav1.SecretKeySelector{Name: "s", Key: "token"}},
		},
	})
	for _, err := range c.List(t.Context(), providers.Query{Tags: map[string]string{"app": "a,tier=x"}}) {
		wantError(t, err, fault.Invalid, "find.tags are labels here, and are not valid as such")
	}
}
