package funcs

import "reflect"

// The time that an RSA key takes grows with the third power of its size, so keys are bounded: 16384 bits are some 9 KiB of DER.
const (
	// maxModulus is the size of an RSA key in bits.
	maxModulus = 16384
	// maxKeyDER is the size of a private key in bytes.
	maxKeyDER = 12 << 10
	// maxKeyText is the size in bytes of a private key in PEM, or of one such text in base64 again.
	maxKeyText = 16 << 10
)

// certificateFunctions returns sprig's functions that sign with a key of the user.
func certificateFunctions() map[string]any {
	functions := map[string]any{}
	for _, name := range []string{"buildCustomCert", "genCAWithKey", "genSelfSignedCertWithKey", "genSignedCertWithKey"} {
		functions[name] = withShortTexts(original[any](name))
	}
	return functions
}

// withShortTexts returns a function like fn that refuses long texts. fn returns a value and an error.
func withShortTexts(fn any) any {
	inner := reflect.ValueOf(fn)
	return reflect.MakeFunc(inner.Type(), func(args []reflect.Value) []reflect.Value {
		for _, arg := range args {
			if arg.Kind() == reflect.String && arg.Len() > maxKeyText {
				err := invalid("the key or certificate is larger than %d KiB", maxKeyText>>10)
				return []reflect.Value{reflect.Zero(inner.Type().Out(0)), reflect.ValueOf(&err).Elem()}
			}
		}
		return inner.Call(args)
	}).Interface()
}
