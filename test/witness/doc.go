// Package witness judges generated values by what became visible of them, and by nothing that an operator says of itself.
// Every proof that a value is generated once has the same witness.
package witness
