// Package queue is the order of work: what a user has changed goes first, and no namespace keeps the others waiting.
package queue
