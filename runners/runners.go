// Package runners answers what salt-run's runners manage and jobs answer. Each function is
// a pure question to a job cache: it prints nothing and changes nothing. What it cannot
// know for certain it says in the answer's notes.
package runners

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var (
	// ErrNeedsMaster is returned when only the running master could answer or act.
	ErrNeedsMaster = errors.New("needs the running master")
	// ErrStale is returned when the cache does not know the present, and the caller asked
	// for no less.
	ErrStale = errors.New("the job cache does not know the present state")
	// ErrSource is returned when the answer would be in a job cache other than the master's
	// local one.
	ErrSource = errors.New("gorun reads the master's local job cache only")
	// ErrArgument is returned when an argument has a value that cannot be.
	ErrArgument = errors.New("invalid argument")
)

// Cache is what the runners ask of a job cache; jobcache.Reader documents the methods.
type Cache interface {
	Job(ctx context.Context, jid string) (*jobcache.Job, error)
	Jobs(ctx context.Context, s jobcache.Selection, f func(*jobcache.Job) error) error
	Returns(ctx context.Context, jid string, f func(*jobcache.Return) error) error
	Returned(ctx context.Context, jid string) ([]string, error)
	Failures(ctx context.Context, jid string, f func(jobcache.Failure)) error
	Minions(ctx context.Context) (map[string]jobcache.Minion, error)
	Status(ctx context.Context, now time.Time) (jobcache.Status, error)
}

// Kept is what Salt's own job cache has beyond what the bus carries; jobcache.SaltCache
// documents the methods.
type Kept interface {
	Return(jid, minion string) (*jobcache.Return, error)
	EndTime(jid string) (string, error)
}

// Env is what a function knows besides its arguments.
type Env struct {
	Cache Cache
	// Kept is Salt's own job cache, nil where it cannot be read.
	Kept Kept
	// EndTimes is set where Salt keeps the time of a job's end (job_cache_store_endtime).
	EndTimes bool
	Now      time.Time
	// UTCJID is set where the times in jids are in UTC (utc_jid).
	UTCJID bool
	// Accepted lists the ids of the accepted keys, sorted.
	Accepted func() ([]string, error)
	// Master is the running master, nil where it cannot be asked.
	Master Master
	// Presence tells which minions are connected.
	Presence Presence
	// Running lists the runners at work on the master, as maps of fun, jid, user, fun_args
	// and pid.
	Running func() ([]*value.Map, error)
	// Timeout, GatherJobTimeout and LoopInterval are Salt's settings of those names.
	Timeout, GatherJobTimeout, LoopInterval time.Duration
	// OrderMasters is set for a master of masters, which has not the keys of all its minions.
	OrderMasters bool
	// Source is where manage.* take their answer from if the call does not say.
	Source string
	// Progress, where set, is told what Salt fires as progress events
	// (display_progress=True).
	Progress func(message string)
	// OldMaster is set for a master up to 2015.8, whose own salt-run answers differently.
	OldMaster bool
	// Python2 is set for a master up to 2019.2 on Python 2.
	Python2 bool
	// ExtJobCache and MasterJobCache are Salt's settings of those names.
	ExtJobCache, MasterJobCache string

	words words
}

// progress tells a step, if the call asks for that.
func (env *Env) progress(wanted value.Value, format string, args ...any) {
	if value.Truth(wanted) && env.Progress != nil {
		env.Progress(fmt.Sprintf(format, args...))
	}
}

// Args are a function's arguments, in the order of its Params.
type Args []value.Value

// Answer is what a function answers.
type Answer struct {
	// Value is the answer. The value.Rows in it are read from the cache while they are
	// printed; their errors are those of the cache.
	Value value.Value
	// Outputter is the one that the answer itself names, or empty.
	Outputter string
	// Lead is a line that Salt prints before the answer, or empty.
	Lead string
	// Notes are facts about the answer, one each, that belong on stderr.
	Notes []string
	// Stale is set where the answer may not be the present truth; Notes say why.
	Stale bool
	// Failed is set where the answer is a failure: an unknown jid.
	Failed bool
}

// note adds a fact.
func (a *Answer) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}

// Func is one function of a runner.
type Func struct {
	// Name is the dotted name, as in jobs.list_jobs.
	Name string
	// Doc is its help: the first line says what it is for.
	Doc    string
	Params []Param
	// Run answers. Errors are those above and those of the cache. It is nil for a function
	// that tells of things as they happen, which is the caller's to do.
	Run func(ctx context.Context, env *Env, args Args) (*Answer, error)
}

// Lookup finds a function by its dotted name.
func Lookup(name string) (*Func, bool) {
	for _, f := range All() {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}
