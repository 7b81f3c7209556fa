package subscriber

import (
	"context"
	"errors"
	"time"

	"gorun/jobcache"
)

const (
	// Old jobs leave every pruneEvery, up to maxPrune at once, so that nobody waits; every
	// pruneSoon as long as there are more.
	pruneEvery = 10 * time.Second
	pruneSoon  = 200 * time.Millisecond
	maxPrune   = 500
	// A clock that is set ahead by more than stepBy makes no job old for stepGrace.
	stepBy    = time.Minute
	stepGrace = time.Hour
)

// prune takes out what is too old, or too much, every pruneEvery; more often as long as
// there is more to do.
func (s *subscriber) prune(ctx context.Context) error {
	now := time.Now() // not the clock of the events: a monotonic one
	if now.Before(s.pruneAt) {
		return nil
	}
	s.pruneAt = now.Add(pruneEvery)
	limits := jobcache.Limits{MaxSize: s.cfg.MaxSize, MaxJobs: s.cfg.MaxJobs}
	if s.cfg.Keep > 0 && s.clockHolds() {
		limits.Before = s.cfg.now().Add(-s.cfg.Keep)
	}
	p, err := s.writer.Prune(context.WithoutCancel(ctx), limits, maxPrune)
	if errors.Is(err, jobcache.ErrBlocked) { // the next event will tell
		return nil
	}
	if p.More {
		s.pruneAt = now.Add(pruneSoon)
	}
	if p.Old > 0 {
		s.log.Debug("old jobs left the job cache", "jobs", p.Old)
	}
	if p.Over > 0 {
		s.log.Warn("jobs left the job cache for the lack of room (max_size, max_jobs)", "jobs", p.Over, "up_to", p.Until)
	}
	return err
}

// clockHolds tells whether the clock has not been set ahead lately: what seems old then may
// not be, and is kept for another stepGrace.
func (s *subscriber) clockHolds() bool {
	now, wall := time.Now(), s.cfg.now().Round(0)
	if !s.clock.IsZero() && wall.Sub(s.wall) > now.Sub(s.clock)+stepBy {
		s.log.Warn("the clock was set ahead: old jobs stay for a while", "by", wall.Sub(s.wall)-now.Sub(s.clock))
		s.stepped = now
	}
	s.clock, s.wall = now, wall
	return s.stepped.IsZero() || now.Sub(s.stepped) > stepGrace
}
