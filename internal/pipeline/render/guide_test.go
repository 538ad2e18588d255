package render_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/pipeline/fetch"
	"github.com/sluice-operator/sluice/internal/pipeline/render"
	"github.com/sluice-operator/sluice/templates"
	"github.com/sluice-operator/sluice/templates/funcs"
	"github.com/sluice-operator/sluice/test/guide"
)

const page = "../../../docs/guides/templates.md"

// shelf has the ConfigMaps and Secrets of one example.
type shelf struct {
	client.Reader

	documents []string
}

func (s shelf) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	for _, document := range s.documents {
		var about struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &about); err != nil {
			return err
		}
		secret, isSecret := into.(*corev1.Secret)
		if about.Metadata.Name != name.Name || isSecret != (about.Kind == "Secret") {
			continue
		}
		if err := yaml.Unmarshal([]byte(document), into); err != nil || !isSecret {
			return err
		}
		secret.Data = values(secret.StringData)
		return nil
	}
	return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
}

// outcome is a Secret as the page writes it.
type outcome struct {
	Type                      string
	Labels, Annotations, Data map[string]string
}

// example renders the template of a block as the operator does.
func example(block guide.Block, variables map[string]string) (outcome, error) {
	documents := strings.Split(block.Text, "---\n")
	var holder struct{ Template *esv1.ExternalSecretTemplate }
	if err := yaml.UnmarshalStrict([]byte(documents[len(documents)-1]), &holder); err != nil {
		return outcome{}, err
	}
	texts, err := fetch.TemplateTexts(context.Background(), shelf{documents: documents[:len(documents)-1]}, "ns", path, holder.Template)
	if err != nil {
		return outcome{}, err
	}
	made, err := renderer().Secret(render.Input{Path: path, Values: values(variables), Template: holder.Template, Texts: texts})
	data := map[string]string{}
	for key, value := range made.Data {
		data[key] = string(value)
	}
	return outcome{string(made.Type), made.Labels, made.Annotations, data}, err
}

// material returns what the page does not spell out: keys, certificates, archives.
func material(t *testing.T) map[string]string {
	t.Helper()
	text := func(template string, variables map[string]any) string {
		t.Helper()
		out, err := templates.New().Text("material", template, variables)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	all := map[string]any{"jwk": `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",` +
		`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`}
	all["pem"] = text(`{{ $ca := genCAWithKey "root" 9 (genPrivateKey "ecdsa") }}`+
		`{{ $c := genSignedCert "leaf" (list "192.0.2.1") (list "example.com") 9 $ca }}`+
		`{{ $c.Cert }}{{ $ca.Cert }}{{ $c.Key | replace "RSA PRIVATE" "PRIVATE" }}`, nil)
	all["chain"] = text(`{{ filterPEM "CERTIFICATE" .pem }}`, all)
	all["key"] = text(`{{ fullPemToPkcs12 .pem .pem | b64dec | pkcs12key }}`, all)
	all["archive"] = text(`{{ fullPemToPkcs12 .chain .key | b64dec }}`, all)
	all["protected"] = text(`{{ fullPemToPkcs12Pass .chain .key "changeit" | b64dec }}`, all)
	block, _ := pem.Decode([]byte(text("{{ .key }}", all)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.(*rsa.PrivateKey).PublicKey, []byte("plain text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	all["ciphertext"] = base64.StdEncoding.EncodeToString(ciphertext)
	texts := map[string]string{}
	for name := range all {
		texts[name] = text("{{ ."+name+" }}", all)
	}
	return texts
}

// with returns the variables and that material which the text uses.
func with(variables, material map[string]string, text string) map[string]string {
	all := maps.Clone(variables)
	for name, value := range material {
		if regexp.MustCompile(`\.` + name + `\b`).MatchString(text) {
			all[name] = value
		}
	}
	return all
}

// TestExamplesOfTheGuide runs every block of the page. Those for Helm are run in test/scenarios, where there is a Helm.
func TestExamplesOfTheGuide(t *testing.T) {
	blocks, err := guide.Blocks(page)
	if err != nil {
		t.Fatal(err)
	}
	var variables, usual map[string]string
	var got outcome
	var isHelm bool
	hidden := material(t)
	for _, block := range blocks {
		if err != nil && block.Info != "text error" {
			t.Fatalf("line %d: what stands before it fails: %v", block.Line, err)
		}
		switch block.Info {
		case "yaml values":
			// The first ones hold for the whole page, others for the example that follows.
			variables = map[string]string{}
			err = yaml.UnmarshalStrict([]byte(block.Text), &variables)
			if usual == nil {
				usual = variables
			}
		case "yaml template":
			isHelm = false
			got, err = example(block, with(variables, hidden, block.Text))
			variables = usual
		case "yaml result":
			if !isHelm {
				compare(t, got, block)
			}
		case "text error":
			if err == nil || err.Error() != strings.TrimSpace(block.Text) {
				t.Errorf("line %d: got error %v", block.Line, err)
			}
			err = nil
		case "yaml helm", "yaml manifest":
			isHelm = true
		default:
			t.Errorf("line %d: nothing runs a block of %q", block.Line, block.Info)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func compare(t *testing.T, got outcome, block guide.Block) {
	t.Helper()
	var want outcome
	if err := yaml.UnmarshalStrict([]byte(block.Text), &want); err != nil {
		t.Fatalf("line %d: %v", block.Line, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("line %d (-want +got):\n%s", block.Line, diff)
	}
}

func TestFunctionsOfTheGuide(t *testing.T) {
	rows, err := guide.Rows(page, "## Functions")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := guide.Blocks(page)
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	if err := yaml.UnmarshalStrict([]byte(blocks[0].Text), &variables); err != nil {
		t.Fatal(err)
	}
	hidden := material(t)
	for _, row := range rows {
		template := &esv1.ExternalSecretTemplate{Data: map[string]string{"row": "{{ " + row.Expression + " }}"}}
		made, err := renderer().Secret(render.Input{Path: path, Values: values(with(variables, hidden, row.Expression)), Template: template})
		got := strings.ReplaceAll(string(made.Data["row"]), "\n", "↵")
		switch {
		case err != nil:
			t.Errorf("line %d: %s: %v", row.Line, row.Expression, err)
		case row.Known && got != row.Result:
			t.Errorf("line %d: %s gives %s", row.Line, row.Expression, got)
		case !row.Known && got == "":
			t.Errorf("line %d: %s gives nothing", row.Line, row.Expression)
		}
	}
}

// TestFunctionsAreInTheGuide leaves out those with must in front, which the page explains altogether.
func TestFunctionsAreInTheGuide(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Functions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := strings.Join(regexp.MustCompile("`[^`]+`").FindAllString(section, -1), " ")
	words := regexp.MustCompile(`\w+`).FindAllString(named, -1)
	for _, name := range slices.Sorted(maps.Keys(funcs.All())) {
		if !strings.HasPrefix(name, "must") && !slices.Contains(words, name) {
			t.Errorf("the page does not name the function %s", name)
		}
	}
}
