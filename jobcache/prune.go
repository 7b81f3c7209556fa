package jobcache

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Limits say which jobs leave the store.
type Limits struct {
	// Before is when the oldest job that stays was announced; zero: jobs of any age stay.
	Before time.Time
	// MaxSize, in bytes, and MaxJobs are what may stay; 0 is without bound.
	MaxSize, MaxJobs int64
}

// Pruned says which jobs have left.
type Pruned struct {
	Old int // for their age
	// Over is how many left for the lack of room, the newest of them announced at Until.
	Over  int
	Until time.Time
	// More is set where there is more to do.
	More bool
}

// freePages is how many pages of the file are given back at once.
const freePages = 2000

// Prune takes out the oldest jobs with their returns, up to most of them, and gives back to
// the file system what that has freed, a part at a time. That jobs left for the lack of
// room stays noted as a hole.
func (w *Writer) Prune(ctx context.Context, l Limits, most int) (p Pruned, err error) {
	err = w.Update(ctx, func(tx *Tx) error {
		p = Pruned{}
		over, err := tx.over(l, most)
		if err != nil {
			return fmt.Errorf("prune the job cache: %w", err)
		}
		old, err := tx.oldest(most)
		if err != nil {
			return fmt.Errorf("prune the job cache: %w", err)
		}
		functions := make(map[int64]struct{})
		for i, job := range old {
			switch {
			case job.stamp < stampOf(l.Before):
				p.Old++
			case i < over:
				p.Over++
				p.Until = micros(job.stamp)
			default:
				continue
			}
			if err := tx.deleteJob(job); err != nil {
				return fmt.Errorf("prune the job cache: %w", err)
			}
			functions[job.fun] = struct{}{}
		}
		if err := tx.dropFunctions(functions); err != nil {
			return fmt.Errorf("prune the job cache: %w", err)
		}
		p.More = p.Old+p.Over == most
		if p.Over > 0 {
			if err := tx.noteOver(p.Until); err != nil {
				return err
			}
		}
		return tx.pruneCoverage(l.Before)
	})
	if err != nil {
		return p, err
	}
	freed, err := w.giveBack(ctx)
	p.More = p.More || freed
	return p, err
}

func (tx *Tx) deleteJob(job aged) error {
	w := tx.w
	for _, table := range []string{"jobs", "returns", "failures"} {
		if err := tx.run("DELETE FROM "+table+" WHERE jid = ?", job.key); err != nil {
			return err
		}
		if table == "jobs" && w.jobs > 0 {
			w.jobs--
		}
	}
	delete(w.known, jidOf(job.key))
	return nil
}

// over is how many jobs have to leave now for the lack of room, most at the most.
func (tx *Tx) over(l Limits, most int) (int, error) {
	n := int64(0)
	if l.MaxJobs > 0 {
		jobs, err := tx.jobs()
		if err != nil {
			return 0, err
		}
		n = jobs - l.MaxJobs
	}
	if l.MaxSize > 0 {
		used, err := used(tx.w.conn)
		if err != nil {
			return 0, err
		}
		if used > l.MaxSize { // the share of the jobs, as if all were alike
			jobs, err := tx.jobs()
			if err != nil {
				return 0, err
			}
			n = max(n, 1, int64(float64(jobs)*float64(used-l.MaxSize)/float64(used)))
		}
	}
	return int(min(n, int64(most))), nil
}

// used is what the store takes in its file, in bytes.
func used(conn *sqlite.Conn) (int64, error) {
	var all [3]int64
	for i, name := range []string{"page_count", "freelist_count", "page_size"} {
		var err error
		if all[i], err = pragma(conn, name); err != nil {
			return 0, err
		}
	}
	return (all[0] - all[1]) * all[2], nil
}

// jobs counts the jobs, once.
func (tx *Tx) jobs() (int64, error) {
	w := tx.w
	if w.jobs < 0 {
		n, err := tx.number("SELECT count(*) FROM jobs")
		if err != nil {
			return 0, err
		}
		w.jobs = n
	}
	return w.jobs, nil
}

// noteOver notes up to when jobs have left for the lack of room.
func (tx *Tx) noteOver(until time.Time) error {
	err := tx.run("UPDATE holes SET until = max(until, ?) WHERE reason = ?", stampOf(until), MaxSize)
	if err != nil || tx.w.conn.Changes() > 0 {
		return err
	}
	return tx.insertHole(Hole{Until: until, Reason: MaxSize})
}

// giveBack makes the file smaller by some of the pages that are free, and tells whether
// there are more.
func (w *Writer) giveBack(ctx context.Context) (more bool, err error) {
	free, err := pragma(w.conn, "freelist_count")
	if err != nil || free == 0 {
		return false, classify(err)
	}
	w.conn.SetInterrupt(ctx.Done())
	defer w.conn.SetInterrupt(nil)
	err = sqlitex.ExecuteTransient(w.conn, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", freePages), nil)
	if err != nil {
		return false, classify(fmt.Errorf("make the job cache smaller: %w", err))
	}
	return free > freePages, nil
}

// aged is a job with the time of its announcement and the id of its function.
type aged struct {
	key        []byte
	stamp, fun int64
}

// oldest are the first jobs by jid, which is by time.
func (tx *Tx) oldest(most int) (jobs []aged, err error) {
	err = sqlitex.Execute(tx.w.conn, "SELECT jid, stamp, fun FROM jobs ORDER BY jid LIMIT ?", &sqlitex.ExecOptions{
		Args: []any{most},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			jobs = append(jobs, aged{columnBytes(stmt, 0), stmt.ColumnInt64(1), stmt.ColumnInt64(2)})
			return nil
		},
	})
	return jobs, err
}
