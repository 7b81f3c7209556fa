package subscriber

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorun/event"
	"gorun/jobcache"
)

const (
	// maxBatch bounds the messages of one transaction, so that readers see them soon.
	maxBatch = 10_000
	// lastBatch is its bound when the end is near.
	lastBatch = 1000
)

// drain stores all that waits: once ctx has ended, what there is still time to take apart,
// and the rest as it came, for the next subscriber. Only when the last of it is in the
// store does that tell that all was heard up to now: who is killed before leaves a hole.
func (s *subscriber) drain(ctx context.Context) error {
	r := s.report()
	b := s.queue.Take()
	// Masters on Python 2 keep no load of a runner, and so do not list it.
	s.apply.runners = s.cfg.RunnerReturns && eraOf(r.form) == jobcache.Since3000
	for i, next, last := 0, 0, false; !last; i = next {
		next = min(i+maxBatch, len(b))
		late := false
		if ctx.Err() != nil {
			if s.ending.IsZero() {
				s.ending = time.Now().Add(s.cfg.EndWithin)
			}
			late = i < len(b) && !time.Now().Before(s.ending)
			next = min(i+lastBatch, len(b))
		}
		if late {
			next = len(b)
			s.log.Info("kept for the next subscriber", "messages", next-i)
		}
		last = next == len(b)
		err := s.write(ctx, func(tx *jobcache.Tx) error {
			if err := s.putAll(tx, eraOf(r.form), b[i:][:next-i], late); err != nil || !last {
				return err
			}
			return s.cover(tx, r)
		})
		if err != nil {
			return err
		}
	}
	if len(r.changes) > 0 || len(r.lost) > 0 || s.apply.cut {
		s.apply.cut = false
		s.repair.wake()
	}
	return nil
}

// putAll stores messages, or, where it is too late to take them apart, keeps them as they
// came, with the era of their bus.
func (s *subscriber) putAll(tx *jobcache.Tx, era jobcache.Era, messages [][]byte, late bool) error {
	if late {
		return tx.PutWaiting(era, slices.Values(messages))
	}
	for _, msg := range messages {
		if err := s.put(tx, msg); err != nil {
			return err
		}
	}
	return nil
}

// resume takes apart what an earlier subscriber has kept, and stores what comes meanwhile
// before it goes on.
func (s *subscriber) resume(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		err := s.insist(ctx, func() (err error) {
			more, err = s.writer.TakeWaiting(context.WithoutCancel(ctx), s.putWaiting)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// putWaiting is put for a message of a bus of that era.
func (s *subscriber) putWaiting(tx *jobcache.Tx, era jobcache.Era, msg []byte) error {
	s.apply.runners = s.cfg.RunnerReturns && era == jobcache.Since3000
	return s.put(tx, msg)
}

// put applies one message, and counts it.
func (s *subscriber) put(tx *jobcache.Tx, msg []byte) error {
	err := s.apply.apply(tx, msg)
	if err != nil && !passable(err) {
		return err
	}
	if err != nil {
		name := reasonName(err)
		tx.Count("skipped."+name, 1)
		s.tell(name, err)
		if reason := hole(name); reason != "" {
			now := s.cfg.now()
			h := jobcache.Hole{Start: now.Add(-lag), Until: now, Reason: reason, Events: 1}
			if err := tx.PutHole(h, lag); err != nil {
				return err
			}
		}
	}
	for _, name := range s.apply.bounds {
		tx.Count("skipped."+name, 1)
		s.tell(name, errBound)
	}
	if s.apply.stamp != 0 {
		tx.Heard(s.apply.stamp)
	}
	tx.Count("events", 1)
	return nil
}

// cover stores when the subscriber listened, what it has missed, and a heartbeat.
func (s *subscriber) cover(tx *jobcache.Tx, r report) error {
	for name, l := range r.lost {
		tx.Count("skipped."+name, l.n)
		s.tell(name, nil)
		h := jobcache.Hole{Start: l.first.Add(-lag), Until: l.last, Reason: hole(name), Events: l.n}
		if err := tx.PutHole(h, lag); err != nil {
			return err
		}
	}
	for _, c := range r.changes {
		var err error
		if c.again {
			tx.Count("reconnects", 1)
		}
		if c.reason == "" {
			err = tx.EndHole(c.at)
		} else {
			err = errors.Join(tx.Listening(c.since, c.at), tx.BeginHole(c.at.Add(-lag), c.reason))
		}
		if err != nil {
			return err
		}
	}
	if r.connected {
		if err := tx.Listening(r.since, r.at); err != nil {
			return err
		}
	}
	return tx.Heartbeat(s.cfg.now(), r.connected, eraOf(r.form))
}

// eraOf is what the form of the bus shows of the master's age.
func eraOf(form event.Form) jobcache.Era {
	switch form {
	case event.FormZMQ:
		return jobcache.UpTo2015
	case event.FormOld:
		return jobcache.Python2
	}
	return jobcache.Since3000
}

// rest stores what is left when the reading side has ended.
func (s *subscriber) rest(ctx context.Context) error {
	s.mu.Lock()
	if s.connected {
		s.changes = append(s.changes, change{at: s.cfg.now(), since: s.since, reason: jobcache.NotRunning})
	}
	s.connected = false
	s.mu.Unlock()
	return s.drain(ctx)
}
