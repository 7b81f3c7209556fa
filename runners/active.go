package runners

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var jobsActive = &Func{
	Name: "jobs.active",
	Doc: `Show the jobs that minions are still working on, with who is and who has returned.

display_progress
    Without meaning here: gorun sends no progress events.
source
    cache: the jobs that were announced and that not all have returned, as far as the
    cache knows; nothing is sent to the minions. Left out are minions that are down,
    and those that a find_job has shown not to be at it. The pid is that of the newest
    find_job's answer, if there was one. auto (the default): ask the minions, which
    this version cannot.`,
	Params: []Param{paramProgress, paramSource},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		source, err := sourceOf(env, args[1])
		if err != nil {
			return nil, err
		}
		if source != "cache" {
			return nil, fmt.Errorf("asking the minions %w; source=cache shows what is known", ErrNeedsMaster)
		}
		return activeJobs(ctx, env)
	},
}

func activeJobs(ctx context.Context, env *Env) (*Answer, error) {
	e := evidence{env: env, asked: make(map[string][]string)}
	var err error
	if e.minions, err = env.Cache.Minions(ctx); err != nil {
		return nil, err
	}
	if e.known, err = env.Cache.Status(ctx, env.Now); err != nil {
		return nil, err
	}
	var announced []string
	err = env.Cache.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		switch {
		case job.Source != jobcache.FromNew, job.Fun == "saltutil.running":
			return nil
		case job.Fun == "saltutil.find_job":
			return e.note(job)
		}
		announced = append(announced, job.JID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := value.NewMap()
	for _, jid := range announced {
		instance, err := e.active(ctx, jid)
		if err != nil {
			return nil, err
		}
		if instance != nil {
			m.Entries = append(m.Entries, value.Entry{Key: jid, Val: instance})
		}
	}
	a := &Answer{Value: m}
	return a, a.age(ctx, env, time.Time{}, time.Time{})
}

// evidence is what tells whether a minion that has not returned is still at work.
type evidence struct {
	env     *Env
	known   jobcache.Status
	minions map[string]jobcache.Minion
	asked   map[string][]string // the jids of the find_jobs about a jid, oldest first
}

// note keeps what a find_job asks for.
func (e *evidence) note(job *jobcache.Job) error {
	load, err := decodeLoad(e.env, job)
	if err != nil {
		return err
	}
	if args, _ := load.arg.(value.List); len(args) > 0 {
		about := text(args[0])
		e.asked[about] = append(e.asked[about], job.JID)
	}
	return nil
}

// active describes a job that somebody is at, as salt.runners.jobs.active does; nil for one
// that nobody is.
func (e *evidence) active(ctx context.Context, jid string) (*value.Map, error) {
	job, err := e.env.Cache.Job(ctx, jid)
	if err != nil {
		return nil, err
	}
	if len(job.Minions) == 0 {
		return nil, nil
	}
	returned, err := returnsOf(ctx, e.env, jid, func(*jobcache.Return) value.Value { return nil })
	if err != nil {
		return nil, err
	}
	running := value.List{}
	for _, id := range slices.Sorted(slices.Values(job.Minions)) {
		if _, ok := returned.Get(id); ok {
			continue
		}
		pid, working, err := e.working(ctx, jid, id)
		if err != nil {
			return nil, err
		}
		if working {
			running = append(running, value.NewMap(id, pid))
		}
	}
	if len(running) == 0 {
		return nil, nil
	}
	ids := value.List{}
	for _, entry := range returned.Entries {
		ids = append(ids, entry.Key)
	}
	instance := value.NewMap()
	if err := jobInstance(e.env, job, instance); err != nil {
		return nil, err
	}
	instance.Entries = append(instance.Entries,
		value.Entry{Key: "Running", Val: running}, value.Entry{Key: "Returned", Val: ids})
	return instance, nil
}

// working tells whether a minion that has not returned is still at a job, and with which
// pid: by the newest find_job about it that the minion was asked, else unless it is down.
func (e *evidence) working(ctx context.Context, jid, id string) (pid value.Value, working bool, err error) {
	for _, question := range slices.Backward(e.asked[jid]) {
		job, err := e.env.Cache.Job(ctx, question)
		if err != nil {
			return nil, false, err
		}
		if !slices.Contains(job.Minions, id) {
			continue
		}
		answers, err := returnsOf(ctx, e.env, question, findJobAnswer)
		if err != nil {
			return nil, false, err
		}
		if answer, ok := answers.Get(id); ok {
			m, _ := answer.(*value.Map)
			pid, _ := m.Get("pid")
			return pid, m.Len() > 0, nil
		}
		if silent := job.Stamp + e.env.GatherJobTimeout.Microseconds(); e.env.Now.UnixMicro() >= silent {
			return nil, false, nil
		}
	}
	v := e.minions[id].Judge(e.env.Now, e.known.PresenceAt, e.env.GatherJobTimeout)
	return nil, v.State != jobcache.Down, nil
}

// findJobAnswer is what a minion returned to a find_job: a map of the job, empty where it
// is not at it.
func findJobAnswer(r *jobcache.Return) value.Value {
	var answer value.Value
	err := value.Fields(r.Event, func(key string, raw value.Raw) (err error) {
		if key == "return" {
			answer, err = raw.Decode()
		}
		return err
	})
	if err != nil {
		return nil
	}
	return answer
}

// returnsOf maps the minions that returned to a job to what pick makes of their returns.
func returnsOf(ctx context.Context, env *Env, jid string, pick func(*jobcache.Return) value.Value) (*value.Map, error) {
	m := value.NewMap()
	err := env.Cache.Returns(ctx, jid, func(r *jobcache.Return) error {
		m.Entries = append(m.Entries, value.Entry{Key: r.Minion, Val: pick(r)})
		return nil
	})
	return m, err
}
