// Package webhook takes values from the answer of an endpoint that whoever writes the spec names.
//
// What is sent is rendered by the project's own template engine from Secrets that are labelled for it. What comes back is
// foreign: it is bounded in size and time, and never quoted. An error names the endpoint's host, if the host stands in the
// spec as it is; all else of a URL may have been made of a secret.
//
// A redirect leads to the same host or nowhere, and never from https to http: whatever the request carries was meant for
// that host alone.
//
// A path into the answer is RFC 9535. It must be one that leads to a single value: that is what the API can use, and a path
// with several wildcards can take more memory than the operator has.
package webhook
