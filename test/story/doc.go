// Package story runs the built operator on a real control plane, with exactly the rights that config/ gives it. The
// scenario tests and the demo tell their stories with it.
package story
