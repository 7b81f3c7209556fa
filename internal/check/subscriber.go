package check

import (
	"fmt"
	"time"

	"gorun/jobcache"
)

// Subscriber checks that a subscriber listens to the bus. The age of its last heartbeat is
// measured against the thresholds, in seconds.
func Subscriber(known jobcache.Status, now time.Time, limits Thresholds) *Result {
	r := &Result{Name: "SUBSCRIBER"}
	if known.Heartbeat.IsZero() {
		r.Status, r.Message = Critical, "no subscriber has been connected to the bus yet"
		return r
	}
	age := max(0, int(now.Sub(known.Heartbeat).Seconds()))
	r.Status = limits.Judge(age, age)
	r.Message = fmt.Sprintf("pid %d is listening to the bus", known.PID)
	r.Figures = []Figure{
		{Name: "heartbeat", Value: float64(age), Unit: "s", Warn: limits.Warn.of(age), Crit: limits.Crit.of(age)},
		{Name: "events", Value: float64(known.Events), Unit: "c"},
	}
	var skipped int64
	for _, n := range known.Skipped {
		skipped += n
	}
	r.Figures = append(r.Figures, Figure{Name: "skipped", Value: float64(skipped), Unit: "c"})
	if !known.Listening {
		r.Status = Critical
		r.Message = fmt.Sprintf("no subscriber has listened to the bus since %s", known.Heartbeat.Local().Format(time.DateTime))
	}
	return r
}
