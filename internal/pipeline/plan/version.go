package plan

import (
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	esv1 "github.com/sluice-operator/sluice/apis/externalsecrets/v1"
)

// Version returns the state of an object that users can change: its generation, and a hash of its labels and annotations.
func Version(o metav1.Object) string {
	// A map of strings always encodes, and encoding sorts its keys.
	described, _ := json.Marshal([]map[string]string{o.GetLabels(), o.GetAnnotations()}) //nolint:errchkjson // see above
	return fmt.Sprintf("%d-%s", o.GetGeneration(), Digest(string(described)))
}

// SyncedGeneration returns the generation that a Version was made of; zero for text that is none.
func SyncedGeneration(version string) int64 {
	generation, _, _ := strings.Cut(version, "-")
	n, err := strconv.ParseInt(generation, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// ForceSync returns what the force-sync annotation says, in either spelling: its value, the full name's above the short one's
// where both are there; empty when there is none.
func ForceSync(o metav1.Object) string {
	long, short := o.GetAnnotations()[esv1.AnnotationForceSync], o.GetAnnotations()[esv1.AnnotationForceSyncShort]
	if long == "" || short == "" {
		return long + short
	}
	return long + "\n" + short
}

// NewRequest reports whether one of the values in the result of ForceSync is another one than in what was handled. That a
// value is taken away asks for nothing, also where the other one stays.
func NewRequest(forceSync, handled string) bool {
	long, short, both := strings.Cut(forceSync, "\n")
	handledLong, handledShort, wereBoth := strings.Cut(handled, "\n")
	if !wereBoth {
		handledShort = handledLong
	}
	if both {
		return long != handledLong || short != handledShort
	}
	return long != "" && long != handledLong && long != handledShort
}

// Inputs collects the states of the objects that another one refers to. The zero value is ready to use.
type Inputs struct {
	seen []string
}

// Add adds one object with the state that counts: a generation or a resource version. An object that does not exist has
// neither UID nor state.
func (i *Inputs) Add(kind string, name types.NamespacedName, uid types.UID, state string) {
	i.seen = append(i.seen, strings.Join([]string{kind, name.String(), string(uid), state}, "|"))
}

// Digest returns one hash over all that was added, in any order.
func (i *Inputs) Digest() string {
	slices.Sort(i.seen)
	return Digest(strings.Join(slices.Compact(i.seen), "\n"))
}

// Digest returns the SHA3-224 of text in hexadecimal digits. It is for names and versions, never for secret values.
func Digest(text string) string {
	sum := sha3.Sum224([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Generation returns the generation of an object as Inputs takes it.
func Generation(o metav1.Object) string { return strconv.FormatInt(o.GetGeneration(), 10) }
