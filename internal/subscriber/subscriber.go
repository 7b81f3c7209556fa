// Package subscriber carries the bus of a Salt master into the job cache. It is the only
// place that knows both. One side reads the socket and never waits for the disk: a master
// drops a slow subscriber, or, if it is an older one, grows. The other side stores, in as
// few transactions as the disk needs to keep up.
package subscriber

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"gorun/event"
	"gorun/jobcache"
)

// Run follows the bus until ctx ends, then stores what is still in memory and returns nil.
// Errors are those of jobcache.OpenWriter and of a store that cannot be written any more.
func Run(ctx context.Context, cfg Config) (err error) {
	w, err := jobcache.OpenWriter(cfg.Store)
	if err != nil {
		return err
	}
	cfg.defaults()
	defer func() {
		if errors.Is(err, jobcache.ErrDamaged) { // the next start makes a new one
			aside, err2 := w.Discard(cfg.Store)
			cfg.Log.Error("the job cache is damaged and was put aside", "file", aside)
			err = errors.Join(err, err2)
			return
		}
		err = errors.Join(err, w.Close())
	}()
	if w.Aside != "" {
		cfg.Log.Warn("the job cache was damaged or of an older gorun: it was put aside, and a new one is made", "file", w.Aside)
	}
	s := &subscriber{
		cfg: cfg, log: cfg.Log, writer: w,
		queue: cfg.Queue,
		apply: applier{
			masterID: cfg.MasterID, runners: cfg.RunnerReturns, now: cfg.now,
			maxReturn: cfg.MaxReturn, maxMinions: cfg.MaxMinions,
		},
		told:    make(map[string]bool),
		lost:    make(map[string]loss),
		fills:   make(chan filling),
		changed: make(chan struct{}, 1),
	}
	s.repair = newRepairer(cfg, s.fill)
	if err := w.Update(context.WithoutCancel(ctx), func(tx *jobcache.Tx) error { return tx.Resume(cfg.now(), lag) }); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	var lost, unrepaired error
	working.Go(func() {
		lost = event.Follow(ctx, cfg.Bus, s) // an error only where waiting does not help
		stop()
	})
	working.Go(func() {
		unrepaired = s.repair.run(ctx)
		if unrepaired != nil {
			stop()
		}
	})
	if cfg.Ready != nil {
		cfg.Ready()
	}
	err = s.store(ctx)
	stop()
	working.Wait()
	return errors.Join(err, lost, unrepaired, s.rest(ctx))
}

type subscriber struct {
	cfg    Config
	log    *slog.Logger
	writer *jobcache.Writer
	queue  *event.Queue
	apply  applier
	repair *repairer
	fills  chan filling
	// changed wakes the storing side when a connection has begun or ended.
	changed chan struct{}
	told    map[string]bool // reasons already logged; of the storing side
	ending  time.Time       // up to when messages are taken apart; zero: not ending yet
	// blocked is set while the store cannot be written; of the storing side, as the next ones.
	blocked bool
	pruneAt time.Time
	// clock and wall are the same moment, by the monotonic clock and by the one on the wall;
	// stepped is when the latter was set ahead.
	clock, wall, stepped time.Time

	mu        sync.Mutex // guards what the reading side tells the storing one
	connected bool
	met       bool      // has been connected
	since     time.Time // of being connected
	form      event.Form
	changes   []change
	lost      map[string]loss
}

// store writes what waits until ctx ends. A transaction is short, and is never cut by the
// end of ctx.
func (s *subscriber) store(ctx context.Context) error {
	beat := time.NewTicker(jobcache.HeartbeatEvery)
	defer beat.Stop()
	if err := s.beat(ctx); err != nil {
		return err
	}
	if err := s.resume(ctx); err != nil {
		return err
	}
	for {
		if err := s.prune(ctx); err != nil {
			return err
		}
		select { // what the bus brings goes before what fills holes
		case <-s.queue.Ready():
			if err := s.drain(ctx); err != nil {
				return err
			}
			continue
		default:
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			err = s.beat(ctx)
		case <-s.changed:
			err = s.beat(ctx)
		case cfg := <-s.cfg.Reload:
			s.cfg.RunnerReturns, s.cfg.Keep, s.cfg.MaxSize, s.cfg.MaxJobs = cfg.RunnerReturns, cfg.Keep, cfg.MaxSize, cfg.MaxJobs
			s.apply.masterID = cfg.MasterID
			s.pruneAt = time.Time{}
		case <-time.After(time.Until(s.pruneAt)):
		case <-s.queue.Ready():
			err = s.drain(ctx)
		case fill := <-s.fills:
			err = s.write(ctx, fill.f)
			fill.done <- err
		}
		if err != nil {
			return err
		}
	}
}

// beat stores what waits with a heartbeat, and tells of it.
func (s *subscriber) beat(ctx context.Context) error {
	if err := s.drain(ctx); err != nil {
		return err
	}
	if s.cfg.Pulse != nil {
		s.mu.Lock()
		connected := s.connected
		s.mu.Unlock()
		s.cfg.Pulse(connected)
	}
	return nil
}
