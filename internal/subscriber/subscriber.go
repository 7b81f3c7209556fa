// Package subscriber carries the bus of a Salt master into the job cache. It is the only
// place that knows both. One side reads the socket and never waits for the disk: a master
// drops a slow subscriber, or, if it is an older one, grows. The other side stores, in as
// few transactions as the disk needs to keep up.
package subscriber

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	// EndWithin is how long, when the context ends, messages are still taken apart; the rest is
	// stored as it came. 0 is half a second: with that the end takes less than two.
	EndWithin time.Duration
	// Ready, where set, is called once the store is open and the bus is being dialled.
	Ready func()
	// Pulse, where set, is called behind each heartbeat in the store, by the side that stores.
	Pulse func(connected bool)
	// Reload, where set, brings what to go on with. MasterID, RunnerReturns and Keep are taken
	// from it; the rest stays as it was.
	Reload <-chan Config
	Log    *slog.Logger
}

const (
	defaultQueue = 64 << 20
	// maxBatch bounds the messages of one transaction, so that readers see them soon.
	maxBatch = 10_000
	// lastBatch is its bound when the end is near.
	lastBatch = 1000
	endWithin = 500 * time.Millisecond
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
	cfg.EndWithin = cmp.Or(cfg.EndWithin, endWithin)
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
	ending time.Time       // up to when messages are taken apart; zero: not ending yet

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
	if err := s.beat(ctx); err != nil {
		return err
	}
	if err := s.resume(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := s.beat(ctx); err != nil {
				return err
			}
		case cfg := <-s.cfg.Reload:
			s.cfg.RunnerReturns, s.cfg.Keep = cfg.RunnerReturns, cfg.Keep
			s.apply.masterID = cfg.MasterID
			if err := s.prune(ctx, time.Now()); err != nil {
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

// beat stores a heartbeat, and tells of it.
func (s *subscriber) beat(ctx context.Context) error {
	if err := s.commit(ctx, nil, 0, 0); err != nil {
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

// drain stores all that waits: once ctx has ended, what there is still time to take apart,
// and the rest as it came, for the next subscriber.
func (s *subscriber) drain(ctx context.Context) error {
	b := s.queue.take()
	for i := 0; i < b.len(); {
		most := maxBatch
		if ctx.Err() != nil {
			if s.ending.IsZero() {
				s.ending = time.Now().Add(s.cfg.EndWithin)
			}
			if !time.Now().Before(s.ending) {
				return s.keep(ctx, b.messages[i:])
			}
			most = lastBatch
		}
		next := min(i+most, b.len())
		if err := s.commit(ctx, b, i, next); err != nil {
			return err
		}
		i = next
	}
	return nil
}

// keep stores messages without taking them apart.
func (s *subscriber) keep(ctx context.Context, messages [][]byte) error {
	s.log.Info("kept for the next subscriber", "messages", len(messages))
	return s.writer.Update(context.WithoutCancel(ctx), func(tx *jobcache.Tx) error {
		return tx.PutWaiting(slices.Values(messages))
	})
}

// resume takes apart what an earlier subscriber has kept, and stores what comes meanwhile
// before it goes on.
func (s *subscriber) resume(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = s.writer.TakeWaiting(context.WithoutCancel(ctx), s.put); err != nil {
			return err
		}
		if err := s.drain(ctx); err != nil {
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
			if err := s.put(tx, b.message(i)); err != nil {
				return err
			}
		}
		return tx.Heartbeat(time.Now(), connected, eraOf(form))
	})
}

// put applies one message, and counts it.
func (s *subscriber) put(tx *jobcache.Tx, msg []byte) error {
	err := s.apply.apply(tx, msg)
	if err != nil && !passable(err) {
		return err
	}
	if err != nil {
		tx.Count("skipped."+reasonName(err), 1)
		s.tell(reasonName(err), err)
	}
	tx.Count("events", 1)
	return nil
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
