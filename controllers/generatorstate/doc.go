// Package generatorstate gives back what generators have obtained and nobody needs any more.
package generatorstate
