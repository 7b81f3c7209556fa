package check

import (
	"context"
	"errors"
	"fmt"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// Target names minions as Salt does.
type Target struct {
	Tgt, Type string
}

// Minions checks how many of the accepted minions that the target names are down. One that
// is down though its connection stands, as presence events say, is unresponsive.
func Minions(ctx context.Context, env *runners.Env, target Target, limits Thresholds) (*Result, error) {
	up, down, err := status(ctx, env, target)
	if err != nil {
		return nil, err
	}
	evidence, err := env.Cache.Minions(ctx)
	if err != nil && !errors.Is(err, jobcache.ErrNoStore) { // the minions themselves have been asked
		return nil, err
	}
	var gone, unresponsive []string
	for _, id := range down {
		if evidence[id].Listed == jobcache.Present {
			unresponsive = append(unresponsive, id)
		} else {
			gone = append(gone, id)
		}
	}
	total := len(up) + len(down)
	r := &Result{
		Name: "MINIONS", Status: limits.Judge(len(down), total),
		Message:  fmt.Sprintf("%d of %d minions are up", len(up), total),
		Subjects: []Group{{"down", gone}, {"unresponsive", unresponsive}},
		Figures: []Figure{
			limits.figure("down", len(down), total),
			{Name: "unresponsive", Value: float64(len(unresponsive))}, {Name: "up", Value: float64(len(up))},
		},
	}
	if total == 0 {
		r.Status, r.Message = Unknown, fmt.Sprintf("no accepted minion matches %s %s", target.Type, target.Tgt)
	}
	return r, nil
}

// status asks manage.status, from wherever that may take a true answer. Errors are those of
// the function, and runners.ErrStale for an answer that may not be the present truth.
func status(ctx context.Context, env *runners.Env, target Target) (up, down []string, err error) {
	f, ok := runners.Lookup("manage.status")
	if !ok {
		panic("manage.status is a function of runners")
	}
	args, err := runners.Bind(f.Name, f.Params, nil, value.NewMap("tgt", target.Tgt, "tgt_type", target.Type))
	if err != nil {
		return nil, nil, err
	}
	answer, err := f.Run(ctx, env, args)
	if err != nil {
		return nil, nil, err
	}
	if answer.Stale {
		return nil, nil, notCurrent(answer.Notes)
	}
	m, _ := answer.Value.(*value.Map)
	return idsOf(m, "up"), idsOf(m, "down"), nil
}

// notCurrent is the error of an answer that may not be the present truth.
func notCurrent(notes []string) error {
	if len(notes) == 0 {
		return runners.ErrStale
	}
	return fmt.Errorf("%w: %s", runners.ErrStale, notes[0])
}

func idsOf(m *value.Map, key string) []string {
	if m == nil {
		return nil
	}
	v, _ := m.Get(key)
	list, _ := v.(value.List)
	ids := make([]string, 0, len(list))
	for _, id := range list {
		if s, ok := id.(string); ok {
			ids = append(ids, s)
		}
	}
	return ids
}
