package runners

import (
	"context"
	"fmt"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var jobsTimeline = &Func{
	Name: "jobs.timeline",
	Doc: `Tell how a job went: who was asked when, who answered find_job, returned, or never did.

Times are those of the events, in UTC; Took and After are seconds since the job was
announced. Rounds are the find_job jobs by which somebody asked who was still at it; those
asked more than an hour after all had returned are left out.
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
	progressed, asked, err := progress(ctx, j.env, j.job, returned)
	if err != nil {
		return nil, err
	}
	rounds := value.List{}
	for _, r := range asked {
		rounds = append(rounds, r.describe(j.job.Stamp))
	}
	minions := value.NewMap()
	for _, m := range progressed {
		entry := value.NewMap("State", string(m.State))
		if m.At > 0 {
			entry.Set("At", stampText(m.At))
			announced := j.job.Source == jobcache.FromNew && j.job.Stamp > 0
			if announced && m.HasReturned() {
				entry.Set("Took", seconds(m.At-j.job.Stamp))
			}
		}
		if m.Why != "" {
			entry.Set("Why", m.Why)
		}
		if heard := heardOf(asked, m.ID); len(heard) > 0 {
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

// heardOf lists what a minion answered to find_job, round by round.
func heardOf(rounds []round, id string) value.List {
	var list value.List
	for _, r := range rounds {
		if !r.has(id) {
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
