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

const queryingJobs = "Querying returner local_cache for jobs."

var jobsListJobs = &Func{
	Name: "jobs.list_jobs",
	Doc: `List all jobs in the cache. With several filters, a job must match each.

ext_source
    Another job cache; gorun reads the master's own only.
outputter
    The outputter for the list.
search_metadata
    A map: jobs whose metadata has one of its pairs.
search_function
    A function or a glob, several with commas or as a list.
search_target
    A target as it was given to salt, or a glob; several with commas or as a list.
start_time
    Jobs that began at that time or later, in most ways of writing a time.
end_time
    Jobs that began at that time or earlier.
pings
    False: leave out the jobs by which gorun subscribe asks the minions (ping_interval).`,
	Params: []Param{
		paramExtSource, paramOutputter, {Name: "search_metadata"}, {Name: "search_function"}, {Name: "search_target"},
		{Name: "start_time"}, {Name: "end_time"}, paramProgress, {Name: "pings", Default: true, KeywordOnly: true},
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		f, err := newFilter(env.Now, args[2], args[3], args[4], args[5], args[6])
		if err != nil {
			return nil, err
		}
		if err := localSource(env, args[0]); err != nil {
			return nil, err
		}
		f.noPings = !value.Truth(args[8])
		env.progress(args[7], queryingJobs)
		a := &Answer{Value: value.Rows(func(row func(string, value.Value) error) error {
			return f.jobs(ctx, env, ahead(env.Cache.Jobs), false, func(jid string, instance *value.Map) error { return row(jid, instance) })
		})}
		if err := a.age(ctx, env, env.jidTime(f.start), env.jidTime(f.end)); err != nil {
			return nil, err
		}
		if value.Truth(args[1]) {
			a.Outputter = text(args[1])
		}
		return a, nil
	},
}

var jobsListJobsFilter = &Func{
	Name: "jobs.list_jobs_filter",
	Doc: `List the newest jobs, oldest of them first, without the find_job ones.

count
    How many.
filter_find_job
    Whether saltutil.find_job is left out (default True).
ext_source
    Another job cache; gorun reads the master's own only.
outputter
    The outputter for the list.`,
	Params: []Param{
		{Name: "count", Required: true}, {Name: "filter_find_job", Default: true}, paramExtSource, paramOutputter, paramProgress,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		count, err := mostJobs(args[0])
		if err != nil {
			return nil, err
		}
		if err := localSource(env, args[2]); err != nil {
			return nil, err
		}
		env.progress(args[4], queryingJobs)
		list := value.List{}
		err = new(filter).jobs(ctx, env, env.Cache.Jobs, true, func(jid string, instance *value.Map) error {
			if float64(len(list)+1) > count {
				return errEnough
			}
			if fun, _ := instance.Get("Function"); value.Truth(args[1]) && fun == "saltutil.find_job" {
				return nil
			}
			start := len(instance.Entries) - 1
			list = append(list, &value.Map{Entries: slices.Concat(instance.Entries[:start],
				[]value.Entry{{Key: "JID", Val: jid}}, instance.Entries[start:])})
			return nil
		})
		if err != nil {
			return nil, err
		}
		slices.Reverse(list)
		a := &Answer{Value: list}
		if err := a.age(ctx, env, time.Time{}, time.Time{}); err != nil {
			return nil, err
		}
		if value.Truth(args[3]) {
			a.Outputter = text(args[3])
		}
		return a, nil
	},
}

var jobsLastRun = &Func{
	Name: "jobs.last_run",
	Doc: `Show the newest job that matches, as jobs.print_job does; False where none does.

ext_source
    Another job cache; gorun reads the master's own only.
outputter
    The outputter for the answer.
metadata
    A map: jobs whose metadata has one of its pairs.
function
    A function or a glob, several with commas or as a list.
target
    A target as it was given to salt, or a glob; several with commas or as a list.`,
	Params: []Param{
		paramExtSource, paramOutputter, {Name: "metadata"}, {Name: "function"}, {Name: "target"}, paramProgress,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		if _, ok := args[2].(*value.Map); !ok && value.Truth(args[2]) {
			return &Answer{Value: false, Failed: true, Notes: []string{"metadata must be a map"}}, nil
		}
		f, err := newFilter(env.Now, args[2], args[3], args[4], nil, nil)
		if err != nil {
			return nil, err
		}
		if err := localSource(env, args[0]); err != nil {
			return nil, err
		}
		env.progress(args[5], queryingJobs)
		last := ""
		err = f.jobs(ctx, env, env.Cache.Jobs, true, func(jid string, _ *value.Map) error {
			last = jid
			return errEnough
		})
		if err != nil {
			return nil, err
		}
		a := new(Answer)
		if err := a.age(ctx, env, time.Time{}, time.Time{}); err != nil {
			return nil, err
		}
		if last == "" {
			a.Value, a.Failed = false, true
			return a, nil
		}
		printed, err := jobsPrintJob.Run(ctx, env, Args{last, args[0]})
		if err != nil {
			return nil, err
		}
		a.Value = printed.Value
		return a, nil
	},
}

// mostJobs is what Python makes of count as a number of jobs: any number, of which one below
// zero is none, and NaN, which nothing is greater than, all. A *CallError where it is no number.
func mostJobs(count value.Value) (float64, error) {
	switch count := count.(type) {
	case int64:
		return float64(count), nil
	case uint64:
		return float64(count), nil
	case float64:
		return count, nil
	case bool:
		if count {
			return 1, nil
		}
		return 0, nil
	}
	return 0, &CallError{fmt.Sprintf("'>' not supported between instances of 'int' and '%s'", pythonType(count))}
}

// errEnough ends a listing early.
var errEnough = errors.New("enough jobs")

// jobReader is how a Cache reads jobs.
type jobReader func(context.Context, jobcache.Selection, func(*jobcache.Job) error) error

// ahead has jobs read while those before are described: for those who want all.
func ahead(read jobReader) jobReader {
	return func(ctx context.Context, s jobcache.Selection, f func(*jobcache.Job) error) error {
		return value.Ahead(func(slots *value.Slots[jobcache.Job]) error {
			return read(ctx, s, func(job *jobcache.Job) error {
				return slots.Add(job.CopyTo(slots.Next()))
			})
		}, f)
	}
}

// jobs calls each with every job of read that matches, by jid or the newest first, until that
// returns an error; errEnough is none. The description of a job is valid until each returns, what
// it holds for longer.
func (f *filter) jobs(ctx context.Context, env *Env, read jobReader, newest bool, each func(string, *value.Map) error) error {
	s := jobcache.Selection{From: f.start, To: f.end, Newest: newest}
	if f.functions != nil {
		s.Fun = f.mayMatch
	}
	var instance value.Map
	err := read(ctx, s, func(job *jobcache.Job) error {
		if err := jobInstance(env, job, &instance); err != nil || !f.matches(&instance) {
			return err
		}
		return each(job.JID, &instance)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// filter is what list_jobs and last_run search for; the zero filter takes every job.
type filter struct {
	metadata           value.Value
	functions, targets []string
	start, end         string // bounds of the jid's first 20 digits, inclusive
	noPings            bool   // without the jobs that PingMark marks
}

// PingMark is the key in the metadata of the jobs by which a subscriber asks the minions.
// (Up to 2015.8 a master keeps no metadata, and such a job looks like any other.)
const PingMark = "gorun"

func newFilter(now time.Time, metadata, function, target, start, end value.Value) (*filter, error) {
	f := &filter{}
	if value.Truth(metadata) {
		f.metadata = metadata
	}
	if value.Truth(function) {
		f.functions = splitInput(function)
	}
	if value.Truth(target) {
		f.targets = splitInput(target)
	}
	for _, bound := range []struct {
		name string
		arg  value.Value
		jid  *string
	}{{"start_time", start, &f.start}, {"end_time", end, &f.end}} {
		if !value.Truth(bound.arg) {
			continue
		}
		said, ok := bound.arg.(string)
		if !ok {
			return nil, &CallError{"Parser must be a string or character stream, not " + pythonType(bound.arg)}
		}
		t, err := parseTime(said, now)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrArgument, bound.name, err)
		}
		*bound.jid = jidDigits(t)
	}
	return f, nil
}

// mayMatch tells whether jobs of a function could match. The name of a job of several, and
// one that is not known, are not what is searched: the load tells.
func (f *filter) mayMatch(fun string) bool {
	return fun == "" || strings.Contains(fun, ",") || anyMatches(fun, f.functions)
}

// matches follows salt.runners.jobs.list_jobs, for a job inside the bounds.
func (f *filter) matches(instance *value.Map) bool {
	if f.functions != nil {
		fun, _ := instance.Get("Function")
		if !anyMatches(fun, f.functions) {
			return false
		}
	}
	if f.targets != nil {
		tgt, _ := instance.Get("Target")
		if !anyMatches(tgt, f.targets) {
			return false
		}
	}
	if f.noPings {
		metadata, _ := instance.Get("Metadata")
		m, _ := metadata.(*value.Map)
		if mark, _ := m.Get(PingMark); mark == "ping" {
			return false
		}
	}
	return f.metadata == nil || f.hasMetadata(instance)
}

// anyMatches tells whether the name, or one of a list of names, matches one of the globs.
func anyMatches(names value.Value, globs []string) bool {
	list, ok := names.(value.List)
	if !ok {
		list = value.List{names}
	}
	for _, name := range list {
		for _, glob := range globs {
			if Fnmatch(text(name), glob) {
				return true
			}
		}
	}
	return false
}

// hasMetadata tells whether the job's metadata has one of the pairs that are searched for.
// Salt takes anything but a map to match nothing.
func (f *filter) hasMetadata(instance *value.Map) bool {
	wanted, _ := f.metadata.(*value.Map)
	has, _ := instance.Get("Metadata")
	metadata, ok := has.(*value.Map)
	if wanted == nil || !ok {
		return false
	}
	for _, w := range wanted.Entries {
		for _, h := range metadata.Entries {
			if value.Equal(w.Key, h.Key) && value.Equal(w.Val, h.Val) {
				return true
			}
		}
	}
	return false
}
