// Package ownership reads out of an object's managed fields what a field manager has written, so that an apply that
// would change nothing is not sent.
package ownership
