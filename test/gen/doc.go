// Package gen builds the objects that tests need, in as many words as the test is about.
package gen
