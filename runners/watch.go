package runners

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var jobsWatch = &Func{
	Name: "jobs.watch",
	Doc: `Follow a job to its end, and print each return as it comes.

What has returned already is printed first. On a terminal a line below shows how many
have returned, failed, are at work or silent. As salt does while it waits, it asks those
that have not returned, by find_job, whether they are at the job: first after Salt's
timeout, then every gather_job_timeout, unless somebody else does. The end is when all
have returned, or nobody is at it any more; or --timeout. The exit status is 0 when all
returned and succeeded, 1 when one did not, 3 when the end was not waited for.

jid
    The job's id; gorun watch follows the newest.
ask
    False: ask the minions nothing, and go by what others ask and by presence events.`,
	Params: []Param{paramJID, {Name: "ask", Default: true, KeywordOnly: true}},
}

// Watch follows one job.
type Watch struct {
	env      *Env
	job      *jobcache.Job
	returned map[string]MinionProgress
	asked    time.Time // when it was last said that minions are to be asked
}

// Came is a return that has come.
type Came struct {
	Minion string
	Return value.Value
	// Outputter is the one that the return names, or empty.
	Outputter string
	Failed    bool
}

// View is how a job stands.
type View struct {
	// Minions are all that are in it, by id.
	Minions []MinionProgress
	// Over is set when no more returns are waited for.
	Over bool
	// Ask are those that a find_job is to ask now whether they are at it: those that have not
	// returned, when nobody has asked them for a while.
	Ask []string
}

// NewWatch begins to follow a job. Errors are jobcache.ErrUnknownJob and those of the cache.
func NewWatch(ctx context.Context, env *Env, jid string) (*Watch, error) {
	job, err := env.Cache.Job(ctx, jid)
	if err == nil && job.Source == jobcache.FromNothing {
		err = fmt.Errorf("%s: %w", jid, jobcache.ErrUnknownJob)
	}
	if err != nil {
		return nil, err
	}
	return &Watch{env: env, job: job, returned: make(map[string]MinionProgress)}, nil
}

// Newest is the jid of the newest job that minions were asked to do, the asking for jobs
// apart. Errors are jobcache.ErrUnknownJob, where there is none, and those of the cache.
func Newest(ctx context.Context, env *Env) (string, error) {
	jid := ""
	newest := jobcache.Selection{Newest: true, Fun: func(name string) bool {
		return name != findJobFun && name != "saltutil.running" && !strings.HasPrefix(name, "runner.")
	}}
	err := env.Cache.Jobs(ctx, newest, func(job *jobcache.Job) error {
		if job.Source != jobcache.FromNew {
			return nil
		}
		jid = job.JID
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return "", err
	}
	if jid == "" {
		return "", fmt.Errorf("nothing was asked of minions: %w", jobcache.ErrUnknownJob)
	}
	return jid, nil
}

// Look tells how the job stands at the time now, and came of each return that was not there at
// the last look, by minion.
func (w *Watch) Look(ctx context.Context, now time.Time, came func(Came) error) (*View, error) {
	w.env.Now = now
	job, err := w.env.Cache.Job(ctx, w.job.JID) // minions below syndics are told of later
	if err != nil {
		return nil, err
	}
	w.job = job
	err = w.env.Cache.Returns(ctx, job.JID, func(r *jobcache.Return) error {
		if _, ok := w.returned[r.Minion]; ok {
			return nil
		}
		m, data, err := outcome(w.env, job, r)
		if err != nil {
			return err
		}
		w.returned[r.Minion] = m
		c := Came{Minion: r.Minion, Failed: m.State == Failed}
		c.Return, _ = data.Get("return")
		out, _ := data.Get("out")
		c.Outputter, _ = out.(string)
		return came(c)
	})
	if err != nil {
		return nil, err
	}
	minions, rounds, err := progress(ctx, w.env, job, w.returned)
	if err != nil {
		return nil, err
	}
	return &View{
		Minions: minions,
		Over:    w.complete() && !slices.ContainsFunc(minions, w.awaited),
		Ask:     w.toAsk(minions, rounds),
	}, nil
}

// toAsk lists those that have not returned, if it is time to ask them: as long as one is
// awaited of which nobody has asked for a gather_job_timeout.
func (w *Watch) toAsk(minions []MinionProgress, rounds []round) []string {
	patience := max(w.env.GatherJobTimeout, time.Second)
	if w.env.Now.Sub(w.asked) < patience || w.env.Now.Before(time.UnixMicro(w.job.Stamp).Add(w.env.Timeout)) {
		return nil
	}
	recent := func(id string) bool {
		return slices.ContainsFunc(rounds, func(r round) bool {
			return r.has(id) && w.env.Now.Sub(time.UnixMicro(r.stamp)) < patience
		})
	}
	var ids []string
	due := false
	for _, m := range minions {
		if !m.HasReturned() {
			ids = append(ids, m.ID)
			due = due || w.awaited(m) && !recent(m.ID)
		}
	}
	if !due {
		return nil
	}
	w.asked = w.env.Now
	return ids
}

// complete tells whether all are known that the job went to. Salt's own cache has the job a
// moment before it has them; after a while nobody was meant.
func (w *Watch) complete() bool {
	return len(w.job.Minions) > 0 || w.job.Source != jobcache.FromNew ||
		w.env.Now.UnixMicro() >= w.job.Stamp+w.env.GatherJobTimeout.Microseconds()
}

// awaited tells whether a minion may still return. One that find_job has found at work no
// more has sent its return already: it gets the time that an answer may take.
func (w *Watch) awaited(m MinionProgress) bool {
	if m.State == Gone {
		return w.env.Now.UnixMicro() < m.At+w.env.GatherJobTimeout.Microseconds()
	}
	return m.AtWork()
}

// Announced tells whether the cache has heard the job's announcement, and so knows whom it
// went to.
func (w *Watch) Announced() bool {
	return w.job.Source == jobcache.FromNew || w.job.Source == jobcache.FromRunner
}
