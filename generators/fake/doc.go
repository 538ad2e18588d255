// Package fake yields the values that a spec lists, so that everything behind a generator can be tried and tested with
// values that are known.
package fake
