// Package lease runs generators so that nothing they obtain is lost: what has to be given back is written down before
// anybody has it, and is given back when nobody needs it any more, whatever happens in between.
package lease
