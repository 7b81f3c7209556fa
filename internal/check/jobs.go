package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorun/jobcache"
	"gorun/runners"
)

// JobsOptions says which jobs are checked, and what is too old.
type JobsOptions struct {
	// Function is a name or a glob, as of jobs.list_jobs search_function.
	Function string
	Target   Target
	// MaxAge is how old a minion's last run may be; 0: of any age.
	MaxAge time.Duration
	// Grace is how long a minion has for its return before it counts as missing.
	Grace  time.Duration
	Limits Thresholds
}

// Jobs checks for each minion its last run of a function: whether it returned, with success
// of all its states, and when. A run whose grace is not over is passed over for the one
// before.
func Jobs(ctx context.Context, env *runners.Env, opts JobsOptions) (*Result, error) {
	known, err := mustListen(ctx, env)
	if err != nil {
		return nil, err
	}
	ids, err := opts.Target.match(ctx, env)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("no accepted minion matches %s %s", opts.Target.Type, opts.Target.Tgt)
	}
	l := lastRuns{env: env, opts: opts, open: make(map[string]bool, len(ids)), since: env.Now}
	for _, id := range ids {
		l.open[id] = true
	}
	jobs, err := jobsOf(ctx, env, opts.Function)
	if err != nil {
		return nil, err
	}
	for _, job := range slices.Backward(jobs) {
		if len(l.open) == 0 {
			break
		}
		if err := l.look(ctx, job); err != nil {
			return nil, err
		}
	}
	r := l.result(ids)
	r.doubt(known, l.since) // a later run, or what became of this one, may be what is missing
	return r, nil
}

// match lists the accepted minions that the target names: as the master finds them, where their
// ids alone do not tell.
func (t Target) match(ctx context.Context, env *runners.Env) ([]string, error) {
	accepted, err := env.Accepted()
	if err != nil {
		return nil, err
	}
	ids, err := runners.MatchTarget(accepted, t.Tgt, t.Type)
	if !errors.Is(err, runners.ErrNeedsMaster) || env.Master == nil {
		return ids, err
	}
	r, err := env.Master.Ask(ctx, runners.Question{Tgt: t.Tgt, TgtType: t.Type, Fun: "test.ping"})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(slices.Values(r.Asked)), nil
}

// run is a job without what its answers need.
type run struct {
	jid   string
	began time.Time
}

// jobsOf lists the jobs of a function, the oldest first.
func jobsOf(ctx context.Context, env *runners.Env, function string) ([]run, error) {
	var jobs []run
	of := jobcache.Selection{Fun: func(name string) bool { return runners.MatchFunction(name, function) }}
	err := env.Cache.Jobs(ctx, of, func(job *jobcache.Job) error {
		jobs = append(jobs, run{job.JID, began(job)})
		return nil
	})
	return jobs, err
}

// began is when a job was announced. Salt's own cache has the jid alone for that, which is
// in the master's local time.
func began(job *jobcache.Job) time.Time {
	if job.Stamp != 0 {
		return time.UnixMicro(job.Stamp)
	}
	if len(job.JID) < 14 {
		return time.Time{}
	}
	t, err := time.ParseInLocation("20060102150405", job.JID[:14], time.Local)
	if err != nil {
		return time.Time{}
	}
	return t
}

// lastRuns gathers what became of each minion's last run.
type lastRuns struct {
	env  *runners.Env
	opts JobsOptions
	// open are the minions whose last run has not been found yet.
	open                       map[string]bool
	good, failed, missing, old []string
	// since is when the earliest of these runs began; zero where one was not found.
	since time.Time
}

// look takes the answers of a job for those minions whose last run it is.
func (l *lastRuns) look(ctx context.Context, job run) error {
	old := l.opts.MaxAge > 0 && l.env.Now.Sub(job.began) > l.opts.MaxAge
	err := l.env.Cache.Returns(ctx, job.jid, func(r *jobcache.Return) error {
		if !l.open[r.Minion] {
			return nil
		}
		ok, err := r.Succeeded()
		if err != nil {
			return fmt.Errorf("return of %s to %s: %w", r.Minion, job.jid, err)
		}
		switch {
		case !ok:
			l.close(r.Minion, job, &l.failed)
		case old:
			l.close(r.Minion, job, &l.old)
		default:
			l.close(r.Minion, job, &l.good)
		}
		return nil
	})
	if err != nil || l.env.Now.Sub(job.began) < l.opts.Grace {
		return err
	}
	whole, err := l.env.Cache.Job(ctx, job.jid)
	if err != nil {
		return err
	}
	for _, id := range whole.Minions {
		if l.open[id] {
			l.close(id, job, &l.missing)
		}
	}
	return nil
}

func (l *lastRuns) close(id string, job run, as *[]string) {
	delete(l.open, id)
	*as = append(*as, id)
	if job.began.Before(l.since) {
		l.since = job.began
	}
}

func (l *lastRuns) result(ids []string) *Result {
	var never []string
	for _, id := range ids {
		if l.open[id] {
			never = append(never, id)
			l.since = time.Time{}
		}
	}
	for _, group := range [][]string{l.failed, l.missing, l.old} {
		slices.Sort(group)
	}
	bad := len(ids) - len(l.good)
	return &Result{
		Name: "JOBS", Status: l.opts.Limits.Judge(bad, len(ids)),
		Message: fmt.Sprintf("the last %s was good on %d of %d minions", l.opts.Function, len(l.good), len(ids)),
		Subjects: []Group{
			{"failed", l.failed}, {"did not return", l.missing}, {"too old", l.old}, {"no run known", never},
		},
		Figures: []Figure{
			l.opts.Limits.figure("bad", bad, len(ids)), {Name: "failed", Value: float64(len(l.failed))},
			{Name: "missing", Value: float64(len(l.missing))}, {Name: "old", Value: float64(len(l.old))},
			{Name: "never", Value: float64(len(never))},
		},
	}
}

// mustListen is runners.ErrStale unless the cache is kept current.
func mustListen(ctx context.Context, env *runners.Env) (jobcache.Status, error) {
	known, err := env.Cache.Status(ctx, env.Now)
	switch {
	case err != nil:
		return known, err
	case known.Waiting > 0:
		return known, fmt.Errorf("%w: %d events wait for the subscriber", runners.ErrStale, known.Waiting)
	case known.Listening:
		return known, nil
	case known.Heartbeat.IsZero():
		return known, fmt.Errorf("%w: no subscriber has been connected to the bus yet", runners.ErrStale)
	}
	return known, fmt.Errorf("%w: no subscriber has listened since %s", runners.ErrStale, known.Heartbeat.Local().Format(time.DateTime))
}
