package jobcache

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Bounds on the functions that are counted by name: what minions return may say anything.
const (
	// MaxFunctions is how many functions are counted by their names; the jobs and returns of
	// all others are counted under OtherFunction.
	MaxFunctions = 50
	// maxReturned is up to how many a function may join them of which a minion alone says that
	// it has run (salt-call, a schedule): what the master announces finds room.
	maxReturned = MaxFunctions / 2
	// OtherFunction stands for the functions beyond the bound, and for what is no name.
	OtherFunction = "other"
	// maxFunctionName is in bytes.
	maxFunctionName = 64
)

// The upper ends of the histograms' buckets; above the last one there is no end. They may
// change: what was counted before goes into the bucket that holds all of its own.
var (
	// TookBounds are those of the time from a job's announcement to a return.
	TookBounds = []time.Duration{
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
		5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour,
	}
	// LagBounds are those of the time from an event to its place in the store.
	LagBounds = []time.Duration{
		5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
		250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	}
)

// Counters are what has come since the store was made. They only grow: a job that leaves
// the store stays counted, and so does what a subscriber has counted that is gone.
type Counters struct {
	// Functions are jobs and returns by function, MaxFunctions of them and OtherFunction.
	Functions map[string]*FunctionCounters
	// Lag is how long events took from their stamp to the end of the transaction that
	// stored them.
	Lag Histogram
}

// FunctionCounters are those of one function.
type FunctionCounters struct {
	// Jobs whose load is known, and their returns, each once: as Return.Succeeded judges what
	// came first.
	Jobs, Succeeded, Failed int64
	// Took is the time from a job's announcement to a return, by the master's stamps. Only
	// returns that the bus told of, to jobs that were announced, have one.
	Took Histogram
}

// Histogram counts durations by their size.
type Histogram struct {
	// Buckets count, by upper end, those above the next lower one; 0 has those without end.
	Buckets map[time.Duration]int64
	Sum     time.Duration
}

// Count is how many durations there are.
func (h Histogram) Count() (n int64) {
	for _, in := range h.Buckets {
		n += in
	}
	return n
}

// Within counts those that are not above the upper end of a bucket.
func (h Histogram) Within(bound time.Duration) (n int64) {
	for end, in := range h.Buckets {
		if end != 0 && end <= bound {
			n += in
		}
	}
	return n
}

// tallies begins the names, in meta, of all counters but those of Status. They are many, no
// question but a scrape needs one, and so they stand behind all other names:
// tally.succeeded:test.ping, tally.took.100000:test.ping (a bucket, by its upper end in
// microseconds, 0 for none), tally.lag.sum: (of no function).
const tallies = "tally."

// tally is what has been counted of a function since the last flush.
type tally struct {
	fun                     string
	dirty                   bool
	jobs, succeeded, failed int64
	took                    measured
}

func newTally(fun string) *tally { return &tally{fun: fun, took: newMeasured(TookBounds)} }

// measured is a histogram since the last flush.
type measured struct {
	bounds []time.Duration
	counts []int64
	sum    time.Duration
}

func newMeasured(bounds []time.Duration) measured {
	return measured{bounds: bounds, counts: make([]int64, len(bounds)+1)}
}

func (m *measured) add(d time.Duration) {
	d = max(d, 0) // a clock that was set
	i, _ := slices.BinarySearch(m.bounds, d)
	m.counts[i]++
	m.sum += d
}

// counting is what a Writer counts.
type counting struct {
	functions map[string]*tally
	dirty     []*tally // what is to be written
	lag       measured
	stamps    []int64 // of the events in this transaction
}

func newCounting() counting {
	return counting{
		functions: map[string]*tally{OtherFunction: newTally(OtherFunction)}, lag: newMeasured(LagBounds),
	}
}

// load learns which functions have their own counters.
func (c *counting) load(conn *sqlite.Conn) error {
	return eachTally(conn, func(_, fun string, _ int64) {
		if fun != "" && c.functions[fun] == nil {
			c.functions[fun] = newTally(fun)
		}
	})
}

// of returns the counters of a job's function.
func (c *counting) of(job Job) *tally {
	if t := c.functions[job.Fun]; t != nil {
		return t
	}
	most := MaxFunctions
	if job.Source == FromReturn {
		most = maxReturned
	}
	// The one above the bound is OtherFunction.
	if job.Source == FromNothing || len(c.functions) > most || !functionName(job.Fun) {
		return c.functions[OtherFunction]
	}
	t := newTally(strings.Clone(job.Fun))
	c.functions[t.fun] = t
	return t
}

// touch notes that t is to be written.
func (c *counting) touch(t *tally) {
	if !t.dirty {
		t.dirty = true
		c.dirty = append(c.dirty, t)
	}
}

// functionName tells whether fun is the name of one function.
func functionName(fun string) bool {
	for _, r := range fun {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
		default:
			return false
		}
	}
	return strings.Contains(fun, ".") && len(fun) <= maxFunctionName
}

// Heard notes that an event which was sent at stamp, in microseconds since 1970, is part of
// the transaction.
func (tx *Tx) Heard(stamp int64) {
	tx.w.counting.stamps = append(tx.w.counting.stamps, stamp)
}

// countJob counts a job whose load has become known.
func (w *Writer) countJob(job Job) {
	t := w.counting.of(job)
	t.jobs++
	w.counting.touch(t)
}

// countReturn counts a return that has become known, under the function of its job.
func (tx *Tx) countReturn(jid string, r *Return) error {
	w := tx.w
	job, seen := w.known[jid]
	if !seen { // the job is not at hand any more, or not there yet
		old, err := readJob(w.conn, jid)
		switch {
		case errors.Is(err, ErrUnknownJob):
			job.tally = w.counting.functions[OtherFunction]
		case err != nil:
			return err
		default:
			w.remember(*old)
			job = w.known[jid]
		}
	}
	t := job.tally
	w.counting.touch(t)
	if ok, err := r.Succeeded(); ok && err == nil { // what cannot be read is no success
		t.succeeded++
	} else {
		t.failed++
	}
	if job.source == FromNew && !r.Kept {
		t.took.add(time.Duration(r.Stamp-job.stamp) * time.Microsecond)
	}
	return nil
}

// flushCounters writes what was counted.
func (tx *Tx) flushCounters(now time.Time) error {
	c := &tx.w.counting
	for _, t := range c.dirty {
		tx.addTally("jobs", t.fun, &t.jobs)
		tx.addTally("succeeded", t.fun, &t.succeeded)
		tx.addTally("failed", t.fun, &t.failed)
		tx.addMeasured("took", t.fun, &t.took)
		t.dirty = false
	}
	c.dirty = c.dirty[:0]
	if n := len(c.stamps); n > 0 {
		for _, stamp := range c.stamps {
			c.lag.add(now.Sub(time.UnixMicro(stamp)))
		}
		tx.addMeasured("lag", "", &c.lag)
		_ = tx.setMeta("last_event", c.stamps[n-1]) // its error is in tx.err
		c.stamps = c.stamps[:0]
	}
	return tx.err
}

func (tx *Tx) addMeasured(what, fun string, m *measured) {
	for i := range m.counts {
		end := "0"
		if i < len(m.bounds) {
			end = strconv.FormatInt(m.bounds[i].Microseconds(), 10)
		}
		tx.addTally(what+"."+end, fun, &m.counts[i])
	}
	sum := m.sum.Microseconds()
	tx.addTally(what+".sum", fun, &sum)
	m.sum = 0
}

// addTally adds n to a counter in the store, and makes it 0. An error is in tx.err.
func (tx *Tx) addTally(what, fun string, n *int64) {
	if *n != 0 {
		_ = tx.addMeta(tallies+what+":"+fun, *n)
		*n = 0
	}
}

// eachTally calls f with each counter: what it counts, of which function.
func eachTally(conn *sqlite.Conn, f func(what, fun string, n int64)) error {
	return sqlitex.Execute(conn, "SELECT name, value FROM meta WHERE name >= '"+tallies+"'", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			what, fun, _ := strings.Cut(strings.TrimPrefix(stmt.ColumnText(0), tallies), ":")
			f(what, fun, stmt.ColumnInt64(1))
			return nil
		},
	})
}

// Counters reads what has been counted.
func (r *Reader) Counters(ctx context.Context) (Counters, error) {
	c := Counters{Functions: map[string]*FunctionCounters{}, Lag: Histogram{Buckets: map[time.Duration]int64{}}}
	defer r.until(ctx)()
	err := eachTally(r.conn, func(what, fun string, n int64) {
		kind, part, _ := strings.Cut(what, ".")
		if kind == "lag" {
			c.Lag.read(part, n)
			return
		}
		counted := c.Functions[fun]
		if counted == nil {
			counted = &FunctionCounters{Took: Histogram{Buckets: map[time.Duration]int64{}}}
			c.Functions[fun] = counted
		}
		switch kind {
		case "jobs":
			counted.Jobs = n
		case "succeeded":
			counted.Succeeded = n
		case "failed":
			counted.Failed = n
		case "took":
			counted.Took.read(part, n)
		}
	})
	return c, r.wrap(ctx, err)
}

// read takes one row of a histogram.
func (h *Histogram) read(part string, n int64) {
	if part == "sum" {
		h.Sum = time.Duration(n) * time.Microsecond
		return
	}
	if end, err := strconv.ParseInt(part, 10, 64); err == nil {
		h.Buckets[time.Duration(end)*time.Microsecond] += n
	}
}
