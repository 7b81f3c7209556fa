package jobcache

import (
	"context"
	"errors"
)

// Patient is a Reader for answers that are printed while they are read, into a pager perhaps
// that keeps them waiting for hours. A transaction that is open that long keeps the log out of
// the file: it grows by all that is written. So Jobs and Returns read in stretches, and no
// transaction is open while f runs (but that of Snapshot, if it is in one).
type Patient struct{ *Reader }

// Bounds of a stretch: the first one is short, for those who want a few jobs only; a longer one
// than value.Ahead has room for would wait for who uses it.
const (
	firstStretch  = 32
	maxStretch    = 512
	stretchWeight = 512 << 10 // bytes
)

// Jobs is Reader.Jobs. A job that is there from the beginning to the end is given once, in its
// place, as it is when its stretch is read; of one that comes or leaves meanwhile only that it
// is not given twice.
func (p Patient) Jobs(ctx context.Context, s Selection, f func(*Job) error) error {
	return inStretches(func(to *stretch[Job]) error {
		return p.Reader.Jobs(ctx, s, func(job *Job) error {
			s.After = job.JID
			return to.added(job.CopyTo(to.slot()))
		})
	}, f)
}

// Returns is Reader.Returns; what Jobs says of a job is true of a return.
func (p Patient) Returns(ctx context.Context, jid string, f func(*Return) error) error {
	condition, args := "jid = ?1 ORDER BY minion", []any(nil)
	return inStretches(func(to *stretch[Return]) error {
		return p.returns(ctx, jid, condition, func(r *Return) error {
			slot := to.slot()
			event := append(slot.Event[:0], r.Event...)
			*slot = *r
			slot.Event = event
			condition, args = "jid = ?1 AND minion > ?2 ORDER BY minion", []any{r.Minion}
			return to.added(len(event))
		}, args...)
	}, f)
}

// stretch is what is read in one transaction.
type stretch[T any] struct {
	items           []T
	n, weight, most int
}

// slot is where the next item is to be put. It has what an earlier one had, whose memory may
// serve again.
func (s *stretch[T]) slot() *T {
	if s.n == len(s.items) {
		s.items = append(s.items, *new(T))
	}
	s.n++
	return &s.items[s.n-1]
}

// errStretch ends a stretch.
var errStretch = errors.New("there may be more")

// added is errStretch where the item in the last slot, of so many bytes, ends the stretch.
func (s *stretch[T]) added(bytes int) error {
	if s.weight += bytes; s.n == s.most || s.weight >= stretchWeight {
		return errStretch
	}
	return nil
}

// inStretches calls f with each item. read goes on behind what it has put into the last stretch,
// until that is at its end.
func inStretches[T any](read func(*stretch[T]) error, f func(*T) error) error {
	s := stretch[T]{most: firstStretch}
	for {
		s.n, s.weight = 0, 0
		failed := read(&s)
		for i := range s.items[:s.n] {
			if err := f(&s.items[i]); err != nil {
				return err
			}
		}
		if !errors.Is(failed, errStretch) {
			return failed
		}
		s.most = min(2*s.most, maxStretch)
	}
}
