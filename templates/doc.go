// Package templates shapes secrets: it renders Go templates over secret values without access to the cluster, the network, files or
// the environment, within bounds of size and time, and says what is wrong with a template without ever showing a value.
//
// A template of one user must not harm the operator. text/template cannot be interrupted, so every place where a template can spend
// something goes through a meter: the engine inserts a call at the head of each loop body and each defined template, wraps every
// function, and passes every printed value through a last function. The meter counts the bytes that functions take and return (which
// bounds memory, also for lists that hold a value many times) and looks at the clock (which bounds time). What lies between two
// looks is one call of one function, and package funcs bounds each of those.
package templates
