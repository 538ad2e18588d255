package funcs

import "reflect"

const (
	// MaxValue is the size in bytes, as measured by Size, of the largest value that a function may take or return.
	MaxValue = 4 << 20
	// MaxArgs is the number of arguments that one call may have.
	MaxArgs = 1000

	// elementSize stands for what a value occupies besides its text.
	elementSize = 16
	// maxDepth is how deep lists and maps may be nested; it also ends the walk through a map that contains itself.
	maxDepth = 64
	// maxItems is the length of the longest list that a function may make.
	maxItems = 100_000
	// maxDocument is the size in bytes of the largest JSON or YAML text that is parsed: the tree is many times larger.
	maxDocument = 1 << 20
)

// Slow returns the functions that take long whatever their arguments are, by what a call costs, measured in bytes of work.
func Slow() map[string]int {
	const hash, key = 64 << 10, 4 << 20
	return map[string]int{
		"bcrypt": hash, "htpasswd": hash, "derivePassword": hash,
		"genPrivateKey": key, "genCA": key, "genSelfSignedCert": key, "genSignedCert": key,
	}
}

// Size returns about how many bytes v occupies when it is written out: what is reachable on two ways counts twice. It stops counting above
// MaxValue, and returns more than MaxValue for what is nested too deep.
func Size(v any) int {
	if s, ok := v.(string); ok {
		return elementSize + len(s)
	}
	return add(0, reflect.ValueOf(v), 0)
}

func add(total int, v reflect.Value, depth int) int {
	if depth > maxDepth {
		return MaxValue + 1
	}
	total += elementSize
	switch v.Kind() {
	case reflect.String:
		return total + v.Len()
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return total
		}
		return add(total, v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		return addList(total, v, depth)
	case reflect.Map:
		for entry := v.MapRange(); total <= MaxValue && entry.Next(); {
			total = add(add(total, entry.Key(), depth+1), entry.Value(), depth+1)
		}
	case reflect.Struct:
		return addStruct(total, v, depth)
	default:
		// Everything else has a fixed size.
	}
	return total
}

// addStruct leaves out unexported fields: they are not written out, and a time.Time would drag its whole time zone along.
func addStruct(total int, v reflect.Value, depth int) int {
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			total = add(total, v.Field(i), depth+1)
		}
	}
	return total
}

func addList(total int, v reflect.Value, depth int) int {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return total + v.Len()
	}
	for i := 0; total <= MaxValue && i < v.Len(); i++ {
		total = add(total, v.Index(i), depth+1)
	}
	return total
}

// fits returns an error when a result of so many parts of the given size would be too large. It does not overflow.
func fits(parts, size int) error {
	if parts > 0 && size > MaxValue/parts {
		return invalid("the result would be larger than %d MiB", MaxValue>>20)
	}
	return nil
}

func itemsFit(n int) error {
	if n > maxItems {
		return invalid("the list would have more than %d items", maxItems)
	}
	return nil
}

// length returns the length of a list, zero for what is none.
func length(v any) int {
	if value := reflect.ValueOf(v); value.Kind() == reflect.Slice || value.Kind() == reflect.Array {
		return value.Len()
	}
	return 0
}
