package fingerprint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
)

// Hasher makes fingerprints with one key. It is safe for concurrent use. Its zero value has an empty key and is for tests only.
type Hasher struct {
	key []byte
}

// KeySize is the length of a key in bytes.
const KeySize = 32

// New returns a hasher with the given key, which is not changed afterwards.
func New(key []byte) Hasher { return Hasher{key: key} }

// KeyID names the key, and says nothing of it: fingerprints under different keys cannot be compared.
func (h Hasher) KeyID() string { return h.Of(nil, "key")[:keyIDLength] }

// keyIDLength is enough to tell the keys of one cluster apart.
const keyIDLength = 8

// Of returns the fingerprint of several maps of values and several texts. Equal content has an equal fingerprint, in
// any order of the keys.
func (h Hasher) Of(maps []map[string][]byte, texts ...string) string {
	mac := hmac.New(sha256.New, h.key)
	for _, m := range maps {
		writeMap(mac, m)
	}
	write(mac, []byte("texts"))
	for _, text := range texts {
		write(mac, []byte(text))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func writeMap(mac hash.Hash, m map[string][]byte) {
	var count [8]byte
	binary.BigEndian.PutUint64(count[:], uint64(len(m)))
	write(mac, count[:])
	for _, key := range slices.Sorted(maps.Keys(m)) {
		write(mac, []byte(key))
		write(mac, m[key])
	}
}

// write puts the length in front, so that no two different sequences look alike. Writing to a hash never fails.
func write(mac hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	_, _ = mac.Write(length[:])
	_, _ = mac.Write(part)
}
