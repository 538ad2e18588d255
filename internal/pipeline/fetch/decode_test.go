package fetch

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

func TestDecode(t *testing.T) {
	cases := map[string]struct {
		reason   string
		strategy esv1.ExternalSecretDecodingStrategy
		in, want string
		fails    string
	}{
		"unset":           {"values stay as they are", "", "YQ==", "YQ==", ""},
		"None":            {"values stay as they are", esv1.DecodingNone, "YQ==", "YQ==", ""},
		"Base64":          {"the standard alphabet", esv1.DecodingBase64, "+/8=", "\xfb\xff", ""},
		"Base64, wrapped": {"tools break long lines", esv1.DecodingBase64, "YW\nJj\n", "abc", ""},
		"Base64, empty":   {"nothing decodes to nothing", esv1.DecodingBase64, "", "", ""},
		"Base64, URL":     {"the other alphabet is an error", esv1.DecodingBase64, "-_8=", "", "Base64"},
		"Base64, text":    {"text is an error", esv1.DecodingBase64, "s3cr3t!", "", "Base64"},
		"Base64URL":       {"the alphabet of URLs", esv1.DecodingBase64URL, "-_8=", "\xfb\xff", ""},
		"Base64URL, std":  {"the other alphabet is an error", esv1.DecodingBase64URL, "+/8=", "", "Base64URL"},
		"Auto, Base64":    {"what is Base64 is decoded", esv1.DecodingAuto, "+/8=", "\xfb\xff", ""},
		"Auto, URL":       {"what is Base64URL is decoded", esv1.DecodingAuto, "-_8=", "\xfb\xff", ""},
		"Auto, text":      {"the rest stays as it is", esv1.DecodingAuto, "s3cr3t!", "s3cr3t!", ""},
		"unknown":         {"a strategy that there is not", "Rot13", "s3cr3t!", "", "decodingStrategy"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(c.strategy, []byte(c.in))
			if c.fails != "" {
				message := fault.Message(err)
				if !fault.Is(err, fault.Invalid) || !strings.Contains(message, c.fails) || strings.Contains(message, c.in) {
					t.Errorf("Decode() = %v, want fault.Invalid that says %q and quotes no value: %s", err, c.fails, c.reason)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Errorf("Decode() = %q, %v; want %q: %s", got, err, c.want, c.reason)
			}
		})
	}
}

func TestCheckNullBytes(t *testing.T) {
	cases := map[string]struct {
		policy  esv1.ExternalSecretNullBytePolicy
		value   string
		refused bool
	}{
		"unset":         {"", "a\x00b", false},
		"Ignore":        {esv1.NullByteIgnore, "a\x00b", false},
		"Fail":          {esv1.NullByteFail, "a\x00b", true},
		"Fail, without": {esv1.NullByteFail, "ab", false},
	}
	for name, c := range cases {
		if err := checkNullBytes(c.policy, []byte(c.value)); fault.Is(err, fault.Invalid) != c.refused {
			t.Errorf("%s: checkNullBytes() = %v, want refused: %v", name, err, c.refused)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"YQ==", "-_8=", "s3cr3t!", "YW\nJj", "\x00\xff", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, strategy := range []esv1.ExternalSecretDecodingStrategy{esv1.DecodingAuto, esv1.DecodingBase64, esv1.DecodingBase64URL, esv1.DecodingNone} {
			before := bytes.Clone(value)
			_, err := Decode(strategy, value)
			if !bytes.Equal(before, value) {
				t.Fatalf("%s changed its input", strategy)
			}
			if err != nil && (strategy == esv1.DecodingAuto || strategy == esv1.DecodingNone) {
				t.Errorf("%s refuses a value: %v", strategy, err)
			}
			if err != nil && fault.Message(err) != "the value is not valid "+string(strategy)+", as decodingStrategy says" {
				t.Errorf("%s: %q is not the one text that holds no value", strategy, fault.Message(err))
			}
		}
		for strategy, encoding := range map[esv1.ExternalSecretDecodingStrategy]*base64.Encoding{
			esv1.DecodingBase64: base64.StdEncoding, esv1.DecodingBase64URL: base64.URLEncoding,
		} {
			got, err := Decode(strategy, []byte(encoding.EncodeToString(value)))
			if err != nil || !bytes.Equal(got, value) {
				t.Errorf("%s does not give back what was encoded: %v", strategy, err)
			}
		}
	})
}
