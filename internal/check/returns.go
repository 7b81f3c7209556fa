package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorun/jobcache"
	"gorun/runners"
)

// ReturnsOptions says which jobs are checked.
type ReturnsOptions struct {
	// Window is how far back jobs are looked at.
	Window time.Duration
	// Grace is how long a job's first return may take.
	Grace  time.Duration
	Limits Thresholds
}

// Returns checks for new jobs that not one of their minions has returned: a master whose
// workers hang publishes jobs as ever, and stores nothing. Jobs that only minions known to
// be down were asked do not count.
func Returns(ctx context.Context, env *runners.Env, opts ReturnsOptions) (*Result, error) {
	known, err := mustListen(ctx, env)
	if err != nil {
		return nil, err
	}
	asked, err := recent(ctx, env, opts)
	if err != nil {
		return nil, err
	}
	evidence, err := env.Cache.Minions(ctx)
	if err != nil {
		return nil, err
	}
	// A minion that nobody has heard of since it was asked may be down because of the very
	// silence that is looked for: only absence by itself, a presence list, excuses.
	gone := func(id string) bool {
		m := evidence[id]
		return m.Listed == jobcache.Lost && m.ListedAt.After(m.AliveAt) ||
			m.Listed == jobcache.Unlisted && !known.PresenceAt.IsZero() && m.AliveAt.IsZero()
	}
	var judged int
	var silent []string
	for _, jid := range asked {
		answered, could, err := answers(ctx, env, jid, gone)
		if err != nil {
			return nil, err
		}
		if !could {
			continue
		}
		judged++
		if !answered {
			silent = append(silent, jid)
		}
	}
	r := &Result{
		Name: "RETURNS", Status: opts.Limits.Judge(len(silent), judged),
		Message:  fmt.Sprintf("%d of %d jobs of the last %s have returns", judged-len(silent), judged, short(opts.Window)),
		Subjects: []Group{{"nobody returned", silent}},
		Figures:  []Figure{opts.Limits.figure("silent", len(silent), judged), {Name: "jobs", Value: float64(judged)}},
	}
	if judged == 0 {
		r.Message = fmt.Sprintf("no job of the last %s to judge by", short(opts.Window))
	}
	r.doubt(known, env.Now.Add(-opts.Window))
	return r, nil
}

// errEnough ends a listing.
var errEnough = errors.New("no older job matters")

// slack is how much older than its jid's neighbours the announcement of a job may be.
const slack = time.Hour

// asksForReturns leaves out what is asked of minions that are silent anyway.
func asksForReturns(fun string) bool { return fun != "saltutil.find_job" }

// recent lists the jobs announced within the window and before the grace.
func recent(ctx context.Context, env *runners.Env, opts ReturnsOptions) ([]string, error) {
	var jids []string
	err := env.Cache.Jobs(ctx, jobcache.Selection{Newest: true, Fun: asksForReturns}, func(job *jobcache.Job) error {
		age := env.Now.Sub(began(job))
		if age > opts.Window+slack {
			return errEnough
		}
		if job.Source == jobcache.FromNew && age <= opts.Window && age >= opts.Grace {
			jids = append(jids, job.JID)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return jids, err
}

// answers tells whether anybody has returned to a job, and whether anybody could.
func answers(ctx context.Context, env *runners.Env, jid string, gone func(string) bool) (answered, could bool, err error) {
	err = env.Cache.Returns(ctx, jid, func(*jobcache.Return) error {
		answered, could = true, true
		return nil
	})
	if err != nil || answered {
		return answered, could, err
	}
	job, err := env.Cache.Job(ctx, jid)
	if err != nil {
		return false, false, err
	}
	for _, id := range job.Minions {
		could = could || !gone(id)
	}
	return false, could, nil
}

// short writes a duration without its zero parts: 10m and not 10m0s.
func short(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
