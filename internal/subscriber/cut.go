package subscriber

import (
	"context"
	"time"

	"gorun/jobcache"
)

// cutAgain are the waits between attempts to find a return that the master has cut: Salt
// writes it shortly after it has told of it.
var cutAgain = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}

// try is how often a cut return was looked for, and when it is to be looked for next.
type try struct {
	n    int
	next time.Time
}

// dueCut picks the returns that are to be looked for now, and tells when the next is.
func (r *repairer) dueCut(cut [][2]string, now time.Time) (due [][2]string, next time.Time) {
	tries := make(map[[2]string]try, len(cut))
	for _, key := range cut {
		t, seen := r.tries[key]
		if !seen {
			t.next = now.Add(cutAgain[0])
		}
		tries[key] = t
		switch {
		case t.n == len(cutAgain): // given up: it is shown as it is, with a note
		case t.next.After(now):
			next = earlier(next, t.next)
		default:
			due = append(due, key)
		}
	}
	r.tries = tries // without those that are whole now
	return due, next
}

// fetch takes returns that the master has cut, whole.
func (r *repairer) fetch(ctx context.Context, salt *jobcache.SaltCache, cut [][2]string) error {
	for _, key := range cut {
		t := r.tries[key]
		t.n++
		if t.n < len(cutAgain) {
			t.next = r.cfg.now().Add(cutAgain[t.n])
		}
		r.tries[key] = t
		job := salt.One(key[0], key[1], r.cfg.MaxReturn)
		if job == nil {
			continue
		}
		err := r.update(ctx, func(tx *jobcache.Tx) error {
			_, err := tx.PutKept(job)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
