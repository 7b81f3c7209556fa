package runners

import (
	"context"
	"fmt"
	"slices"

	"gorun/jobcache"
	"gorun/value"
)

// fate is what the find_jobs about a job, which salt and others send to those that have
// not returned in time, have shown of one minion.
type fate struct {
	first    int64  // when it was asked first, in microseconds since 1970
	last     int64  // when it was asked last
	question string // the jid of the newest
	answered bool   // whether it answered that
	working  bool   // that it was at it
}

// fates reads what is known of each minion that was asked about a job, by id.
func fates(ctx context.Context, env *Env, jid string) (map[string]fate, error) {
	var questions []string
	s := jobcache.Selection{From: jid[:20], Fun: func(name string) bool { return name == "saltutil.find_job" }}
	err := env.Cache.Jobs(ctx, s, func(job *jobcache.Job) error {
		load, err := decodeLoad(env, job)
		if args, _ := load.arg.(value.List); err == nil && len(args) > 0 && text(args[0]) == jid {
			questions = append(questions, job.JID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	of := make(map[string]fate)
	for _, question := range questions {
		job, err := env.Cache.Job(ctx, question)
		if err != nil {
			return nil, err
		}
		answers, err := returnsOf(ctx, env, question, findJobAnswer)
		if err != nil {
			return nil, err
		}
		for _, id := range job.Minions {
			f := of[id]
			if f.first == 0 {
				f.first = job.Stamp
			}
			answer, answered := answers[id]
			m, _ := answer.(*value.Map)
			of[id] = fate{f.first, job.Stamp, question, answered, m.Len() > 0}
		}
	}
	return of, nil
}

// why notes what became of the minions that have not returned, or not in time: as Salt
// judges it, by what they answered to find_job.
func (j *found) why(ctx context.Context, a *Answer) error {
	if j.job == nil || j.job.Source != jobcache.FromNew {
		return nil
	}
	of, err := fates(ctx, j.env, j.jid)
	if err != nil || len(of) == 0 {
		return err
	}
	var kinds [4][]string
	var questions [4]string
	add := func(kind int, id string, f fate) {
		kinds[kind] = append(kinds[kind], id)
		questions[kind] = max(questions[kind], f.question)
	}
	silent := j.env.Now.Add(-j.env.GatherJobTimeout).UnixMicro()
	for _, id := range j.missing() {
		switch f, asked := of[id]; {
		case !asked:
		case f.working:
			add(0, id, f)
		case f.answered:
			add(1, id, f)
		case f.last <= silent:
			add(2, id, f)
		}
	}
	for _, r := range j.results {
		if f, asked := of[r.minion]; asked && r.stamp > f.first {
			add(3, r.minion, f)
		}
	}
	for kind, said := range []string{
		"still at it, says find_job %s", "not returned, and not at it, says find_job %s",
		"not returned, and find_job %s not answered", "returned late, after find_job %s",
	} {
		if ids := kinds[kind]; len(ids) > 0 {
			slices.Sort(ids)
			a.Notes = append(a.Notes, fmt.Sprintf(said, questions[kind])+": "+names(ids))
		}
	}
	return nil
}
