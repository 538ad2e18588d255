package report

import (
	"fmt"
	"time"
)

// Ends says, to be added to a message, when what was generated ends; nothing when that is not known. why is the reason for which
// nothing replaces it before; empty when something does.
func Ends(until time.Time, why string) string {
	switch {
	case until.IsZero():
		return ""
	case why != "":
		return fmt.Sprintf("; what was generated ends at %s, and nothing replaces it then: %s", stamp(until), why)
	default:
		return fmt.Sprintf("; what was generated ends at %s, and is replaced before", stamp(until))
	}
}

// Left says, to be added to the message of a failure, until when what was delivered before is of use; nothing when that is not known.
func Left(until, now time.Time) string {
	switch {
	case until.IsZero():
		return ""
	case now.Before(until):
		return "; what was delivered before ends at " + stamp(until)
	default:
		return "; what was delivered before has ended at " + stamp(until)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
