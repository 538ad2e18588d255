// Package crash runs the built operator on a real control plane, kills it again and again or puts a bad network between it and
// the API server, and expects of every generated value what a witness expects who has seen each state of each Secret.
package crash
