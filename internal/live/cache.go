package live

import (
	"context"

	"gorun/jobcache"
)

const findJob = "saltutil.find_job"

// listed is a store of which jobs.list_jobs_filter sees no find_job, without reading one.
type listed struct{ Store }

func (l listed) Jobs(ctx context.Context, s jobcache.Selection, f func(*jobcache.Job) error) error {
	s.Fun = func(name string) bool { return name != findJob }
	return l.Store.Jobs(ctx, s, f)
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
