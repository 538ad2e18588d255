// Package lease runs generators so that nothing they obtain is lost: what has to be given back is given back, whatever
// happens in between.
package lease
