// Package providertest says what a provider must do, as a suite of tests that every provider runs, and holds Memory, a
// reference client that keeps its secrets in memory, for the tests of what is built on providers.
package providertest
