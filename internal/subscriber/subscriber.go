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
	"os"
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
	// Kept opens Salt's own job cache, which fills holes; its error says why none can be.
	Kept func() (*jobcache.SaltCache, error)
	// Settle is how long Salt may take to write what it has announced: a hole counts as
	// filled when Salt's cache was looked at so long after its end.
	Settle time.Duration
	// MaxReturn is the largest return that is stored, in bytes; 0 is 64 MiB.
	MaxReturn int64
	// MaxMinions bounds the minions of a job; 0 is 1,000,000.
	MaxMinions int
	// MaxSize (bytes) and MaxJobs bound the store; 0 is without bound.
	MaxSize, MaxJobs int64
	// Asked, where set, brings requests to look through the whole of Salt's cache.
	Asked <-chan os.Signal
	// Progress, where set, is told how far the filling of holes is.
	Progress func(jobcache.Repair)
	// EndWithin is how long, when the context ends, messages are still taken apart; the rest is
	// stored as it came. 0 is half a second: with that the end takes less than two.
	EndWithin time.Duration
	// Ready, where set, is called once the store is open and the bus is being dialled.
	Ready func()
	// Pulse, where set, is called behind each heartbeat in the store, by the side that stores.
	Pulse func(connected bool)
	// Reload, where set, brings what to go on with. MasterID, RunnerReturns, Keep, MaxSize and
	// MaxJobs are taken from it; the rest stays as it was.
	Reload <-chan Config
	Log    *slog.Logger

	now func() time.Time
	// stall, where set, is called before each transaction: a disk as slow as a test wants it.
	stall func()
}

func (cfg *Config) defaults() {
	cfg.QueueBytes = cmp.Or(cfg.QueueBytes, defaultQueue)
	cfg.MaxReturn = cmp.Or(cfg.MaxReturn, defaultReturn)
	cfg.EndWithin = cmp.Or(cfg.EndWithin, endWithin)
	cfg.MaxMinions = cmp.Or(cfg.MaxMinions, defaultMinions)
	if cfg.now == nil {
		cfg.now = time.Now
	}
}

const (
	defaultQueue   = 64 << 20
	defaultReturn  = 64 << 20
	defaultMinions = 1_000_000
	// maxBatch bounds the messages of one transaction, so that readers see them soon.
	maxBatch = 10_000
	// lastBatch is its bound when the end is near.
	lastBatch = 1000
	endWithin = 500 * time.Millisecond
	// Old jobs leave every pruneEvery, up to maxPrune at once, so that nobody waits; every
	// pruneSoon as long as there are more.
	pruneEvery = 10 * time.Second
	pruneSoon  = 200 * time.Millisecond
	maxPrune   = 500
	// A clock that is set ahead by more than stepBy makes no job old for stepGrace.
	stepBy    = time.Minute
	stepGrace = time.Hour
	// lag is how old a message may be when it is read: a master keeps what a subscriber does
	// not read for a minute, and then hangs up.
	lag = 70 * time.Second
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
		queue: event.NewQueue(cfg.QueueBytes),
		apply: applier{
			masterID: cfg.MasterID, runners: cfg.RunnerReturns, now: cfg.now,
			maxReturn: cfg.MaxReturn, maxMinions: cfg.MaxMinions,
		},
		told:  make(map[string]bool),
		lost:  make(map[string]loss),
		fills: make(chan filling),
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
	told   map[string]bool // reasons already logged; of the storing side
	ending time.Time       // up to when messages are taken apart; zero: not ending yet
	// blocked is set while the store cannot be written; of the storing side, as the next ones.
	blocked bool
	pruneAt time.Time
	// clock and wall are the same moment, by the monotonic clock and by the one on the wall;
	// stepped is when the latter was set ahead.
	clock, wall, stepped time.Time

	mu        sync.Mutex // guards what the reading side tells the storing one
	connected bool
	since     time.Time // of being connected
	form      event.Form
	changes   []change
	lost      map[string]loss
}

// change is a connection that began, or one since some time that ended for a reason.
type change struct {
	at, since time.Time
	reason    string
}

// loss is messages that could not be had, for one reason.
type loss struct {
	n           int64
	first, last time.Time
}

// Connected, Message, Skipped and Disconnected are called by the reading side.

// Connected notes a new connection to the bus.
func (s *subscriber) Connected(form event.Form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.connected {
		s.since = s.cfg.now()
		s.changes = append(s.changes, change{at: s.since})
	}
	s.connected, s.form = true, form
	s.log.Info("connected to the bus", "form", form)
}

// Disconnected notes that the connection is gone, or could not be had.
func (s *subscriber) Disconnected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected {
		s.changes = append(s.changes, change{s.cfg.now(), s.since, jobcache.Disconnected})
	}
	s.connected = false
	s.log.Warn("not connected to the bus", "error", err)
}

// Message queues one message.
func (s *subscriber) Message(msg []byte) {
	if !s.queue.Put(msg) {
		s.Skipped(errOverrun)
	}
}

var errOverrun = errors.New("the disk does not keep up: queue full")

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

// filling is what the repairer wants to write.
type filling struct {
	f    func(*jobcache.Tx) error
	done chan error
}

// fill writes when nothing from the bus waits.
func (s *subscriber) fill(ctx context.Context, f func(*jobcache.Tx) error) error {
	done := make(chan error, 1)
	select {
	case s.fills <- filling{f, done}:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
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

// write runs a transaction as insist does.
func (s *subscriber) write(ctx context.Context, f func(*jobcache.Tx) error) error {
	return s.insist(ctx, func() error {
		if s.cfg.stall != nil {
			s.cfg.stall()
		}
		return s.writer.Update(context.WithoutCancel(ctx), f)
	})
}

// insist writes again and again as long as the disk does not take it: what the bus says
// waits in the queue meanwhile, up to its bound.
func (s *subscriber) insist(ctx context.Context, write func() error) error {
	for {
		err := write()
		switch {
		case err == nil:
			if s.blocked {
				s.blocked = false
				s.log.Warn("the job cache can be written again")
			}
			return nil
		case !errors.Is(err, jobcache.ErrBlocked):
			return err
		case !s.blocked:
			s.blocked = true
			s.log.Error("the job cache cannot be written; what the bus says is held up to queue_size", "error", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryEvery):
		}
	}
}

// retryEvery is how long a disk that does not take anything is left alone.
const retryEvery = 500 * time.Millisecond

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

// rest stores what is left when the reading side has ended.
func (s *subscriber) rest(ctx context.Context) error {
	s.mu.Lock()
	if s.connected {
		s.changes = append(s.changes, change{s.cfg.now(), s.since, jobcache.NotRunning})
	}
	s.connected = false
	s.mu.Unlock()
	return s.drain(ctx)
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
	tx.Count("events", 1)
	return nil
}

// errBound is the reason for which a part of an event is not stored.
var errBound = errors.New("beyond the bound that the setting gives")

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
