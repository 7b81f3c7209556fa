package subscriber

import (
	"cmp"
	"log/slog"
	"os"
	"time"

	"gorun/event"
	"gorun/jobcache"
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
	// Queue holds what waits for the disk; nil: one of 64 MiB.
	Queue *event.Queue
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
	if cfg.Queue == nil {
		cfg.Queue = event.NewQueue(defaultQueue)
	}
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
	endWithin      = 500 * time.Millisecond
)
