package beyondtrustworkloadcredentialsdynamicsecret

import (
	"strconv"
	"time"
)

// formats are the ways in which a time may be written. The first is what the service writes today.
func formats() []string {
	return []string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02T15:04:05", time.DateTime,
	}
}

// milliseconds is the number from which on a time is one in milliseconds: as seconds it would be in the year 5138.
const milliseconds = 100_000_000_000

// endOf reads when credentials end; without a zone it is UTC, and a number counts from 1970 in seconds or milliseconds. The zero time
// is for what is no time: the credentials are good, and of their end nothing is known.
func endOf(text string) time.Time {
	if number, err := strconv.ParseInt(text, 10, 64); err == nil && number > 0 {
		if number >= milliseconds {
			return time.UnixMilli(number)
		}
		return time.Unix(number, 0)
	}
	for _, format := range formats() {
		if end, err := time.Parse(format, text); err == nil {
			return end
		}
	}
	return time.Time{}
}
