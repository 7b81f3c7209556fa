package runners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// MinionState is how far a minion is with a job.
type MinionState string

// The states of a minion in a job.
const (
	Returned MinionState = "returned"
	Failed   MinionState = "failed"  // returned, and says that it failed
	Working  MinionState = "working" // find_job found it at work
	Gone     MinionState = "gone"    // find_job found it not at work, and no return came
	Silent   MinionState = "silent"  // it did not answer find_job
	Down     MinionState = "down"    // it is down, by other evidence
	Waiting  MinionState = "waiting" // nothing is known yet
)

// MinionProgress is how far one minion is with a job.
type MinionProgress struct {
	ID    string
	State MinionState
	// At is when that was shown, in microseconds since 1970; 0 where it is not known.
	At int64
	// Why is the evidence, for people; empty for a plain return.
	Why string
	// PID is the process in which a minion works, as it said itself; nil where it did not.
	PID value.Value
}

// AtWork tells whether the minion may be at the job: it was found so, or nothing says
// otherwise.
func (m MinionProgress) AtWork() bool { return m.State == Working || m.State == Waiting }

// HasReturned tells whether it has returned, well or not.
func (m MinionProgress) HasReturned() bool { return m.State == Returned || m.State == Failed }

// Missing tells of each of these jobs, oldest first, how far the minions are that have not
// returned, by id. Jobs that the cache does not have are left out. It looks at no more than
// so many of the newest find_jobs.
func Missing(ctx context.Context, env *Env, jids []string, finds int) (map[string][]MinionProgress, error) {
	all := make(map[string][]MinionProgress, len(jids))
	if len(jids) == 0 {
		return all, nil
	}
	e, err := newEvidence(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := e.findSince(ctx, jids[0], finds); err != nil {
		return nil, err
	}
	for _, jid := range jids {
		job, err := env.Cache.Job(ctx, jid)
		if errors.Is(err, jobcache.ErrUnknownJob) { // it left for its age
			continue
		}
		if err != nil {
			return nil, err
		}
		if all[jid], _, err = e.missing(ctx, job); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// evidence is what tells how far minions are that have not returned.
type evidence struct {
	env   *Env
	judge func(id string) jobcache.Verdict
	asked map[string][]string // the jids of the find_jobs about a jid, oldest first
}

func newEvidence(ctx context.Context, env *Env) (*evidence, error) {
	judge, err := judgeOf(ctx, env)
	return &evidence{env: env, judge: judge, asked: make(map[string][]string)}, err
}

// judgeOf tells of each minion what the evidence comes to; nothing, where Salt's own cache is
// read, which keeps none.
func judgeOf(ctx context.Context, env *Env) (func(id string) jobcache.Verdict, error) {
	minions, err := env.Cache.Minions(ctx)
	if errors.Is(err, jobcache.ErrNoStore) {
		return func(string) jobcache.Verdict { return jobcache.Verdict{} }, nil
	}
	if err != nil {
		return nil, err
	}
	known, err := env.Cache.Status(ctx, env.Now)
	return func(id string) jobcache.Verdict {
		return minions[id].Judge(env.Now, known.PresenceAt, env.GatherJobTimeout)
	}, err
}

const findJobFun = "saltutil.find_job"

// note keeps what a find_job asks for; of one after the other, the oldest first.
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

// findSince notes the find_jobs since a jid, whatever they are about: the newest ones, if there
// are more than most.
func (e *evidence) findSince(ctx context.Context, jid string, most int) error {
	n := 0
	since := findJobs(jid)
	since.Newest = true
	err := e.env.Cache.Jobs(ctx, since, func(job *jobcache.Job) error {
		if n++; n > most {
			return errEnough
		}
		return e.note(job)
	})
	for _, jids := range e.asked {
		slices.Reverse(jids)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// findAbout notes the find_jobs about a job up to a time; zero: up to now. Most are about other
// jobs, and not taken apart: that one which is about this has its jid in the load.
func (e *evidence) findAbout(ctx context.Context, jid string, until time.Time) error {
	about := findJobs(jid)
	if !until.IsZero() {
		about.To = e.env.jidAt(until)
	}
	named := []byte(jid)
	return e.env.Cache.Jobs(ctx, about, func(job *jobcache.Job) error {
		if !bytes.Contains(job.Load, named) {
			return nil
		}
		return e.note(job)
	})
}

// findJobs selects the find_jobs since a jid.
func findJobs(since string) jobcache.Selection {
	return jobcache.Selection{
		From: since[:min(20, len(since))],
		Fun:  func(name string) bool { return name == findJobFun },
	}
}

// afterEnd is how long after its end find_jobs about a job are looked for. Who waits for it asks
// every few seconds (timeout, gather_job_timeout); an hour is what a clock may be set back by.
const afterEnd = time.Hour

// askedUntil is up to when find_jobs say something of a job: none does that was asked after all
// have returned. Zero where some have not: they may be asked about at any time.
func askedUntil(job *jobcache.Job, returned map[string]MinionProgress) time.Time {
	end := int64(0)
	for _, id := range job.Minions {
		m, ok := returned[id]
		if !ok {
			return time.Time{}
		}
		end = max(end, m.At)
	}
	if end == 0 { // whom it went to is not known
		return time.Time{}
	}
	return time.UnixMicro(end).Add(afterEnd)
}

// missing tells how far the minions are that have not returned to a job, by id, and which
// have.
func (e *evidence) missing(ctx context.Context, job *jobcache.Job) (missing []MinionProgress, returned []string, err error) {
	if len(job.Minions) == 0 {
		return nil, nil, nil
	}
	if returned, err = e.env.Cache.Returned(ctx, job.JID); err != nil {
		return nil, nil, err
	}
	ids := slices.DeleteFunc(slices.Sorted(slices.Values(job.Minions)), func(id string) bool {
		_, ok := slices.BinarySearch(returned, id)
		return ok
	})
	if len(ids) == 0 {
		return nil, returned, nil
	}
	rounds, err := e.rounds(ctx, job.JID)
	for _, id := range ids {
		missing = append(missing, e.without(rounds, id, job))
	}
	return missing, returned, err
}

// progress tells how far a job is that these minions have returned, and reads the find_jobs
// about it, oldest first.
func progress(
	ctx context.Context, env *Env, job *jobcache.Job, returned map[string]MinionProgress,
) (minions []MinionProgress, rounds []round, err error) {
	e, err := newEvidence(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	if err := e.findAbout(ctx, job.JID, askedUntil(job, returned)); err != nil {
		return nil, nil, err
	}
	if rounds, err = e.rounds(ctx, job.JID); err != nil {
		return nil, nil, err
	}
	ids := slices.Clone(job.Minions)
	for id := range returned {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		m, ok := returned[id]
		if !ok {
			m = e.without(rounds, id, job)
		}
		minions = append(minions, m)
	}
	return minions, rounds, nil
}

// without judges a minion that has not returned: by the newest find_job about the job that
// it was asked, unless it is known to have gone down since.
func (e *evidence) without(rounds []round, id string, job *jobcache.Job) MinionProgress {
	m := MinionProgress{ID: id, State: Waiting, Why: "nothing was heard of it since it was asked"}
	for _, r := range slices.Backward(rounds) {
		if !r.has(id) {
			continue
		}
		switch answer, ok := r.answers[id]; {
		case ok && answer.working:
			m.State, m.At, m.PID, m.Why = Working, answer.stamp, answer.pid, "find_job "+r.jid+" found it at work"
		case ok:
			m.State, m.At, m.Why = Gone, answer.stamp, "find_job "+r.jid+" found it not at work, and no return came"
		case r.over:
			m.State, m.At, m.Why = Silent, r.stamp, "did not answer find_job "+r.jid
		default: // it may still answer
			continue
		}
		break
	}
	if m.AtWork() {
		if v := e.judge(id); v.State == jobcache.Down && v.Since.UnixMicro() > m.At {
			m.State, m.At, m.Why = Down, v.Since.UnixMicro(), v.Why
		} else if m.State == Waiting && v.State == jobcache.Up && v.Since.UnixMicro() > job.Stamp {
			m.At, m.Why = v.Since.UnixMicro(), "it is up, and has not returned"
		}
	}
	return m
}

// round is one find_job about a job.
type round struct {
	jid     string
	stamp   int64
	asked   []string // by id
	answers map[string]foundJob
	over    bool // gather_job_timeout has passed
}

// foundJob is a minion's answer to a find_job.
type foundJob struct {
	stamp   int64
	working bool
	pid     value.Value
}

func (f foundJob) String() string {
	if f.working {
		return fmt.Sprintf("working (pid %v)", f.pid)
	}
	return "not at work"
}

// has tells whether a minion was asked.
func (r *round) has(id string) bool {
	_, ok := slices.BinarySearch(r.asked, id)
	return ok
}

// rounds reads the find_jobs about a jid, oldest first.
func (e *evidence) rounds(ctx context.Context, jid string) ([]round, error) {
	rounds := make([]round, len(e.asked[jid]))
	for i, question := range e.asked[jid] {
		if err := rounds[i].read(ctx, e.env, question); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// read fills in who was asked and what they answered.
func (r *round) read(ctx context.Context, env *Env, jid string) error {
	job, err := env.Cache.Job(ctx, jid)
	if err != nil {
		return err
	}
	r.jid, r.stamp = jid, job.Stamp
	r.asked = slices.Sorted(slices.Values(job.Minions))
	r.over = env.Now.UnixMicro() >= r.stamp+env.GatherJobTimeout.Microseconds()
	r.answers = make(map[string]foundJob)
	return env.Cache.Returns(ctx, jid, func(ret *jobcache.Return) error {
		m, _ := findJobAnswer(ret).(*value.Map)
		pid, _ := m.Get("pid")
		r.answers[ret.Minion] = foundJob{stamp: ret.Stamp, working: m.Len() > 0, pid: pid}
		return nil
	})
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
