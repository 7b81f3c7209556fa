package live

import (
	"context"
	"errors"
	"slices"

	"gorun/jobcache"
)

const findJob = "saltutil.find_job"

// listed is a store of which jobs.list_jobs_filter sees no find_job, without reading one.
type listed struct{ Store }

func (l listed) Jobs(ctx context.Context, s jobcache.Selection, f func(*jobcache.Job) error) error {
	s.Fun = func(name string) bool { return name != findJob }
	return l.Store.Jobs(ctx, s, f)
}

// open is a store of which jobs.active sees only the jobs that may be unfinished, and the
// newest find_jobs that could be about them.
type open struct {
	Store
	jids  []string // the oldest first
	finds map[string]bool
}

// errEnough ends a listing.
var errEnough = errors.New("enough of them")

func (o *open) Jobs(ctx context.Context, _ jobcache.Selection, f func(*jobcache.Job) error) error {
	if len(o.jids) == 0 {
		return nil
	}
	var finds []*jobcache.Job
	s := jobcache.Selection{
		From: o.jids[0][:min(20, len(o.jids[0]))], Newest: true, Fun: func(name string) bool { return name == findJob },
	}
	err := o.Store.Jobs(ctx, s, func(job *jobcache.Job) error {
		if len(finds) == newestFinds {
			return errEnough
		}
		find := *job
		find.Load, find.Metadata = slices.Clone(job.Load), nil
		finds = append(finds, &find)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	o.finds = make(map[string]bool, len(finds))
	for _, job := range slices.Backward(finds) {
		o.finds[job.JID] = true
		if err := f(job); err != nil {
			return err
		}
	}
	for _, jid := range o.jids {
		job, err := o.Job(ctx, jid)
		if err == nil {
			err = f(job)
		}
		if err != nil && !errors.Is(err, jobcache.ErrUnknownJob) { // it left for its age
			return err
		}
	}
	return nil
}

// Returns reads what find_jobs returned; of other jobs only who did is asked.
func (o *open) Returns(ctx context.Context, jid string, f func(*jobcache.Return) error) error {
	if o.finds[jid] {
		return o.Store.Returns(ctx, jid, f)
	}
	return o.ReturnStamps(ctx, jid, func(id string, stamp int64) error {
		return f(&jobcache.Return{Minion: id, Stamp: stamp})
	})
}

// one is a store in which only one minion has returned.
type one struct {
	Store
	minion string
}

func (o one) Returns(ctx context.Context, jid string, f func(*jobcache.Return) error) error {
	r, err := o.Return(ctx, jid, o.minion)
	if err != nil || r == nil {
		return err
	}
	return f(r)
}
