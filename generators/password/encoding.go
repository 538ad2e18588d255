package password

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// encoder writes a finished password in its encoding.
type encoder interface {
	EncodeToString(text []byte) string
	EncodedLen(n int) int
}

type raw struct{}

func (raw) EncodeToString(text []byte) string { return string(text) }
func (raw) EncodedLen(n int) int              { return n }

type hexadecimal struct{}

func (hexadecimal) EncodeToString(text []byte) string { return hex.EncodeToString(text) }
func (hexadecimal) EncodedLen(n int) int              { return hex.EncodedLen(n) }

// encoderFor returns the encoder of the given name; Base64 and Base32 are padded. An unknown name is fault.Invalid.
func encoderFor(name genv1alpha1.PasswordEncoding) (encoder, error) {
	switch name {
	case genv1alpha1.PasswordRaw, "":
		return raw{}, nil
	case genv1alpha1.PasswordBase64:
		return base64.StdEncoding, nil
	case genv1alpha1.PasswordBase64URL:
		return base64.URLEncoding, nil
	case genv1alpha1.PasswordBase32:
		return base32.StdEncoding, nil
	case genv1alpha1.PasswordHex:
		return hexadecimal{}, nil
	}
	return nil, fault.New(fault.Invalid, "spec.encoding %q must be raw, base64, base64url, base32 or hex", string(name))
}
