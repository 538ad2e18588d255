// Package plan decides, from facts alone, whether there is something to do, why, and when to look again. Nothing here
// touches the world.
package plan
