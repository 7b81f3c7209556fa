package jobcache

import (
	"fmt"
	"time"
)

// Listing is what presence events say of a minion. They go by IP address: all minions
// behind one address count as present. So a list proves absence, never life.
type Listing int

const (
	// Unlisted means that no presence list has named the minion yet.
	Unlisted Listing = iota
	// Present means that the newest list names it.
	Present
	// Lost means that a list once named it, and it is gone from the newest.
	Lost
)

// Minion is the newest evidence of one minion. Times are zero where there is none.
type Minion struct {
	ID string
	// AliveAt is its newest sign of life: a return, a start, an authentication; AliveBy
	// the tag of that event.
	AliveAt time.Time
	AliveBy string
	// AskedFirst and AskedLast are the first and the newest find_job it was asked since
	// its last sign of life; AskedJID is the newest one's jid.
	AskedFirst, AskedLast time.Time
	AskedJID              string
	// Listed is what presence says, since ListedAt.
	Listed   Listing
	ListedAt time.Time
}

// State is what the evidence of a minion comes to.
type State int

const (
	// Unknown means that nothing is known of the minion.
	Unknown State = iota
	// Up means that its newest sign is one of life.
	Up
	// Down means that its newest sign is one of absence.
	Down
)

// Verdict is a state with its reason.
type Verdict struct {
	State State
	// Since is when the deciding evidence came.
	Since time.Time
	// Newest is when there was evidence of the state last: none from before it, were it
	// known, would make another. Zero where nothing was heard of the minion itself.
	Newest time.Time
	// Why is the deciding evidence in a few words, for people.
	Why string
}

// Judge decides by the newest evidence whether a minion is up. A minion that neither
// returned nor answered the find_job that asked for it within gather (Salt's
// gather_job_timeout) is down; a presence list lifts only an absence that was learned from
// presence, or no knowledge at all. presenceAt is the time of the newest presence list.
func (m Minion) Judge(now, presenceAt time.Time, gather time.Duration) Verdict {
	silent := m.AskedFirst.Add(gather)
	switch {
	case !m.AskedFirst.IsZero() && !now.Before(silent):
		asked := m.AskedFirst
		if !now.Before(m.AskedLast.Add(gather)) {
			asked = m.AskedLast
		}
		return Verdict{Down, silent, asked, "did not answer find_job " + m.AskedJID}
	case m.Listed == Lost && m.ListedAt.After(m.AliveAt):
		return Verdict{Down, m.ListedAt, latest(m.ListedAt, presenceAt), "left the presence list"}
	case !m.AliveAt.IsZero():
		return Verdict{Up, m.AliveAt, m.AliveAt, m.AliveBy}
	case m.Listed == Present:
		return Verdict{State: Up, Since: m.ListedAt, Why: "is in the presence list"}
	case !presenceAt.IsZero():
		return Verdict{Down, presenceAt, presenceAt, "is not in the presence list"}
	}
	return Verdict{State: Unknown, Why: "nothing heard of it"}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// micros makes a time of microseconds since 1970, zero of 0.
func micros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
