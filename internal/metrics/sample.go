// Package metrics shows what the job cache has counted in the form of Prometheus: to those
// who scrape a running subscriber, and as a file for node_exporter. Both are one Sample, which
// is read from one state of the store: what it says is what gorun cache info says.
package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"gorun/jobcache"
)

// Config says what is to be read.
type Config struct {
	// Store is the path of the job cache.
	Store string
	// Keys lists the ids whose key is accepted, pending, rejected or denied.
	Keys func(state string) ([]string, error)
	// Gather is Salt's gather_job_timeout.
	Gather time.Duration
	// MaxSize is the bound of the store in bytes; 0 is none.
	MaxSize int64
	// Minions adds metrics of each accepted minion.
	Minions bool
	// Queue, where set, tells the bytes that wait for the disk in this process, and their bound.
	Queue func() (used, most int)
	// Version, Commit and Go are what this gorun is made of.
	Version, Commit, Go string
}

var keyStates = []string{accepted, "pending", "rejected", "denied"}

const accepted = "accepted"

// The values of labels that are there from the beginning: a series that begins with 1 never
// grew by it.
var (
	decodeErrors = []string{"malformed", "fields", "jid", "minion", "depth", "too_large"}
	bounds       = []string{"max_minions", "max_return_size"}
	holeReasons  = []string{
		jobcache.NeverListened, jobcache.NotRunning, jobcache.Disconnected, jobcache.Unreadable, jobcache.Overrun,
		jobcache.ClockSet, jobcache.MaxSize, jobcache.Several,
	}
)

// Sample is all metrics at one moment.
type Sample struct {
	// Up is set while a subscriber runs and is connected to the bus, Down while it is known
	// that none does.
	Up, Down bool
	// Missing says what could not be read, and is not in the sample.
	Missing []error

	families map[string]*filled
}

// Read takes a sample at the time now. What cannot be read is missing in it, and said there.
func Read(ctx context.Context, cfg Config, now time.Time) *Sample {
	s := &Sample{families: unfilled()}
	s.add("gorun_build_info", 1, cfg.Commit, cfg.Go, cfg.Version)
	if cfg.Queue != nil {
		used, most := cfg.Queue()
		s.add("gorun_queue_bytes", float64(used))
		s.add("gorun_queue_max_bytes", float64(most))
	}
	if cfg.MaxSize > 0 {
		s.add("gorun_store_max_bytes", float64(cfg.MaxSize))
	}
	known, err := readStore(ctx, cfg.Store, now)
	switch {
	case err == nil:
		s.store(known)
	case errors.Is(err, jobcache.ErrNoStore): // nobody has ever listened
		s.Down = true
		s.add("gorun_subscriber_up", 0)
	}
	s.part("store", err)
	s.part("keys", s.keys(known, cfg, now))
	return s
}

// part notes whether a part could be read.
func (s *Sample) part(name string, err error) {
	if err != nil {
		s.Missing = append(s.Missing, fmt.Errorf("metrics of the %s are left out: %w", name, err))
	}
	s.add("gorun_collected", one(err == nil), name)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// known is what the store tells at one moment.
type known struct {
	status   jobcache.Status
	counters jobcache.Counters
	minions  map[string]jobcache.Minion
	extent   jobcache.Extent
}

func readStore(ctx context.Context, path string, now time.Time) (k known, err error) {
	reader, err := jobcache.OpenReader(path)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	err = reader.Snapshot(ctx, func() error {
		var errs [4]error
		k.status, errs[0] = reader.Status(ctx, now)
		k.counters, errs[1] = reader.Counters(ctx)
		k.minions, errs[2] = reader.Minions(ctx)
		k.extent, errs[3] = reader.Extent(ctx)
		return cmp.Or(errs[:]...)
	})
	return k, err
}

// store adds what the store tells, of minions apart.
func (s *Sample) store(k known) {
	status := k.status
	s.Up, s.Down = status.Listening, !status.Listening
	s.add("gorun_subscriber_up", one(s.Up))
	s.time("gorun_subscriber_heartbeat_timestamp_seconds", status.Heartbeat)
	s.add("gorun_reconnects_total", float64(status.Reconnects))
	s.add("gorun_events_total", float64(status.Events))
	s.time("gorun_last_event_timestamp_seconds", status.LastEvent)
	s.histogram("gorun_event_lag_seconds", k.counters.Lag, jobcache.LagBounds)
	for _, reason := range decodeErrors {
		s.add("gorun_decode_errors_total", float64(status.Skipped[reason]), reason)
	}
	for _, setting := range bounds {
		s.add("gorun_bounded_total", float64(status.Skipped[setting]), setting)
	}
	s.add("gorun_overrun_events_total", float64(status.Skipped["overrun"]))
	s.add("gorun_salt_files_skipped_total", float64(status.Skipped["salt_file"]))
	s.add("gorun_waiting_messages", float64(status.Waiting))
	s.add("gorun_repaired_jobs_total", float64(status.Repaired))
	for _, fun := range slices.Sorted(maps.Keys(k.counters.Functions)) {
		c := k.counters.Functions[fun]
		s.add("gorun_jobs_total", float64(c.Jobs), fun)
		s.add("gorun_returns_total", float64(c.Succeeded), fun, "succeeded")
		s.add("gorun_returns_total", float64(c.Failed), fun, "failed")
		s.histogram("gorun_return_duration_seconds", c.Took, jobcache.TookBounds, fun)
	}
	open := make(map[string]int)
	for _, h := range status.Holes {
		open[h.Reason]++
	}
	for _, reason := range holeReasons {
		s.add("gorun_holes_open", float64(open[reason]), reason)
	}
	s.add("gorun_store_bytes", float64(k.extent.File), "db")
	s.add("gorun_store_bytes", float64(k.extent.Log), "wal")
	s.add("gorun_store_used_bytes", float64(k.extent.Used))
}

// time adds a moment, if there was one.
func (s *Sample) time(name string, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.add(name, float64(t.UnixMicro())/1e6, labels...)
	}
}

// keys adds how many keys are in each state, and what is known of those minions whose are
// accepted. A state that this user may not list is left out.
func (s *Sample) keys(k known, cfg Config, now time.Time) (err error) {
	for _, state := range keyStates {
		ids, e := cfg.Keys(state)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", state, e))
			continue
		}
		s.add("gorun_keys", float64(len(ids)), state)
		if state == accepted {
			s.minions(ids, k, cfg, now)
		}
	}
	return err
}

// minions adds what is known of the accepted minions. While nobody listens that is nothing:
// old evidence says little of the present.
func (s *Sample) minions(ids []string, k known, cfg Config, now time.Time) {
	count := make(map[jobcache.State]int)
	for _, id := range ids {
		m, state := k.minions[id], jobcache.Unknown
		if s.Up {
			state = m.Judge(now, k.status.PresenceAt, cfg.Gather).State
		}
		count[state]++
		if !cfg.Minions || !utf8.ValidString(id) {
			continue
		}
		if state != jobcache.Unknown {
			s.add("gorun_minion_up", one(state == jobcache.Up), id)
		}
		s.time("gorun_minion_last_seen_timestamp_seconds", m.AliveAt, id)
	}
	for _, state := range []jobcache.State{jobcache.Up, jobcache.Down, jobcache.Unknown} {
		s.add("gorun_minions", float64(count[state]), state.String())
	}
}
