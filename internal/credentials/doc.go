// Package credentials is for reading what a spec points at: one resolver for every reference, which grants no more than
// the referrer itself may see.
package credentials
