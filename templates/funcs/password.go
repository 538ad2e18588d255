package funcs

import (
	"crypto/sha1" //nolint:gosec // {SHA} is a format that web servers read.
	"encoding/base64"
	"strings"
)

// maxBcrypt is the length in bytes of the longest password that bcrypt hashes.
const maxBcrypt = 72

func passwordFunctions() map[string]any {
	return map[string]any{"bcrypt": bcrypt, "htpasswd": htpasswd}
}

// bcrypt refuses what the algorithm cannot hash; sprig would return the text of the error as the hash.
func bcrypt(password string) (string, error) {
	if len(password) > maxBcrypt {
		return "", invalid("bcrypt cannot hash more than %d bytes", maxBcrypt)
	}
	return original[func(string) string]("bcrypt")(password), nil
}

// htpasswd returns a line of an htpasswd file; algorithm is "bcrypt" (the default) or "sha".
func htpasswd(user, password string, algorithm ...string) (string, error) {
	if strings.Contains(user, ":") {
		return "", invalid("the user name contains a colon")
	}
	switch strings.Join(algorithm, " ") {
	case "", "bcrypt":
		hash, err := bcrypt(password)
		return user + ":" + hash, err
	case "sha":
		sum := sha1.Sum([]byte(password)) //nolint:gosec // as above
		return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]), nil
	}
	return "", invalid("the algorithm must be bcrypt or sha")
}
