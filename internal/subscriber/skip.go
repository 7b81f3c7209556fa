package subscriber

import (
	"errors"
	"fmt"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// errOverrun is the reason for which a message is not even queued.
var errOverrun = errors.New("the disk does not keep up: queue full")

// errBound is the reason for which a part of an event is not stored.
var errBound = errors.New("beyond the bound that the setting gives")

// reasonName is the counter's name of a reason.
func reasonName(err error) string {
	switch {
	case errors.Is(err, errOverrun): // the first, for a flood brings it for each message
		return "overrun"
	case errors.Is(err, errJID):
		return "jid"
	case errors.Is(err, errMinion):
		return "minion"
	case errors.Is(err, errFields):
		return "fields"
	case errors.Is(err, value.ErrDepth):
		return "depth"
	case errors.Is(err, event.ErrTooLarge):
		return "too_large"
	}
	return "malformed"
}

// hole is the reason of the hole that a skipped message leaves; empty for one that says
// nothing of a job.
func hole(name string) string {
	switch name {
	case "overrun":
		return jobcache.Overrun
	case "malformed", "too_large", "depth":
		return jobcache.Unreadable
	}
	return ""
}

// passable tells an error of the message from one of the store.
func passable(err error) bool {
	for _, sentinel := range []error{
		errJID, errMinion, errFields, event.ErrMalformed, value.ErrDepth, value.ErrTruncated,
		value.ErrTrailing, value.ErrMalformed, value.ErrNotMap,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// tell logs each reason once; the counters have the rest.
func (s *subscriber) tell(name string, err error) {
	if s.told[name] {
		return
	}
	s.told[name] = true
	s.log.Warn(fmt.Sprintf("skipped an event (%s); further ones are only counted", name), "error", err)
}
