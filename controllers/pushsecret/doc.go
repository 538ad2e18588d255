// Package pushsecret keeps what each PushSecret pushes where it is to be: observe, plan, fetch or adopt, render, push,
// prune, report.
//
// The stores are the memory of generated values: what one of them holds is taken from there and never generated anew,
// unless a rotation was asked for.
package pushsecret
