package jobcache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Reasons for which events are missing, as a Hole names them.
const (
	NeverListened = "never listened"
	NotRunning    = "not running"
	Disconnected  = "disconnected"
	Unreadable    = "unreadable" // messages of the bus that could not be read
	Overrun       = "overrun"    // more than the disk could take
	ClockSet      = "clock set back"
	Asked         = "asked"    // somebody wants Salt's cache to be looked at
	MaxSize       = "max size" // jobs left before their time: max_size, max_jobs
	Several       = "several"
)

// Span is a time in which a subscriber listened to the bus.
type Span struct {
	Start, Until time.Time
}

// Hole is a time of which events may be missing.
type Hole struct {
	ID int64
	// Start is zero where nothing was ever heard before; Until is zero as long as the hole lasts.
	Start, Until time.Time
	Reason       string
	// Events is how many are missing, 0 where that is not known.
	Events int64
	// Looked is when Salt's own cache was looked at last; Filled is when all had been found
	// there, and again is when jobs that lacked returns are looked at once more.
	Looked, Filled, Again time.Time
}

// Holds tells whether something that happened between from and until may be missing. A zero
// until has no end.
func (h Hole) Holds(from, until time.Time) bool {
	return (h.Until.IsZero() || !h.Until.Before(from)) && (until.IsZero() || !h.Start.After(until))
}

// maxHoles is how many holes and spans are told apart.
const maxHoles = 1000

// stampOf is the inverse of micros.
func stampOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Listening notes that all that the bus told from since to until is in the store.
func (tx *Tx) Listening(since, until time.Time) error {
	return tx.run(`INSERT INTO spans (start, until) VALUES (?1, ?2)
		ON CONFLICT (start) DO UPDATE SET until = max(until, ?2)`, stampOf(since), stampOf(until))
}

// Resume notes at the start of a subscriber what has been missed since the last one: from
// lag before the end of what that one had heard.
func (tx *Tx) Resume(now time.Time, lag time.Duration) error {
	last, err := tx.number("SELECT max(until) FROM spans")
	if err != nil {
		return err
	}
	start, reason := micros(last).Add(-lag), NotRunning
	switch {
	case last == 0:
		start, reason = time.Time{}, NeverListened
	case micros(last).After(now): // when was what? all is to be looked at
		start, reason = time.Time{}, ClockSet
	}
	return tx.BeginHole(start, reason)
}

// BeginHole notes that events are missed from start on, until EndHole. A hole that lasts
// already goes on, with its reason.
func (tx *Tx) BeginHole(start time.Time, reason string) error {
	open, err := tx.number("SELECT count(*) FROM holes WHERE until = 0")
	if err != nil || open > 0 {
		return err
	}
	return tx.insertHole(Hole{Start: start, Reason: reason})
}

// EndHole notes that events are heard again. A hole that would end before it began (the
// clock was set) begins with time itself.
func (tx *Tx) EndHole(until time.Time) error {
	return tx.run("UPDATE holes SET until = ?1, start = iif(start >= ?1, 0, start) WHERE until = 0", stampOf(until))
}

// PutHole adds a hole that has ended, or makes an unfilled one of the same reason longer
// that ends less than near before it.
func (tx *Tx) PutHole(h Hole, near time.Duration) error {
	err := tx.run(`UPDATE holes SET start = min(start, ?1), until = max(until, ?2), events = events + ?3, looked = 0
		WHERE reason = ?4 AND filled = 0 AND until >= ?1 - ?5 AND start <= ?2 + ?5`,
		stampOf(h.Start), stampOf(h.Until), h.Events, h.Reason, near.Microseconds())
	if err != nil || tx.w.conn.Changes() > 0 {
		return err
	}
	return tx.insertHole(h)
}

func (tx *Tx) insertHole(h Hole) error {
	return tx.run("INSERT INTO holes (start, until, reason, events) VALUES (?, ?, ?, ?)",
		stampOf(h.Start), stampOf(h.Until), h.Reason, h.Events)
}

// SetHole notes what a look at Salt's cache has come to: Looked, Filled and Again of h. A
// hole that has become longer meanwhile is left as it is.
func (tx *Tx) SetHole(h Hole) error {
	return tx.run("UPDATE holes SET looked = ?, filled = ?, again = ? WHERE id = ? AND until = ?",
		stampOf(h.Looked), stampOf(h.Filled), stampOf(h.Again), h.ID, stampOf(h.Until))
}

// Holes returns the holes that are not filled, or that are to be looked at once more.
func (tx *Tx) Holes() ([]Hole, error) {
	return holes(tx.w.conn, "WHERE filled = 0 OR again <> 0")
}

func holes(conn *sqlite.Conn, where string) (found []Hole, err error) {
	err = sqlitex.Execute(conn, "SELECT id, start, until, reason, events, looked, filled, again FROM holes "+where+" ORDER BY id",
		&sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			found = append(found, Hole{
				ID: stmt.ColumnInt64(0), Start: micros(stmt.ColumnInt64(1)), Until: micros(stmt.ColumnInt64(2)),
				Reason: stmt.ColumnText(3), Events: stmt.ColumnInt64(4),
				Looked: micros(stmt.ColumnInt64(5)), Filled: micros(stmt.ColumnInt64(6)), Again: micros(stmt.ColumnInt64(7)),
			})
			return nil
		}})
	return found, err
}

// SetRepair notes how far a look through Salt's cache is.
func (tx *Tx) SetRepair(r Repair) error {
	return errors.Join(
		tx.setMeta("repair.done", r.Done), tx.setMeta("repair.all", r.All), tx.setMeta("repair.jobs", r.Jobs))
}

// number answers a query of one integer, 0 for NULL.
func (tx *Tx) number(query string, args ...any) (n int64, err error) {
	err = sqlitex.Execute(tx.w.conn, query, &sqlitex.ExecOptions{
		Args:       args,
		ResultFunc: func(stmt *sqlite.Stmt) error { n = stmt.ColumnInt64(0); return nil },
	})
	return n, err
}

// each calls f with the rows of a query of two texts.
func (tx *Tx) each(query string, f func(a, b string), args ...any) error {
	return sqlitex.Execute(tx.w.conn, query, &sqlitex.ExecOptions{
		Args:       args,
		ResultFunc: func(stmt *sqlite.Stmt) error { f(stmt.ColumnText(0), stmt.ColumnText(1)); return nil },
	})
}

// pruneCoverage forgets what lies before the oldest job that may be there, and tells no
// more than maxHoles apart: what cannot be repaired for long becomes one hole.
func (tx *Tx) pruneCoverage(before time.Time) error {
	at := stampOf(before)
	err := errors.Join(
		tx.run("DELETE FROM spans WHERE until < ?1 AND start < (SELECT max(start) FROM spans)", at),
		tx.run("DELETE FROM holes WHERE until <> 0 AND until < ?1", at),
		tx.run("DELETE FROM spans WHERE start <= (SELECT start FROM spans ORDER BY start DESC LIMIT 1 OFFSET ?1)", int64(maxHoles)),
		tx.run("DELETE FROM holes WHERE filled <> 0 AND id <= (SELECT id FROM holes ORDER BY id DESC LIMIT 1 OFFSET ?1)", int64(maxHoles)),
	)
	n, err2 := tx.number("SELECT count(*) FROM holes")
	if err = errors.Join(err, err2); err != nil || n <= maxHoles {
		return err
	}
	return errors.Join(
		tx.run(`INSERT INTO holes (start, until, reason, events) SELECT min(start), max(until), ?1, sum(events) FROM
			(SELECT * FROM holes WHERE until <> 0 ORDER BY id LIMIT ?2)`, Several, int64(maxHoles/2)),
		tx.run("DELETE FROM holes WHERE id IN (SELECT id FROM holes WHERE until <> 0 ORDER BY id LIMIT ?1)", int64(maxHoles/2)),
	)
}

// Coverage tells when a subscriber listened, and what is or was missing in between, each
// from the oldest on.
func (r *Reader) Coverage(ctx context.Context) (spans []Span, missing []Hole, err error) {
	err = r.each(ctx, "SELECT start, until FROM spans ORDER BY start", func(stmt *sqlite.Stmt) error {
		spans = append(spans, Span{micros(stmt.ColumnInt64(0)), micros(stmt.ColumnInt64(1))})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	defer r.until(ctx)()
	missing, err = holes(r.conn, "")
	return spans, missing, r.wrap(ctx, err)
}

// String tells of a hole in a few words, for people.
func (h Hole) String() string {
	text := h.Reason
	if h.Events > 0 {
		text = fmt.Sprintf("%s, %d events", text, h.Events)
	}
	from, until := "ever", "now"
	if !h.Start.IsZero() {
		from = h.Start.Local().Format(time.DateTime)
	}
	if !h.Until.IsZero() {
		until = h.Until.Local().Format(time.DateTime)
	}
	return fmt.Sprintf("from %s to %s (%s)", from, until, text)
}
