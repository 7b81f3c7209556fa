package runners

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var jobsTimeline = &Func{
	Name: "jobs.timeline",
	Doc: `Tell how a job went: who was asked when, who answered find_job, returned, or never did.

Times are those of the events, in UTC; Took and After are seconds since the job was
announced. Rounds are the find_job jobs by which somebody asked who was still at it.
State is returned, failed (returned, and a retcode, success or state says failure),
working, gone (at work no more, without a return), silent (find_job unanswered), down,
or waiting; Why says what it goes by.

jid
    The job's id.`,
	Params: []Param{paramJID},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		j, err := findJob(ctx, env, args[0], nil)
		if err != nil {
			return nil, err
		}
		if j.job == nil {
			return j.answer(ctx, env, value.NewMap())
		}
		body, err := j.timeline(ctx)
		if err != nil {
			return nil, err
		}
		return j.answer(ctx, env, value.NewMap(j.jid, body))
	},
}

// timeline is the body of jobs.timeline.
func (j *found) timeline(ctx context.Context) (*value.Map, error) {
	body := value.NewMap()
	if err := jobInstance(j.env, j.job, body); err != nil {
		return nil, err
	}
	returned := make(map[string]MinionProgress)
	err := j.env.Cache.Returns(ctx, j.jid, func(r *jobcache.Return) error {
		m, _, err := outcome(j.env, j.job, r)
		returned[r.Minion] = m
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := progressOf(ctx, j.env, j.job, returned)
	if err != nil {
		return nil, err
	}
	rounds := value.List{}
	for _, r := range p.rounds {
		rounds = append(rounds, r.describe(j.job.Stamp))
	}
	minions := value.NewMap()
	for _, m := range p.minions {
		entry := value.NewMap("State", string(m.State))
		if m.At > 0 {
			entry.Set("At", stampText(m.At))
			announced := j.job.Source == jobcache.FromNew && j.job.Stamp > 0
			if announced && (m.State == Returned || m.State == Failed) {
				entry.Set("Took", seconds(m.At-j.job.Stamp))
			}
		}
		if m.Why != "" {
			entry.Set("Why", m.Why)
		}
		if heard := p.heard(m.ID); len(heard) > 0 {
			entry.Set("Find_job", heard)
		}
		minions.Entries = append(minions.Entries, value.Entry{Key: m.ID, Val: entry})
	}
	body.Entries = append(body.Entries,
		value.Entry{Key: "Asked", Val: stampText(j.job.Stamp)},
		value.Entry{Key: "Rounds", Val: rounds},
		value.Entry{Key: "Minions", Val: minions})
	return body, nil
}

// stampText writes the time of an event; nil where it is not known.
func stampText(us int64) value.Value {
	if us == 0 {
		return nil
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
}

// seconds is a span of microseconds, to the millisecond.
func seconds(us int64) value.Value {
	return float64((us+500)/1000) / 1000
}

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
}

// jobProgress is what is known of a job's way.
type jobProgress struct {
	minions []MinionProgress // by id
	rounds  []round          // oldest first
}

// round is one find_job about the job.
type round struct {
	jid     string
	stamp   int64
	asked   []string
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

// outcome tells what a return comes to, and the return itself.
func outcome(env *Env, job *jobcache.Job, r *jobcache.Return) (MinionProgress, *value.Map, error) {
	m := MinionProgress{ID: r.Minion, State: Returned, At: r.Stamp}
	whole, data, err := wholeResult(env, job, job.JID, r)
	ok := false
	if err == nil {
		ok, err = whole.Succeeded()
	}
	if err != nil {
		return m, nil, fmt.Errorf("return of %s to %s: %w", r.Minion, job.JID, err)
	}
	if !ok {
		m.State, m.Why = Failed, "its retcode, success or a state says so"
	}
	return m, data, nil
}

// progressOf tells how far a job is that these minions have returned.
func progressOf(ctx context.Context, env *Env, job *jobcache.Job, returned map[string]MinionProgress) (*jobProgress, error) {
	p := new(jobProgress)
	var err error
	ids := slices.Clone(job.Minions)
	for id := range returned {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if p.rounds, err = roundsOf(ctx, env, job.JID); err != nil {
		return nil, err
	}
	judge, err := judgeOf(ctx, env)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		m, ok := returned[id]
		if !ok {
			m = p.without(id, job, judge)
		}
		p.minions = append(p.minions, m)
	}
	return p, nil
}

// without tells about a minion that has not returned.
func (p *jobProgress) without(id string, job *jobcache.Job, judge func(id string) jobcache.Verdict) MinionProgress {
	m := MinionProgress{ID: id, State: Waiting, Why: "nothing was heard of it since it was asked"}
	for _, r := range slices.Backward(p.rounds) {
		if !slices.Contains(r.asked, id) {
			continue
		}
		switch answer, ok := r.answers[id]; {
		case ok && answer.working:
			m.State, m.At, m.Why = Working, answer.stamp, "find_job "+r.jid+" found it at work"
		case ok:
			m.State, m.At, m.Why = Gone, answer.stamp, "find_job "+r.jid+" found it not at work, and no return came"
		case r.over:
			m.State, m.At, m.Why = Silent, r.stamp, "did not answer find_job "+r.jid
		default: // it may still answer
			continue
		}
		break
	}
	if m.State == Working || m.State == Waiting {
		if v := judge(id); v.State == jobcache.Down && v.Since.UnixMicro() > m.At {
			m.State, m.At, m.Why = Down, v.Since.UnixMicro(), v.Why
		} else if m.State == Waiting && v.State == jobcache.Up && v.Since.UnixMicro() > job.Stamp {
			m.At, m.Why = v.Since.UnixMicro(), "it is up, and has not returned"
		}
	}
	return m
}

// heard lists what a minion answered to find_job, round by round.
func (p *jobProgress) heard(id string) value.List {
	var list value.List
	for _, r := range p.rounds {
		if !slices.Contains(r.asked, id) {
			continue
		}
		said := "no answer"
		if !r.over {
			said = "no answer yet"
		}
		if answer, ok := r.answers[id]; ok {
			said = answer.String()
		}
		list = append(list, r.jid+": "+said)
	}
	return list
}

// describe tells of a round; since is when the job was announced.
func (r *round) describe(since int64) *value.Map {
	var working, idle, silent value.List
	for _, id := range r.asked {
		answer, ok := r.answers[id]
		switch {
		case !ok:
			silent = append(silent, id)
		case answer.working:
			working = append(working, id)
		default:
			idle = append(idle, id)
		}
	}
	return value.NewMap("jid", r.jid, "At", stampText(r.stamp), "After", seconds(r.stamp-since),
		"Working", working, "Not at work", idle, "No answer", silent)
}

const findJobFun = "saltutil.find_job"

// roundsOf finds the find_jobs about a jid.
func roundsOf(ctx context.Context, env *Env, jid string) ([]round, error) {
	var rounds []round
	later := jobcache.Selection{
		From: jid[:min(20, len(jid))],
		Fun:  func(name string) bool { return name == findJobFun },
	}
	err := env.Cache.Jobs(ctx, later, func(job *jobcache.Job) error {
		load, err := decodeLoad(env, job)
		if err != nil {
			return err
		}
		if args, _ := load.arg.(value.List); len(args) > 0 && text(args[0]) == jid {
			rounds = append(rounds, round{jid: job.JID})
		}
		return nil
	})
	for i := range rounds {
		if err != nil {
			break
		}
		err = rounds[i].read(ctx, env)
	}
	return rounds, err
}

// read fills in who was asked and what they answered.
func (r *round) read(ctx context.Context, env *Env) error {
	job, err := env.Cache.Job(ctx, r.jid)
	if err != nil {
		return err
	}
	r.asked = slices.Sorted(slices.Values(job.Minions))
	r.stamp = job.Stamp
	r.over = env.Now.UnixMicro() >= r.stamp+env.GatherJobTimeout.Microseconds()
	r.answers = make(map[string]foundJob)
	return env.Cache.Returns(ctx, r.jid, func(ret *jobcache.Return) error {
		m, _ := findJobAnswer(ret).(*value.Map)
		pid, _ := m.Get("pid")
		r.answers[ret.Minion] = foundJob{stamp: ret.Stamp, working: m.Len() > 0, pid: pid}
		return nil
	})
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
