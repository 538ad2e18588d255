// Package apply brings a target into the wanted state: Diff decides from the state and the policies what is to be
// written, as a table, and Write does it. What is right already is not written.
package apply
