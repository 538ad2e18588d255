// Package fault names the kinds of failure that Sluice acts on. Code decides by kind, never by text; people read the message.
package fault
