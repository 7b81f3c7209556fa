package subscriber

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gorun/jobcache"
)

const (
	// A transaction of the repairer has up to fillJobs jobs and fillBytes bytes: what the bus
	// brings waits no longer than that takes.
	fillJobs  = 100
	fillBytes = 1 << 20
	// noCacheAgain is when Salt's cache is tried again where there was none.
	noCacheAgain = time.Minute
	// Jobs of a filled hole that lack returns are looked at once more after againFirst, then
	// every againNext until againLast.
	againFirst = time.Minute
	againNext  = 5 * time.Minute
	againLast  = 15 * time.Minute
	// maxCut is how many returns that the master has cut are asked for at a time.
	maxCut = 1000
)

// repairer fills holes from Salt's own job cache. It reads there, and leaves the writing to
// the storing side.
type repairer struct {
	cfg    Config
	log    *slog.Logger
	update func(context.Context, func(*jobcache.Tx) error) error
	kick   chan struct{}
	tries  map[[2]string]try // of returns that were cut
	// lacking are the holes, by id, in which a look has found jobs that lack returns.
	lacking map[int64]bool
	told    string // why there is no cache, as was logged last
}

func newRepairer(cfg Config, update func(context.Context, func(*jobcache.Tx) error) error) *repairer {
	return &repairer{
		cfg: cfg, log: cfg.Log, update: update,
		kick: make(chan struct{}, 1), tries: make(map[[2]string]try), lacking: make(map[int64]bool),
	}
}

// wake makes run look for something to do.
func (r *repairer) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// run repairs until ctx ends. Errors are those of the store.
func (r *repairer) run(ctx context.Context) error {
	for {
		next, err := r.pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(next.Sub(r.cfg.now()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-due:
		case <-r.kick:
		case <-r.cfg.Asked:
			err = r.update(ctx, func(tx *jobcache.Tx) error { return ask(tx, r.cfg.now()) })
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// ask wants the whole of Salt's cache to be looked at.
func ask(tx *jobcache.Tx, now time.Time) error {
	return tx.PutHole(jobcache.Hole{Until: now, Reason: jobcache.Asked}, 0)
}

// pass does what is due, and tells when the next is; zero: nothing is waited for.
func (r *repairer) pass(ctx context.Context) (next time.Time, err error) {
	var holes []jobcache.Hole
	var cut [][2]string
	err = r.update(ctx, func(tx *jobcache.Tx) (err error) {
		if holes, err = tx.Holes(); err != nil {
			return err
		}
		cut, err = tx.Cut(maxCut)
		return err
	})
	if err != nil {
		return next, err
	}
	now := r.cfg.now()
	var due []jobcache.Hole
	for _, h := range holes {
		at, waits := r.due(h)
		switch {
		case !waits:
		case at.After(now):
			next = earlier(next, at)
		default:
			due = append(due, h)
		}
	}
	cut, at := r.dueCut(cut, now)
	next = earlier(next, at)
	if len(due) == 0 && len(cut) == 0 {
		return next, nil
	}
	salt, err := r.cfg.openKept()
	if err != nil {
		if r.told != err.Error() {
			r.told = err.Error()
			r.log.Warn("holes cannot be filled", "error", err)
		}
		return earlier(next, now.Add(noCacheAgain)), nil
	}
	r.told = ""
	if len(cut) > 0 {
		if err := r.fetch(ctx, salt, cut); err != nil {
			return next, err
		}
	}
	if len(due) > 0 {
		read, err := r.look(ctx, salt, due)
		if err != nil || !read {
			return earlier(next, now.Add(noCacheAgain)), err
		}
	}
	return now, nil // what was done may have made more to do
}

var errNoKept = errors.New("salt's job cache is not read")

func (cfg *Config) openKept() (*jobcache.SaltCache, error) {
	if cfg.Kept == nil {
		return nil, errNoKept
	}
	return cfg.Kept()
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due tells when Salt's cache is to be looked at for a hole: at once when it has ended, when
// Salt has written all that belongs to it, and again where jobs then lacked returns.
func (r *repairer) due(h jobcache.Hole) (at time.Time, waits bool) {
	switch {
	case h.Until.IsZero(), h.Reason == jobcache.MaxSize:
		return at, false
	case !h.Filled.IsZero():
		return h.Again, true
	case h.Looked.IsZero(), !h.Looked.Before(h.Until.Add(r.cfg.Settle)):
		return at, true
	}
	return h.Until.Add(r.cfg.Settle), true
}

// window is what holes ask for, at once: of what was looked at before, what has come since.
func (r *repairer) window(holes []jobcache.Hole) (w jobcache.Window) {
	ends := true
	now := r.cfg.now()
	for i, h := range holes {
		from := h.Start
		if !h.Looked.IsZero() {
			from = h.Looked.Add(-lag)
		}
		if i == 0 || from.Before(w.From) {
			w.From = from
		}
		if until := h.Until.Add(r.cfg.Settle); until.After(w.Until) {
			w.Until = until
		}
		// Of a hole that is looked at late, files may have been written again since.
		late := now.After(h.Until.Add(r.cfg.Settle + lag))
		ends = ends && h.Filled.IsZero() && !h.Start.IsZero() && !late
	}
	if !ends {
		w.Until = time.Time{}
	}
	if oldest := now.Add(-r.cfg.Keep); r.cfg.Keep > 0 && w.From.Before(oldest) {
		w.From = oldest
	}
	return w
}

// look takes what Salt's cache has for some holes; false where that cannot be read now.
func (r *repairer) look(ctx context.Context, salt *jobcache.SaltCache, holes []jobcache.Hole) (read bool, err error) {
	began := r.cfg.now()
	var batch []*jobcache.KeptJob
	var p jobcache.Repair
	size, returns, missing, mended := 0, 0, 0, int64(0)
	put := func() error {
		n := int64(0)
		err := r.update(ctx, func(tx *jobcache.Tx) error {
			n = 0
			for _, job := range batch {
				more, err := tx.PutKept(job)
				if err != nil {
					return err
				}
				if more {
					n++
				}
			}
			tx.Count("repaired.jobs", n)
			return tx.SetRepair(p)
		})
		mended += n
		batch, size = batch[:0], 0
		r.cfg.progress(p)
		return err
	}
	bad, err := salt.Walk(ctx, r.window(holes), r.cfg.MaxReturn, func(job *jobcache.KeptJob, done, all int) error {
		batch = append(batch, job)
		size += job.Bytes
		p = jobcache.Repair{Done: int64(done), All: int64(all), Jobs: p.Jobs + 1}
		returns += len(job.Returns)
		missing += len(job.Missing)
		if len(batch) < fillJobs && size < fillBytes {
			return nil
		}
		return put()
	})
	if err == nil && len(batch) > 0 {
		err = put()
	}
	if err != nil {
		if ctx.Err() == nil && !isStore(err) { // Salt's folder cannot be read now
			r.log.Warn("salt's job cache could not be read", "error", err)
			return false, nil
		}
		return false, err
	}
	for i := range holes {
		r.looked(&holes[i], began, missing > 0)
	}
	err = r.update(ctx, func(tx *jobcache.Tx) error {
		for _, h := range holes {
			if err := tx.SetHole(h); err != nil {
				return err
			}
		}
		if bad > 0 {
			tx.Count("skipped.salt_file", int64(bad))
		}
		tx.Count("repaired.returns", int64(returns))
		return tx.SetRepair(jobcache.Repair{})
	})
	if err != nil {
		return false, err
	}
	r.cfg.progress(jobcache.Repair{Jobs: p.Jobs})
	for _, h := range holes {
		r.log.Info("looked at salt's job cache", "hole", h.String(), "filled", !h.Filled.IsZero(),
			"jobs", p.Jobs, "mended", mended, "returns", returns, "missing", missing, "passed_over", bad)
	}
	return true, nil
}

// looked notes in a hole what a look has come to that began at the given time.
func (r *repairer) looked(h *jobcache.Hole, began time.Time, missing bool) {
	h.Looked = began
	lacking := missing || r.lacking[h.ID] && h.Filled.IsZero()
	r.lacking[h.ID] = lacking
	again := time.Time{}
	switch {
	case h.Filled.IsZero() && began.Before(h.Until.Add(r.cfg.Settle)): // Salt may be at it
		return
	case h.Filled.IsZero():
		h.Filled, again = began, began.Add(againFirst)
	case began.Before(h.Until.Add(againLast)):
		again = began.Add(againNext)
	}
	delete(r.lacking, h.ID)
	h.Again = time.Time{}
	if lacking && h.Reason != jobcache.Asked {
		h.Again = again
	}
}

func (cfg *Config) progress(p jobcache.Repair) {
	if cfg.Progress != nil {
		cfg.Progress(p)
	}
}

// isStore tells errors of gorun's store from those of Salt's.
func isStore(err error) bool {
	return errors.Is(err, jobcache.ErrBlocked) || errors.Is(err, jobcache.ErrDamaged)
}

// Repair looks through the whole of Salt's cache where no subscriber runs. Errors are those
// of jobcache.OpenWriter, of cfg.Kept and of the store.
func Repair(ctx context.Context, cfg Config) (err error) {
	w, err := jobcache.OpenWriter(cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	cfg.defaults()
	if _, err := cfg.openKept(); err != nil {
		return err
	}
	err = w.Update(ctx, func(tx *jobcache.Tx) error {
		return errors.Join(tx.Resume(cfg.now(), lag), ask(tx, cfg.now()))
	})
	if err != nil {
		return err
	}
	r := newRepairer(cfg, w.Update)
	for {
		next, err := r.pass(ctx)
		if err != nil {
			return err
		}
		open := false
		err = w.Update(ctx, func(tx *jobcache.Tx) error {
			holes, err := tx.Holes()
			for _, h := range holes {
				open = open || h.Reason == jobcache.Asked && h.Filled.IsZero()
			}
			return err
		})
		if err != nil || !open {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(next.Sub(cfg.now())):
		}
	}
}
