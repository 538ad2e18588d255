// Package wakeup finds the objects that refer to something, so that they are looked at when it appears or changes.
package wakeup
