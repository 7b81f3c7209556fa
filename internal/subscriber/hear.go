package subscriber

// The side that reads the socket: event.Follow calls Connected, Message, Skipped and
// Disconnected, and none of them waits for the disk.

import (
	"time"

	"gorun/event"
	"gorun/jobcache"
)

// lag is how old a message may be when it is read: a master keeps what a subscriber does
// not read for a minute, and then hangs up.
const lag = 70 * time.Second

// change is a connection that began, the first one or again, or one since some time that
// ended for a reason.
type change struct {
	at, since time.Time
	reason    string
	again     bool
}

// loss is messages that could not be had, for one reason.
type loss struct {
	n           int64
	first, last time.Time
}

// Connected notes a new connection to the bus.
func (s *subscriber) Connected(form event.Form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.connected {
		s.since = s.cfg.now()
		s.changes = append(s.changes, change{at: s.since, again: s.met})
		s.wake()
	}
	s.connected, s.met, s.form = true, true, form
	s.log.Info("connected to the bus", "form", form)
}

// Disconnected notes that the connection is gone, or could not be had.
func (s *subscriber) Disconnected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected {
		s.changes = append(s.changes, change{at: s.cfg.now(), since: s.since, reason: jobcache.Disconnected})
		s.wake()
	}
	s.connected = false
	s.log.Warn("not connected to the bus", "error", err)
}

// wake has the storing side store a change at once, though nothing is said.
func (s *subscriber) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Message queues one message.
func (s *subscriber) Message(msg []byte) {
	if !s.queue.Put(msg) {
		s.Skipped(errOverrun)
	}
}

// Skipped counts a message that could not be had.
func (s *subscriber) Skipped(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, now := reasonName(reason), s.cfg.now()
	l := s.lost[name]
	if l.n == 0 {
		l.first = now
	}
	s.lost[name] = loss{l.n + 1, l.first, now}
}

// report is what the reading side has told up to a moment.
type report struct {
	at        time.Time
	connected bool
	since     time.Time
	form      event.Form
	changes   []change
	lost      map[string]loss
}

func (s *subscriber) report() report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := report{s.cfg.now(), s.connected, s.since, s.form, s.changes, s.lost}
	s.changes, s.lost = nil, make(map[string]loss)
	return r
}
