// Package render shapes values into the object that is to be delivered. It is pure: the same values and templates yield
// the same object, but for templates that ask for something random.
package render
