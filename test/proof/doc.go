// Package proof goes through every moment at which something can go wrong between a generator and the places of its value,
// one after the other, and expects the value to be as if nothing had.
//
// The controllers and the provider of Kubernetes are the real ones. The API server is controller-runtime's client in memory,
// which applies and owns fields as a real one does; the provider reaches the same one over HTTP. Every call over the border of
// the operator's process is counted: reads of its cache, reads and writes of API server and stores, and runs of the generator.
// A first run without a disturbance names the calls; then there is one run for each call and each thing that can go wrong
// there. Each goes on until the operator has nothing to do any more, with a new process where one has died.
//
// Some moments are the same as others, and are gone through once: to die before a call is to die after the last one that
// changed something, and what others do to an object counts from the next look that the operator takes at it.
package proof
