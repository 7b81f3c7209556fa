package runners

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorun/value"
)

// Master is the running master, which answers what no cache can know, and acts. Errors
// are those of asking it.
type Master interface {
	// Ask sends a question to minions and gathers what they return.
	Ask(ctx context.Context, q Question) (*Replies, error)
	// Call has the master run a function of a runner, whose answer it returns.
	Call(ctx context.Context, fun string, args []value.Value, kwargs *value.Map) (*Answer, error)
	// DeleteKeys deletes the accepted keys of minions.
	DeleteKeys(ctx context.Context, ids []string) error
}

// Question is a function that minions are to run, one that changes nothing.
type Question struct {
	Tgt          value.Value
	TgtType, Fun string
	// Timeout and GatherJobTimeout are Salt's settings of those names where they are 0.
	Timeout, GatherJobTimeout time.Duration
}

// Replies are what minions returned.
type Replies struct {
	// Asked are the minions that the master sent the question to; none is where the target
	// matched nobody.
	Asked []string
	// Returned maps those that returned to what; they may be more than were asked.
	Returned map[string]value.Value
	// Answered are those that have not returned, but said afterwards that they were not at
	// it (any more): something is there, though Salt counts them as down.
	Answered []string
}

// ask puts a question to the minions; ErrNeedsMaster where nobody can.
func (env *Env) ask(ctx context.Context, q Question) (*Replies, error) {
	if env.Master == nil {
		return nil, fmt.Errorf("asking the minions %w", ErrNeedsMaster)
	}
	return env.Master.Ask(ctx, q)
}

// pinged asks the minions, as salt.runners.manage._ping does.
func pinged(ctx context.Context, env *Env, q Question) (*upDown, *Answer, error) {
	r, err := env.ask(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	a := new(Answer)
	if len(r.Asked) == 0 && !env.OrderMasters && !env.OldMaster {
		a.Lead = noMatch
	}
	s := &upDown{idList{}, idList{}}
	for _, id := range slices.Sorted(maps.Keys(r.Returned)) {
		s.up = append(s.up, id)
	}
	for _, id := range slices.Sorted(slices.Values(r.Asked)) {
		if _, up := r.Returned[id]; !up {
			s.down = append(s.down, id)
		}
	}
	if len(r.Answered) > 0 {
		a.note("%s did not return, and answered afterwards", names(r.Answered))
	}
	return s, a, nil
}

// removeKeys deletes the keys of minions that are down.
func removeKeys(ctx context.Context, env *Env, down idList) error {
	if env.Master == nil {
		return fmt.Errorf("removekeys: %w", ErrNeedsMaster)
	}
	ids := make([]string, len(down))
	for i, id := range down {
		ids[i] = text(id)
	}
	if err := env.Master.DeleteKeys(ctx, ids); err != nil {
		return fmt.Errorf("removekeys: %w", err)
	}
	return nil
}
