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
	returned, err := e.env.Cache.Returned(ctx, jid)
	if err != nil {
		return nil, err
	}
	rounds, err := e.inquiries(ctx, jid)
	if err != nil {
		return nil, err
	}
	running := value.List{}
	for _, id := range slices.Sorted(slices.Values(job.Minions)) {
		if _, ok := slices.BinarySearch(returned, id); ok {
			continue
		}
		if pid, working := e.working(rounds, id); working {
			running = append(running, value.NewMap(id, pid))
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

// inquiry is a find_job that asked about a job.
type inquiry struct {
	asked   map[string]bool
	answers map[string]value.Value
	over    bool // who has not answered will not
}

// inquiries reads the find_jobs about a job, oldest first.
func (e *evidence) inquiries(ctx context.Context, jid string) ([]inquiry, error) {
	rounds := make([]inquiry, 0, len(e.asked[jid]))
	for _, question := range e.asked[jid] {
		job, err := e.env.Cache.Job(ctx, question)
		if err != nil {
			return nil, err
		}
		r := inquiry{asked: make(map[string]bool, len(job.Minions))}
		for _, id := range job.Minions {
			r.asked[id] = true
		}
		if r.answers, err = returnsOf(ctx, e.env, question, findJobAnswer); err != nil {
			return nil, err
		}
		r.over = e.env.Now.UnixMicro() >= job.Stamp+e.env.GatherJobTimeout.Microseconds()
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// working tells whether a minion that has not returned is still at a job, and with which
// pid: by the newest find_job about it that the minion was asked, else unless it is down.
func (e *evidence) working(rounds []inquiry, id string) (pid value.Value, working bool) {
	for _, r := range slices.Backward(rounds) {
		if !r.asked[id] {
			continue
		}
		if answer, ok := r.answers[id]; ok {
			m, _ := answer.(*value.Map)
			pid, _ := m.Get("pid")
			return pid, m.Len() > 0
		}
		if r.over {
			return nil, false
		}
	}
	v := e.minions[id].Judge(e.env.Now, e.known.PresenceAt, e.env.GatherJobTimeout)
	return nil, v.State != jobcache.Down
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
func returnsOf(
	ctx context.Context, env *Env, jid string, pick func(*jobcache.Return) value.Value,
) (map[string]value.Value, error) {
	all := make(map[string]value.Value)
	err := env.Cache.Returns(ctx, jid, func(r *jobcache.Return) error {
		all[r.Minion] = pick(r)
		return nil
	})
	return all, err
}
