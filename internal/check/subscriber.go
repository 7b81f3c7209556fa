package check

import (
	"fmt"
	"time"

	"gorun/jobcache"
)

// SubscriberLimits are what a subscriber is measured against: the age of its last heartbeat
// in seconds, and how many holes are open.
type SubscriberLimits struct {
	Heartbeat, Holes Thresholds
}

// Subscriber checks that a subscriber listens to the bus, and that no events are missing.
func Subscriber(known jobcache.Status, now time.Time, limits SubscriberLimits) *Result {
	r := &Result{Name: "SUBSCRIBER"}
	if known.Heartbeat.IsZero() {
		r.Status, r.Message = Critical, "no subscriber has been connected to the bus yet"
		return r
	}
	age := max(0, int(now.Sub(known.Heartbeat).Seconds()))
	var skipped int64
	for _, n := range known.Skipped {
		skipped += n
	}
	holes := len(known.Holes)
	r.Figures = []Figure{
		{Name: "heartbeat", Value: float64(age), Unit: "s", Warn: limits.Heartbeat.Warn.of(age), Crit: limits.Heartbeat.Crit.of(age)},
		{Name: "events", Value: float64(known.Events), Unit: "c"},
		{Name: "skipped", Value: float64(skipped), Unit: "c"},
		{Name: "holes", Value: float64(holes), Warn: limits.Holes.Warn.of(holes), Crit: limits.Holes.Crit.of(holes)},
	}
	r.Status = max(limits.Heartbeat.Judge(age, age), limits.Holes.Judge(holes, holes))
	r.Message = fmt.Sprintf("pid %d is listening to the bus", known.PID)
	if !known.Listening {
		r.Status = Critical
		r.Message = fmt.Sprintf("no subscriber has listened to the bus since %s", known.Heartbeat.Local().Format(time.DateTime))
	}
	for _, h := range known.Holes[:min(holes, maxNamed)] {
		r.Message += fmt.Sprintf("; events are missing %s", h)
	}
	if more := holes - maxNamed; more > 0 {
		r.Message += fmt.Sprintf(" and in %d more holes", more)
	}
	return r
}
