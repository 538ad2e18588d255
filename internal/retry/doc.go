// Package retry repeats calls that failed for a passing reason, in place.
package retry
