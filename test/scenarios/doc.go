// Package scenarios holds user stories as tests: the built operator, with the rights that config/ gives it, on a whole control plane, and
// manifests as users write them.
package scenarios
