// Package subscriber carries the bus of a Salt master into the job cache. It is the only
// place that knows both. One side reads the socket and never waits for the disk: a master
// drops a slow subscriber, or, if it is an older one, grows. The other side stores, in as
// few transactions as the disk needs to keep up.
package subscriber

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// Config says what to follow and where to store it.
type Config struct {
	Bus event.Config
	// Store is the path of the job cache.
	Store string
	// MasterID is the id under which the master keeps its runners' returns.
	MasterID string
	// RunnerReturns is Salt's setting of that name: whether runners are kept as jobs.
	RunnerReturns bool
	// Keep is how long jobs stay in the store; 0 is for ever.
	Keep time.Duration
	// QueueBytes bounds what may wait for the disk; 0 is 64 MiB.
	QueueBytes int
	// Ready, where set, is called once the store is open and the bus is being dialled.
	Ready func()
	Log   *slog.Logger
}

const (
	defaultQueue = 64 << 20
	// maxBatch bounds the messages of one transaction, so that readers see them soon.
	maxBatch = 10_000
	// Old jobs leave every pruneEvery, up to maxPrune at once, so that nobody waits.
	pruneEvery = 10 * time.Second
	maxPrune   = 1000
)

// Run follows the bus until ctx ends, then stores what is still in memory and returns nil.
// Errors are those of jobcache.OpenWriter and of a store that cannot be written any more.
func Run(ctx context.Context, cfg Config) (err error) {
	w, err := jobcache.OpenWriter(cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = defaultQueue
	}
	s := &subscriber{
		cfg: cfg, log: cfg.Log, writer: w,
		queue:   newQueue(cfg.QueueBytes),
		apply:   applier{masterID: cfg.MasterID, runners: cfg.RunnerReturns, now: time.Now},
		skipped: make(map[string]int64),
		told:    make(map[string]bool),
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	var lost error
	reading.Go(func() {
		lost = event.Follow(ctx, cfg.Bus, s) // an error only where waiting does not help
		stop()
	})
	if cfg.Ready != nil {
		cfg.Ready()
	}
	err = s.store(ctx)
	stop()
	reading.Wait()
	return errors.Join(err, lost, s.rest(ctx))
}

type subscriber struct {
	cfg    Config
	log    *slog.Logger
	writer *jobcache.Writer
	queue  *queue
	apply  applier
	told   map[string]bool // reasons already logged; of the storing side

	mu        sync.Mutex // guards what the reading side tells the storing one
	connected bool
	form      event.Form
	skipped   map[string]int64
}

// Connected, Message, Skipped and Disconnected are called by the reading side.

// Connected notes a new connection to the bus.
func (s *subscriber) Connected(form event.Form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.form = true, form
	s.log.Info("connected to the bus", "form", form)
}

// Disconnected notes that the connection is gone, or could not be had.
func (s *subscriber) Disconnected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = false
	s.log.Warn("not connected to the bus", "error", err)
}

// Message queues one message.
func (s *subscriber) Message(msg []byte) {
	if !s.queue.put(msg) {
		s.Skipped(errOverrun)
	}
}

var errOverrun = errors.New("the disk does not keep up: queue full")

// Skipped counts a message that could not be had.
func (s *subscriber) Skipped(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped[reasonName(reason)]++
}

// reasonName is the counter's name of a reason.
func reasonName(err error) string {
	for name, sentinel := range map[string]error{
		"overrun": errOverrun, "jid": errJID, "minion": errMinion, "fields": errFields,
		"depth": value.ErrDepth, "too_large": event.ErrTooLarge,
	} {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return "malformed"
}

// store writes what waits until ctx ends. A transaction is short, and is never cut by the
// end of ctx.
func (s *subscriber) store(ctx context.Context) error {
	beat := time.NewTicker(jobcache.HeartbeatEvery)
	defer beat.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	if err := s.commit(ctx, nil, 0, 0); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := s.commit(ctx, nil, 0, 0); err != nil {
				return err
			}
		case now := <-prune.C:
			if err := s.prune(ctx, now); err != nil {
				return err
			}
		case <-s.queue.ready:
			if err := s.drain(ctx); err != nil {
				return err
			}
		}
	}
}

// prune takes out what is too old.
func (s *subscriber) prune(ctx context.Context, now time.Time) error {
	if s.cfg.Keep == 0 {
		return nil
	}
	n, err := s.writer.Prune(context.WithoutCancel(ctx), now.Add(-s.cfg.Keep), maxPrune)
	if n > 0 {
		s.log.Debug("old jobs left the job cache", "jobs", n)
	}
	return err
}

// rest stores what is left when the reading side has ended.
func (s *subscriber) rest(ctx context.Context) error {
	if err := s.drain(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.connected = false
	s.mu.Unlock()
	return s.commit(ctx, nil, 0, 0)
}

// drain stores all that waits.
func (s *subscriber) drain(ctx context.Context) error {
	b := s.queue.take()
	for i := 0; i < b.len(); i += maxBatch {
		if err := s.commit(ctx, b, i, min(i+maxBatch, b.len())); err != nil {
			return err
		}
	}
	return nil
}

// commit stores the messages from i to j of b, what was skipped, and a heartbeat, in one
// transaction.
func (s *subscriber) commit(ctx context.Context, b *batch, i, j int) error {
	s.mu.Lock()
	connected, form, skipped := s.connected, s.form, s.skipped
	s.skipped = make(map[string]int64)
	s.mu.Unlock()
	// Masters on Python 2 keep no load of a runner, and so do not list it.
	s.apply.runners = s.cfg.RunnerReturns && eraOf(form) == jobcache.Since3000
	return s.writer.Update(context.WithoutCancel(ctx), func(tx *jobcache.Tx) error {
		for name, n := range skipped {
			tx.Count("skipped."+name, n)
			s.tell(name, nil)
		}
		for ; i < j; i++ {
			err := s.apply.apply(tx, b.message(i))
			if err != nil && !passable(err) {
				return err
			}
			if err != nil {
				tx.Count("skipped."+reasonName(err), 1)
				s.tell(reasonName(err), err)
			}
			tx.Count("events", 1)
		}
		return tx.Heartbeat(time.Now(), connected, eraOf(form))
	})
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
