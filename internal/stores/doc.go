// Package stores is for using a store without knowing its provider: from a reference to a Session, the portable client.
// Who may use a store, property syntax, pooling, limits, retries, metrics and redaction live here once.
package stores
