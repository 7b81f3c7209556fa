package runners

import (
	"context"
	"fmt"

	"gorun/jobcache"
	"gorun/value"
)

// verdicts are one of each minion, in the order in which they became known.
type verdicts struct {
	m  *value.Map
	at map[string]int // its place in m
}

// newVerdicts is False of each id.
func newVerdicts(ids []string) *verdicts {
	all := &verdicts{value.NewMap(), make(map[string]int, len(ids))}
	for _, id := range ids {
		all.set(id, false)
	}
	return all
}

func (v *verdicts) set(id string, verdict bool) {
	if i, ok := v.at[id]; ok {
		v.m.Entries[i].Val = verdict
		return
	}
	v.at[id] = len(v.m.Entries)
	v.m.Entries = append(v.m.Entries, value.Entry{Key: id, Val: verdict})
}

// strictSuccess tells of each minion of a job whether it returned and succeeded.
func (j *found) strictSuccess(ctx context.Context) (*value.Map, error) {
	all := newVerdicts(j.minions())
	err := j.env.Cache.Returns(ctx, j.jid, func(r *jobcache.Return) error {
		ok, err := r.Succeeded()
		if err != nil {
			return fmt.Errorf("return of %s to %s: %w", r.Minion, j.jid, err)
		}
		all.set(r.Minion, ok)
		return nil
	})
	return all.m, err
}
