package kubernetes

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/sluice-operator/sluice/internal/fault"
)

// ownServer matches the names that the operator's own API server has inside its cluster.
var ownServer = regexp.MustCompile(`(?i)^(https://)?kubernetes\.default(\.svc(\..*)?)?(:443)?/*$`)

// server is where a store's API server is.
type server struct {
	// local says that it is the one the operator itself talks to; url is empty then.
	local bool
	url   string
}

// parseServer reads a server's URL as a user writes it; path names the field in errors. Without a scheme it is https.
func parseServer(text, path string) (server, error) {
	if text == "" || ownServer.MatchString(text) {
		return server{local: true}, nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	// The parser's own error quotes the text, which may hold a password.
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return server{}, fault.Wrap(fault.Invalid, err, "%s is not a URL", path)
	case u.Scheme != "https" && u.Scheme != "http":
		return server{}, fault.New(fault.Invalid, "%s must begin with https://", path)
	case u.User != nil:
		return server{}, fault.New(fault.Invalid, "%s must not hold a user or a password", path)
	case u.RawQuery != "" || u.Fragment != "":
		return server{}, fault.New(fault.Invalid, "%s must not have a query or a fragment", path)
	}
	return server{url: text}, nil
}
