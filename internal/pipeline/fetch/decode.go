package fetch

import (
	"bytes"
	"encoding/base64"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
	"github.com/sluice-operator/sluice/internal/fault"
)

// Decode applies a decoding strategy. The text of an error never quotes the value.
func Decode(strategy esv1.ExternalSecretDecodingStrategy, value []byte) ([]byte, error) {
	switch strategy {
	case "", esv1.DecodingNone:
		return value, nil
	case esv1.DecodingBase64:
		return decodeAs(base64.StdEncoding, "Base64", value)
	case esv1.DecodingBase64URL:
		return decodeAs(base64.URLEncoding, "Base64URL", value)
	case esv1.DecodingAuto:
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			if decoded, err := decodeAs(encoding, "", value); err == nil {
				return decoded, nil
			}
		}
		return value, nil
	default:
		return nil, fault.New(fault.Invalid, "decodingStrategy %q is not one of Auto, Base64, Base64URL and None", strategy)
	}
}

func decodeAs(encoding *base64.Encoding, name string, value []byte) ([]byte, error) {
	decoded, err := encoding.AppendDecode(nil, value)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the value is not valid %s, as decodingStrategy says", name)
	}
	return decoded, nil
}

func checkNullBytes(policy esv1.ExternalSecretNullBytePolicy, value []byte) error {
	if policy == esv1.NullByteFail && bytes.IndexByte(value, 0) >= 0 {
		return fault.New(fault.Invalid, "the value holds a null byte, which nullBytePolicy Fail refuses")
	}
	return nil
}
