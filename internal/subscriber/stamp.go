package subscriber

import "time"

// parseStamp reads an event's _stamp, which is datetime.isoformat() of the master's clock
// in UTC, with or without its zone and its fraction, as microseconds since 1970.
func parseStamp(s string) (int64, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMicro(), true
		}
	}
	return 0, false
}
