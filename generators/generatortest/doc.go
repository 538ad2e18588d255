// Package generatortest is for testing generators and what uses them: it holds the conformance suite that every
// generator runs, and a generator that counts what it mints and what is given back.
package generatortest
