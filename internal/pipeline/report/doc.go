// Package report turns an outcome into what users and the queue are told: a condition, an event, a retry. What did not
// change is not said again.
package report
