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

var (
	paramJID       = Param{Name: "jid", Required: true}
	paramExtSource = Param{Name: "ext_source"}
	paramOutputter = Param{Name: "outputter"}
	paramProgress  = Param{Name: "display_progress", Default: false}
)

var jobsListJob = &Func{
	Name: "jobs.list_job",
	Doc: `Show one job: what was asked of whom, and all that came back.

A job that nobody has returned yet has an empty Result. A jid that is not in the
cache is shown with an Error, and the exit status is 1.

jid
    The job's id.
ext_source
    Another job cache; gorun reads the master's own only.`,
	Params: []Param{paramJID, paramExtSource, paramProgress},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		env.progress(args[2], "Querying returner: local_cache")
		j, err := findJob(ctx, env, args[0], args[1])
		if err != nil {
			return nil, err
		}
		m, err := j.listing(ctx)
		if err != nil {
			return nil, err
		}
		m.Entries = slices.Insert(m.Entries, 0, value.Entry{Key: "jid", Val: args[0]})
		return j.explained(ctx, env, m)
	},
}

var jobsPrintJob = &Func{
	Name: "jobs.print_job",
	Doc: `Show one job as jobs.list_job does, below its jid.

jid
    The job's id.
ext_source
    Another job cache; gorun reads the master's own only.`,
	Params: []Param{paramJID, paramExtSource},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		switch args[0].(type) {
		case value.List, *value.Map: // the jid is a key of the answer
			return nil, &CallError{fmt.Sprintf("unhashable type: '%s'", pythonType(args[0]))}
		}
		j, err := findJob(ctx, env, args[0], args[1])
		if err != nil {
			return nil, err
		}
		m, err := j.listing(ctx)
		if err != nil {
			return nil, err
		}
		return j.explained(ctx, env, value.NewMap(args[0], m))
	},
}

var jobsLookupJID = &Func{
	Name: "jobs.lookup_jid",
	Doc: `Print what the minions returned to a job.

The outputter that the returns name (highstate, for states) prints them. The exit
status is 1 for a jid that is not in the cache.

jid
    The job's id.
ext_source
    Another job cache; gorun reads the master's own only.
returned
    Whether minions that returned are shown (default True).
missing
    Whether minions that were asked and did not return are shown (default False).`,
	Params: []Param{
		paramJID, paramExtSource, {Name: "returned", Default: true}, {Name: "missing", Default: false}, paramProgress,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		env.progress(args[4], "Querying returner: local_cache")
		j, err := findJob(ctx, env, args[0], args[1])
		if err != nil {
			return nil, err
		}
		for _, r := range j.results {
			env.progress(args[4], "%s", r.minion)
		}
		rows := value.Rows(func(row func(string, value.Value) error) error {
			if !value.Truth(args[2]) {
				return nil
			}
			return j.each(ctx, func(minion string, data *value.Map) error {
				ret, _ := data.Get("return")
				return row(minion, ret)
			})
		})
		var a *Answer
		if value.Truth(args[3]) {
			ids, err := j.expected()
			if err != nil {
				return nil, err
			}
			a, err = j.explained(ctx, env, rows.Behind(ids, "Minion did not return"))
			if err != nil {
				return nil, err
			}
		} else if a, err = j.answer(ctx, env, rows); err != nil {
			return nil, err
		}
		a.Outputter = j.outputter
		return a, nil
	},
}

var jobsExitSuccess = &Func{
	Name: "jobs.exit_success",
	Doc: `Tell for each minion of a job whether it returned something true.

A minion that has not returned is False.

jid
    The job's id.
ext_source
    Another job cache; gorun reads the master's own only.
strict
    Ask for more than truth: a retcode of zero, success, and no state whose result is
    False. What a function returns is then of no account: nothing at all may be right.`,
	Params: []Param{paramJID, paramExtSource, {Name: "strict", Default: false, KeywordOnly: true}},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		j, err := findJob(ctx, env, args[0], args[1])
		if err != nil {
			return nil, err
		}
		if value.Truth(args[2]) {
			m, err := j.strictSuccess(ctx)
			if err != nil {
				return nil, err
			}
			return j.answer(ctx, env, m)
		}
		all := newVerdicts(j.minions())
		err = j.each(ctx, func(minion string, data *value.Map) error {
			ret, ok := data.Get("return")
			truth := ok && value.Truth(ret)
			if _, asked := all.at[minion]; truth || asked {
				all.set(minion, truth)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return j.answer(ctx, env, all.m)
	},
}

// found is a job with those that returned; job is nil where its load is not known.
type found struct {
	env       *Env
	jid       string
	job       *jobcache.Job
	results   []result
	outputter string // that the returns name
}

func findJob(ctx context.Context, env *Env, jid, extSource value.Value) (*found, error) {
	if err := localSource(env, extSource); err != nil {
		return nil, err
	}
	j := &found{env: env, jid: text(jid)}
	job, err := env.Cache.Job(ctx, j.jid)
	switch {
	case err == nil && job.Source != jobcache.FromNothing:
		j.job = job
	case err != nil && !errors.Is(err, jobcache.ErrUnknownJob):
		return nil, err
	}
	return j, j.readResults(ctx)
}

// localSource is an error unless the question is one to the master's local job cache.
func localSource(env *Env, extSource value.Value) error {
	for _, source := range []value.Value{env.ExtJobCache, extSource, env.MasterJobCache} {
		if !value.Truth(source) {
			continue
		}
		if name := text(source); name != "local_cache" {
			return fmt.Errorf("job cache %s: %w", name, ErrSource)
		}
		return nil
	}
	return nil
}

// minions are those the job went to, sorted, as Salt does since 2015.8.
func (j *found) minions() []string {
	if j.job == nil {
		return nil
	}
	if j.env.OldMaster {
		return slices.Clone(j.job.Minions)
	}
	return slices.Sorted(slices.Values(j.job.Minions))
}

// expected are the minions whose return is missing. Up to 2015.8 Salt matches the job's
// target anew for that, against the keys that are accepted now.
func (j *found) expected() ([]string, error) {
	if !j.env.OldMaster || j.job == nil {
		return j.missing(), nil
	}
	load, err := decodeLoad(j.env, j.job)
	if err != nil {
		return nil, err
	}
	accepted, err := j.env.Accepted()
	if err != nil {
		return nil, err
	}
	matched, err := MatchTarget(accepted, load.tgt, text(load.tgtType))
	if err != nil { // by grains or the like
		return j.missing(), nil
	}
	return slices.DeleteFunc(matched, j.returned), nil
}

// returned tells whether a minion has returned: the results are by minion.
func (j *found) returned(id string) bool {
	_, ok := slices.BinarySearchFunc(j.results, id, func(r result, id string) int { return strings.Compare(r.minion, id) })
	return ok
}

// missing are the minions that the job went to and that did not return.
func (j *found) missing() []string {
	return slices.DeleteFunc(j.minions(), j.returned)
}

// listing is the body of list_job: the job's description, Minions, StartTime, Result.
func (j *found) listing(ctx context.Context) (*value.Map, error) {
	start, err := j.env.startTime(j.jid)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	m := value.NewMap()
	job := j.job
	if job == nil && j.env.OldMaster { // which showed a job of defaults
		job = &jobcache.Job{JID: j.jid}
	}
	if job == nil {
		m.Set("Error", "Cannot contact returner or no job with this jid")
	} else {
		load, err := decodeLoad(j.env, job)
		if err != nil {
			return nil, err
		}
		appendInstance(m, &load)
		if ids := j.minions(); len(ids) > 0 {
			list := make(value.List, len(ids))
			for i, id := range ids {
				list[i] = id
			}
			m.Set("Minions", list)
		}
	}
	m.Set("StartTime", start)
	m.Set("Result", value.Rows(func(row func(string, value.Value) error) error {
		return j.each(ctx, func(minion string, data *value.Map) error { return row(minion, data) })
	}))
	return m, j.env.addEndTime(m, j.jid)
}

// explained is answer, with what became of those that have not returned, or not in time.
func (j *found) explained(ctx context.Context, env *Env, v value.Value) (*Answer, error) {
	a, err := j.answer(ctx, env, v)
	if err == nil {
		err = j.why(ctx, a)
	}
	return a, err
}

// answer says with v what the cache does not know of the job.
func (j *found) answer(ctx context.Context, env *Env, v value.Value) (*Answer, error) {
	a := &Answer{Value: v}
	if j.job == nil {
		a.Failed = len(j.results) == 0
		if a.Failed {
			a.note("no job %s in the cache", j.jid)
		}
	}
	for _, r := range j.results {
		if r.trimmed {
			a.Stale = true
			a.note("the return of %s was too large for the bus: VALUE_TRIMMED stands for what was cut", r.minion)
		}
	}
	began := env.jidTime(j.jid)
	switch {
	case j.job == nil:
		return a, a.age(ctx, env, began, began)
	case j.job.Source == jobcache.FromReturn || unannounced(j.job): // perhaps it was announced, and nobody heard
		status, err := env.Cache.Status(ctx, env.Now)
		a.missing(status, began, began)
		return a, err
	case j.job.Source == jobcache.FromNew && len(j.missing()) > 0:
		return a, a.age(ctx, env, began, time.Time{})
	}
	return a, nil
}

// age notes where no subscriber keeps the cache current, and where events are missing that
// happened from one time to another; zero times are without bound.
func (a *Answer) age(ctx context.Context, env *Env, from, until time.Time) error {
	status, err := env.Cache.Status(ctx, env.Now)
	if err != nil {
		return err
	}
	a.behind(env, status)
	a.missing(status, from, until)
	return nil
}

// behind notes where the cache is behind the bus.
func (a *Answer) behind(env *Env, status jobcache.Status) {
	if status.Waiting > 0 {
		a.Stale = true
		a.note("%d events wait for the subscriber to take them into the job cache", status.Waiting)
	}
	if !status.Listening {
		a.Stale = true
		a.Notes = append(a.Notes, notListening(status, env))
	}
}

// missing notes events that are missing from one time to another, if any are.
func (a *Answer) missing(status jobcache.Status, from, until time.Time) (some bool) {
	for _, h := range status.Holes {
		if h.Until.IsZero() && !status.Listening { // that nobody listens says it
			continue
		}
		if h.Holds(from, until) {
			a.Stale = true
			a.note("events are missing %s", h)
			some = true
		}
	}
	return some
}

// jidLayout is how a jid names a moment, but for the point.
const jidLayout = "20060102150405.000000"

// jidDigits are the digits of a jid that names t in t's own zone.
func jidDigits(t time.Time) string {
	return strings.Replace(t.Format(jidLayout), ".", "", 1)
}

// jidTime is the moment that a jid names; zero for what names none.
func (env *Env) jidTime(jid string) time.Time {
	if len(jid) < 20 {
		return time.Time{}
	}
	t, err := time.ParseInLocation(jidLayout, jid[:14]+"."+jid[14:20], env.jidZone())
	if err != nil {
		return time.Time{}
	}
	return t
}

// jidAt are the digits of a jid of that moment.
func (env *Env) jidAt(t time.Time) string {
	return jidDigits(t.In(env.jidZone()))
}

func (env *Env) jidZone() *time.Location {
	if env.UTCJID {
		return time.UTC
	}
	return time.Local
}
