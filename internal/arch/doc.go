// Package arch holds the tests that keep the house: what may import what, how things are named, that the lists of
// providers and generators agree everywhere, and that the documentation speaks of what there is.
package arch
