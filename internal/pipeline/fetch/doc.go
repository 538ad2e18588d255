// Package fetch collects the values that an ExternalSecret asks for, from stores and generators, and brings keys and
// values into the wanted form. What it does to keys and values is pure; only the sources it is given touch the world.
package fetch
