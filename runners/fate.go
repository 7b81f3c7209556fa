package runners

import (
	"context"
	"slices"

	"gorun/jobcache"
)

// fates are what a minion's part of a job can have come to without a return in time, in
// words for a note.
var fates = []struct {
	state MinionState
	said  string
}{
	{Working, "still at it"},
	{Gone, "not returned, and not at it when find_job asked"},
	{Silent, "not returned, and find_job not answered"},
	{Returned, "returned late, after find_job had asked"},
}

// why notes what became of the minions that have not returned, or not in time: as Salt
// judges it, by what they answered to find_job.
func (j *found) why(ctx context.Context, a *Answer) error {
	if j.job == nil || j.job.Source != jobcache.FromNew {
		return nil
	}
	returned := make(map[string]MinionProgress, len(j.results))
	for _, r := range j.results {
		returned[r.minion] = MinionProgress{ID: r.minion, State: Returned, At: r.stamp}
	}
	minions, rounds, err := progress(ctx, j.env, j.job, returned)
	if err != nil || len(rounds) == 0 {
		return err
	}
	came := make(map[MinionState][]string)
	for _, m := range minions {
		if m.State != Returned || late(m, rounds) {
			came[m.State] = append(came[m.State], m.ID)
		}
	}
	for _, fate := range fates {
		if ids := came[fate.state]; len(ids) > 0 {
			a.note("%s: %s", fate.said, names(ids))
		}
	}
	return nil
}

// late tells whether a minion returned after a find_job had asked whether it was at it.
func late(m MinionProgress, rounds []round) bool {
	return slices.ContainsFunc(rounds, func(r round) bool { return r.stamp < m.At && r.has(m.ID) })
}
