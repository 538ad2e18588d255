// Package lab is the place where a controller is tested: a real API server for its objects, and around it a clock that
// stands still, stores in memory, a generator that counts its runs and ears for events. Nothing in it waits.
package lab
