package mfa

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/generators/generatortest"
	"github.com/sluice-operator/sluice/internal/fault"
)

type spec = genv1alpha1.MFASpec

// seeds are those of the test vectors in RFC 6238, and a few spellings of the first.
func seeds() map[string]string {
	encode := base32.StdEncoding.EncodeToString
	digits := strings.Repeat("1234567890", 7)
	first := encode([]byte(digits[:20]))
	return map[string]string{
		"sha1": first, "sha256": encode([]byte(digits[:32])), "sha512": encode([]byte(digits[:64])),
		"spelled": " " + strings.ToLower(first[:4]) + " " + first[4:] + "\n", "bare": strings.TrimRight(encode([]byte(digits[:32])), "="),
		"wrong": "CANARY-not-Base32!", "none": " \n", "padding": "====",
	}
}

func at(key string) spec {
	return spec{Secret: metametav1.SecretKeySelector{Name: "seeds", Key: key}}
}

func with(s spec, change func(*spec)) spec {
	change(&s)
	return s
}

func object(s spec) *genv1alpha1.MFA { return &genv1alpha1.MFA{Spec: s} }

func env(now int64) generators.Env {
	return generators.Env{
		Resolver: generatortest.Resolver{Secrets: map[string]map[string]string{"seeds": seeds()}},
		Clock:    clocktesting.NewFakeClock(time.Unix(now, 0)),
	}
}

func TestContract(t *testing.T) {
	refusal := func(name, says string, s spec) generatortest.Refusal {
		return generatortest.Refusal{Name: name, Object: object(s), Says: says}
	}
	s := at("sha1")
	generatortest.Run(t, generatortest.Harness{
		Together:  true,
		Generator: New(),
		Object:    object(s),
		Cluster:   genv1alpha1.GeneratorSpec{MFASpec: &s},
		Env:       env(1_800_000_000),
		Keys:      []string{"token", "timeLeft"},
		Fixed:     []string{"token", "timeLeft"},
		Secrets:   []string{seeds()["sha1"], seeds()["wrong"]},
		Refused: []generatortest.Refusal{
			refusal("a seed that is not Base32", `spec.secret: the value under key "wrong" is not Base32`, at("wrong")),
			refusal("an empty seed", `spec.secret: the value under key "none" is empty`, at("none")),
			refusal("nothing but padding", `spec.secret: the value under key "padding" is empty`, at("padding")),
			refusal("too many digits", "spec.length 11 must be between 1 and 10", with(s, func(s *spec) { s.Length = 11 })),
			refusal("a negative length", "spec.length -1", with(s, func(s *spec) { s.Length = -1 })),
			refusal("a negative period", "spec.timePeriod -30", with(s, func(s *spec) { s.TimePeriod = -30 })),
			refusal("a period beyond the bound", "spec.timePeriod 86401", with(s, func(s *spec) { s.TimePeriod = 86401 })),
			refusal("an unknown algorithm", `spec.algorithm "md5" must be sha1, sha256 or sha512`, with(s, func(s *spec) { s.Algorithm = "md5" })),
			refusal("a time before time", "spec.when", with(s, func(s *spec) { s.When = new(metav1.Unix(-1, 0)) })),
		},
	})
}

func TestMissingSeedIsNotTheSpecsFault(t *testing.T) {
	_, err := New().Bind(object(at("missing"))).Generate(t.Context(), env(0))
	if !fault.Is(err, fault.Denied) || !strings.HasPrefix(err.Error(), "spec.secret: ") {
		t.Errorf("got %v, want Denied that names the field", err)
	}
}

// TestTokens has the vectors of RFC 6238, appendix B, which have 8 digits.
func TestTokens(t *testing.T) {
	const leap, now = 1111111109, 20000000000
	pinned := metav1.Unix(59, 0)
	for _, tt := range []struct {
		reason      string
		now         int64
		spec        spec
		token, left string
	}{
		{"the first vector", 59, with(at("sha1"), func(s *spec) { s.Length = 8 }), "94287082", "1"},
		{"with SHA-256", 59, with(at("sha256"), func(s *spec) { s.Length, s.Algorithm = 8, "sha256" }), "46119246", "1"},
		{"with SHA-512", 59, with(at("sha512"), func(s *spec) { s.Length, s.Algorithm = 8, "SHA512" }), "90693936", "1"},
		{"another time", leap, with(at("sha1"), func(s *spec) { s.Length = 8 }), "07081804", "1"},
		{"with SHA-256", leap, with(at("sha256"), func(s *spec) { s.Length, s.Algorithm = 8, "Sha256" }), "68084774", "1"},
		{"with SHA-512", leap, with(at("sha512"), func(s *spec) { s.Length, s.Algorithm = 8, "sha512" }), "25091201", "1"},
		{"a far time", now, with(at("sha1"), func(s *spec) { s.Length = 8 }), "65353130", "10"},
		{"six digits are the default", 59, at("sha1"), "287082", "1"},
		{"a seed as people write it", 59, at("spelled"), "287082", "1"},
		{"a seed without its padding", 59, with(at("bare"), func(s *spec) { s.Length, s.Algorithm = 8, "sha256" }), "46119246", "1"},
		{"the spec says when", now, with(at("sha1"), func(s *spec) { s.When = &pinned }), "287082", "1"},
		{"a period of its own", 118, with(at("sha1"), func(s *spec) { s.TimePeriod = 60 }), "287082", "2"},
		{"a period begins", 30, at("sha1"), "287082", "30"},
		{"all digits that there are", 59, with(at("sha1"), func(s *spec) { s.Length = 10 }), "1094287082", "1"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			result, err := New().Bind(object(tt.spec)).Generate(t.Context(), env(tt.now))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(result.Data["token"]); got != tt.token {
				t.Errorf("token %s, want %s", got, tt.token)
			}
			if got := string(result.Data["timeLeft"]); got != tt.left {
				t.Errorf("%s seconds are left, want %s", got, tt.left)
			}
		})
	}
}
