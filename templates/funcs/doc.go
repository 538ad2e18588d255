// Package funcs holds the functions that a template may call: an allow-list of pure functions, each of which is bounded in what it
// takes from memory and processor, so that a template of one user cannot harm the operator for all others.
package funcs
