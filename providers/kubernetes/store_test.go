package kubernetes_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/providers"
)

func testRights(t *testing.T, w *world) {
	w.seed(t, named("here", data("k", "1")))
	identity := func(account string) string {
		return fmt.Sprintf("the store's identity %q", "system:serviceaccount:"+w.namespace+":"+account)
	}
	none, getOnly := w.open(t, w.spec(nothing)), w.open(t, w.spec(getter))
	_, err := none.Get(t.Context(), providers.Ref{Key: "here"})
	wantError(
		t,
		err,
		fault.Denied,
		identity(nothing)+fmt.Sprintf(` may not get secrets in namespace %q: grant it the verb "get"`, w.namespace),
	)
	_, err = none.Get(t.Context(), providers.Ref{Key: "absent"})
	wantError(t, err, fault.Denied, `grant it the verb "get"`)
	_, err = none.Check(t.Context())
	wantError(
		t,
		err,
		fault.Denied,
		fmt.Sprintf(`may not get secrets in namespace %q: grant it the verb "get"`, w.namespace),
	)

	if _, err := getOnly.Check(t.Context()); err != nil {
		t.Errorf("Check of an identity that may get: %v", err)
	}
	for _, err := range getOnly.List(t.Context(), providers.Query{Name: regexp.MustCompile("here")}) {
		wantError(
			t,
			err,
			fault.Denied,
			identity(getter)+fmt.Sprintf(` may not list secrets in namespace %q: grant it the verb "list"`, w.namespace),
		)
	}
	err = getOnly.Put(t.Context(), providers.Write{Key: "here", Owner: owner, Fields: data("l", "2")})
	wantError(t, err, fault.Denied, `grant it the verb "patch"`)
	err = getOnly.Put(t.Context(), providers.Write{Key: "new", Owner: owner, Fields: data("l", "2")})
	wantError(t, err, fault.Denied, `grant it the verb "patch"`)
}

func testConnection(t *testing.T, w *world) {
	w.seed(t, named("here", data("k", "1")))
	strange := httptest.NewTLSServer(http.NotFoundHandler())
	defer strange.Close()
	trusted := w.config.CAData
	for _, tc := range []struct {
		reason string
		server esv1.KubernetesServer
		kind   fault.Kind
		want   string
	}{
		{
			reason: "the local server by its name in the cluster",
			server: esv1.KubernetesServer{URL: "https://Kubernetes.default.svc.cluster.local:443/", CABundle: trusted},
		},
		{reason: "the same server by its address", server: esv1.KubernetesServer{URL: w.config.Host, CABundle: trusted}},
		{
			reason: "no certificate authority", server: esv1.KubernetesServer{URL: w.config.Host},
			kind: fault.Unavailable, want: "unknown authority: check server.caBundle or server.caProvider",
		},
		{
			reason: "nobody is listening", server: esv1.KubernetesServer{URL: "https://127.0.0.1:1"},
			kind: fault.Unavailable, want: "connection refused",
		},
		{
			reason: "not an API server", server: esv1.KubernetesServer{URL: strange.URL, CABundle: pemOf(strange)},
			kind: fault.Unavailable, want: "is not one of a Kubernetes API server",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			spec := w.spec(writer)
			spec.Server = tc.server
			c := w.open(t, spec)
			_, getErr := c.Get(t.Context(), providers.Ref{Key: "here"})
			_, checkErr := c.Check(t.Context())
			for call, err := range map[string]error{"Get": getErr, "Check": checkErr} {
				if tc.want == "" && err == nil {
					continue
				}
				t.Run(call, func(t *testing.T) { wantError(t, err, tc.kind, tc.want) })
			}
		})
	}
}

func testIdentities(t *testing.T, w *world) {
	w.seed(t, named("here", data("k", "1")))
	token, err := w.ServiceAccountToken(t.Context(), metametav1.ServiceAccountSelector{Name: writer})
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = map[string][]byte{
		"s/token": []byte(token.Value + "\n"), "s/stranger": []byte("s3cr3t"), "s/empty": nil,
		"s/cert": w.config.CertData, "s/key": w.config.KeyData, "s/kubeconfig": kubeconfig(t, w.config, token.Value),
	}
	key := func(name string) metametav1.SecretKeySelector {
		return metametav1.SecretKeySelector{Name: "s", Key: name}
	}
	bearer := func(name string) *esv1.KubernetesAuth {
		return &esv1.KubernetesAuth{Token: &esv1.KubernetesTokenAuth{BearerToken: key(name)}}
	}
	cert := func(cert, private string) *esv1.KubernetesAuth {
		return &esv1.KubernetesAuth{Cert: &esv1.KubernetesCertAuth{ClientCert: key(cert), ClientKey: key(private)}}
	}
	reference := key("kubeconfig")
	for _, tc := range []struct {
		reason string
		spec   esv1.KubernetesProvider
		kind   fault.Kind
		want   string
	}{
		{reason: "a token with the line end of a file", spec: esv1.KubernetesProvider{Auth: bearer("token")}},
		{reason: "a certificate", spec: esv1.KubernetesProvider{Auth: cert("cert", "key")}},
		{reason: "a kubeconfig", spec: esv1.KubernetesProvider{AuthRef: &reference}},
		{
			reason: "a wrong token", spec: esv1.KubernetesProvider{Auth: bearer("stranger")},
			kind: fault.Denied, want: "refuses the store's credentials",
		},
		{
			reason: "an empty token", spec: esv1.KubernetesProvider{Auth: bearer("empty")},
			kind: fault.Invalid, want: "auth.token.bearerToken points to an empty value",
		},
		{
			reason: "no such secret", spec: esv1.KubernetesProvider{Auth: bearer("absent")},
			kind: fault.Invalid, want: "spec.provider.kubernetes.auth.token.bearerToken: secret",
		},
		{
			reason: "no such key", spec: esv1.KubernetesProvider{Auth: cert("cert", "absent")},
			kind: fault.Invalid, want: "auth.cert.clientKey: secret",
		},
		{
			reason: "a certificate that is none", spec: esv1.KubernetesProvider{Auth: cert("stranger", "key")},
			kind: fault.Invalid, want: "certificate, key or authority cannot be used",
		},
		{
			reason: "no such account",
			spec:   esv1.KubernetesProvider{Auth: &esv1.KubernetesAuth{ServiceAccount: &metametav1.ServiceAccountSelector{Name: "absent"}}},
			kind:   fault.Invalid, want: "spec.provider.kubernetes.auth.serviceAccount: no token",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.spec.RemoteNamespace = w.namespace
			opened, err := w.tryOpen(t, &tc.spec)
			if err == nil {
				_, err = opened.(providers.Reader).Get(t.Context(), providers.Ref{Key: "here"})
			}
			if tc.want != "" || err != nil {
				wantError(t, err, tc.kind, tc.want)
			}
		})
	}
}

func testList(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	for name, labels := range map[string]map[string]string{"a-1": {"app": "a", "tier": "x"}, "a-2": {"app": "a"}, "b-1": {"app": "b"}} {
		s := named(name, data("k", name))
		s.Labels = labels
		w.seed(t, s)
	}
	token := named("bootstrap-token-a", data("token-id", "abcdef"))
	token.Type = corev1.SecretTypeBootstrapToken
	w.seed(t, token)
	for _, tc := range []struct {
		reason string
		query  providers.Query
		want   map[string]string
	}{
		{"by a part of the name", providers.Query{Name: regexp.MustCompile("-1")}, map[string]string{"a-1": "a-1", "b-1": "b-1"}},
		{"by exact labels", providers.Query{Tags: map[string]string{"app": "a", "tier": "x"}}, map[string]string{"a-1": "a-1"}},
		{
			"labels win over a name",
			providers.Query{Tags: map[string]string{"app": "a"}, Name: regexp.MustCompile("b")},
			map[string]string{"a-1": "a-1", "a-2": "a-2"},
		},
		{
			"no labels are all, except what is never read",
			providers.Query{Tags: map[string]string{}},
			map[string]string{"a-1": "a-1", "a-2": "a-2", "b-1": "b-1"},
		},
		{"nothing matches", providers.Query{Name: regexp.MustCompile("zzz")}, map[string]string{}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := map[string]string{}
			for entry, err := range c.List(t.Context(), tc.query) {
				if err != nil {
					t.Fatal(err)
				}
				got[entry.Key] = string(entry.Secret.Fields["k"])
			}
			wantDiff(t, "what was found", tc.want, got)
		})
	}
}

// testCalls is about the names that dashboards know, and about how many calls there are.
func testCalls(t *testing.T, w *world) {
	c := w.open(t, w.spec(writer))
	if _, err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		put(t, c, providers.Write{Key: "k", Fields: data("k", "1", "l", "1"), Labels: map[string]string{"a": "1"}})
	}
	// What changes together is one write.
	put(t, c, providers.Write{Key: "k", Fields: data("k", "2", "l", "2", "m", "2"), Labels: map[string]string{"a": "2", "b": "2"}})
	for _, err := range c.List(t.Context(), providers.Query{Tags: map[string]string{}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	remove(t, c, providers.Removal{Key: "k"})
	// Of four reads the first finds nothing, which is no success.
	want := map[string]int{
		"CreateSelfSubjectRulesReview": 1, "GetSecret": 3, "CreateSecret": 1, "UpdateSecret": 1, "ListSecrets": 1, "DeleteSecret": 1,
	}
	wantDiff(t, "the successful calls", want, w.calls)
}

func kubeconfig(t *testing.T, config *rest.Config, token string) []byte {
	t.Helper()
	content, err := clientcmd.Write(clientcmdapi.Config{
		CurrentContext: "main",
		Contexts:       map[string]*clientcmdapi.Context{"main": {Cluster: "c", AuthInfo: "u"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
