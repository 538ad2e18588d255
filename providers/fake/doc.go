// Package fake is the provider whose values stand in the store's own spec. It is for tests and demonstrations, and
// needs no other system.
//
// What is pushed to such a store is kept in the memory of the operator, for as long as it runs.
package fake
