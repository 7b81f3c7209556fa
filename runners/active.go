package runners

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var jobsActive = &Func{
	Name: "jobs.active",
	Doc: `Show the jobs that minions are still working on, with who is and who has returned.

display_progress
    Show whom was asked and who answered.
source
    ping: ask the minions, by saltutil.running. cache: the jobs that were announced and
    that not all have returned, as far as the cache knows; nothing is sent to the minions.
    Left out are minions that are down, and those that a find_job has shown not to be at
    it; the pid is that of the newest find_job's answer, if there was one. auto (the
    default) is ping.`,
	Params: []Param{paramProgress, paramSource},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		source, err := sourceOf(env, args[1])
		if err != nil {
			return nil, err
		}
		if source == "cache" {
			return activeJobs(ctx, env)
		}
		return runningJobs(ctx, env, args[0])
	},
}

// runningJobs asks the minions, as salt.runners.jobs.active does.
func runningJobs(ctx context.Context, env *Env, display value.Value) (*Answer, error) {
	r, err := env.ask(ctx, Question{Tgt: "*", TgtType: "glob", Fun: "saltutil.running"})
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(r.Returned))
	asked := slices.Sorted(slices.Values(r.Asked))
	env.progress(display, "Attempting to contact minions: %s", pythonList(asked))
	jobs := value.NewMap()
	var silent []string
	for _, id := range asked {
		if _, ok := r.Returned[id]; !ok {
			silent = append(silent, id)
		}
	}
	for _, id := range ids {
		env.progress(display, "Received reply from minion %s", id)
		list, _ := r.Returned[id].(value.List)
		for _, v := range list {
			if job, ok := v.(*value.Map); ok {
				if err := addRunning(env, jobs, id, job); err != nil {
					return nil, err
				}
			}
		}
	}
	slices.SortFunc(jobs.Entries, func(a, b value.Entry) int { return strings.Compare(text(a.Key), text(b.Key)) })
	a := &Answer{Value: jobs}
	if len(silent) > 0 {
		a.note("no answer from %s: what runs there is not known", names(silent))
	}
	for _, e := range jobs.Entries {
		returned := value.List{}
		ids, err := env.Cache.Returned(ctx, text(e.Key))
		if err != nil {
			a.Stale = true
			a.note("who has returned to %s is not known: %v", text(e.Key), err)
		}
		for _, id := range ids {
			returned = append(returned, id)
		}
		e.Val.(*value.Map).Set("Returned", returned)
	}
	return a, nil
}

// addRunning adds what a minion says of a job that it is at.
func addRunning(env *Env, jobs *value.Map, id string, job *value.Map) error {
	v, _ := job.Get("jid")
	jid, ok := v.(string)
	if !ok {
		return nil
	}
	pid, _ := job.Get("pid")
	worker := value.NewMap(id, pid)
	if known, ok := jobs.Get(jid); ok {
		instance := known.(*value.Map)
		running, _ := instance.Get("Running")
		instance.Set("Running", append(running.(value.List), worker))
		return nil
	}
	load, err := value.Encode(job)
	if err != nil {
		return fmt.Errorf("what %s says of job %s: %w", id, jid, err)
	}
	instance := value.NewMap()
	if err := activeInstance(env, &jobcache.Job{JID: jid, Load: load}, instance); err != nil {
		return err
	}
	instance.Set("Running", value.List{worker})
	instance.Set("Returned", value.List{})
	jobs.Set(jid, instance)
	return nil
}

// activeInstance is jobInstance, but that up to 2015.8 a job that is active has no StartTime.
func activeInstance(env *Env, job *jobcache.Job, instance *value.Map) error {
	err := jobInstance(env, job, instance)
	if env.OldMaster {
		instance.Entries = slices.DeleteFunc(instance.Entries, func(e value.Entry) bool { return e.Key == "StartTime" })
	}
	return err
}

// pythonList is a list of ids as Python prints it.
func pythonList(ids []string) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = "'" + id + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// activeJobs finds the jobs that somebody is at by what the cache knows.
func activeJobs(ctx context.Context, env *Env) (*Answer, error) {
	e, err := newEvidence(ctx, env)
	if err != nil {
		return nil, err
	}
	var announced []string
	err = env.Cache.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		switch {
		case job.Source != jobcache.FromNew, job.Fun == "saltutil.running":
			return nil
		case job.Fun == findJobFun:
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

// active describes a job that somebody is at, as salt.runners.jobs.active does; nil for one
// that nobody is.
func (e *evidence) active(ctx context.Context, jid string) (*value.Map, error) {
	job, err := e.env.Cache.Job(ctx, jid)
	if err != nil {
		return nil, err
	}
	missing, returned, err := e.missing(ctx, job)
	if err != nil {
		return nil, err
	}
	running := value.List{}
	for _, m := range missing {
		if m.AtWork() {
			running = append(running, value.NewMap(m.ID, m.PID))
		}
	}
	if len(running) == 0 {
		return nil, nil
	}
	ids := value.List{}
	for _, id := range returned {
		ids = append(ids, id)
	}
	instance := value.NewMap()
	if err := activeInstance(e.env, job, instance); err != nil {
		return nil, err
	}
	instance.Entries = append(instance.Entries,
		value.Entry{Key: "Running", Val: running}, value.Entry{Key: "Returned", Val: ids})
	return instance, nil
}
