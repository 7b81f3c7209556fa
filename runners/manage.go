package runners

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// currentFor is how long a sign of a minion counts as knowledge of the present where
// presence events do not renew it.
const currentFor = 5 * time.Minute

var (
	paramTarget     = Param{Name: "tgt", Default: "*"}
	paramTargetType = Param{Name: "tgt_type", Default: "glob"}
	paramTimeout    = Param{Name: "timeout"}
	paramGather     = Param{Name: "gather_job_timeout"}
	paramSource     = Param{Name: "source", KeywordOnly: true}
)

const targetDoc = `
tgt, tgt_type
    Which of the accepted minions: glob (the default), list or pcre.
timeout, gather_job_timeout
    As in Salt, in seconds; a minion that leaves a find_job unanswered for
    gather_job_timeout is down.
source
    cache: what the cache knows, however old. auto (the default): the cache where it
    knows the present, else an error. Set for all calls by gorun: {source: …}.`

var manageUp = &Func{
	Name:   "manage.up",
	Doc:    "List the minions that are up: those whose newest sign is one of life.\n" + targetDoc,
	Params: []Param{paramTarget, paramTargetType, paramTimeout, paramGather, paramSource},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		s, a, err := status(ctx, env, statusArgs{args[0], args[1], args[3], args[4]})
		if err != nil {
			return nil, err
		}
		a.Value = s.up.answer(env)
		return a, nil
	},
}

var manageDown = &Func{
	Name: "manage.down",
	Doc: `List the accepted minions that are down.

removekeys
    Delete their keys; not in this version.` + targetDoc,
	Params: []Param{
		{Name: "removekeys", Default: false}, paramTarget, paramTargetType, paramTimeout, paramGather, paramSource,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		if value.Truth(args[0]) {
			return nil, fmt.Errorf("removekeys: %w", ErrNeedsMaster)
		}
		s, a, err := status(ctx, env, statusArgs{args[1], args[2], args[4], args[5]})
		if err != nil {
			return nil, err
		}
		a.Value = s.down.answer(env)
		return a, nil
	},
}

var manageStatus = &Func{
	Name: "manage.status",
	Doc: `List the accepted minions in two lists, up and down.

output
    Without meaning, as in Salt.` + targetDoc,
	Params: []Param{
		{Name: "output", Default: true}, paramTarget, paramTargetType, paramTimeout, paramGather, paramSource,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		s, a, err := status(ctx, env, statusArgs{args[1], args[2], args[4], args[5]})
		if err != nil {
			return nil, err
		}
		a.Value = value.NewMap("up", value.List(s.up), "down", value.List(s.down))
		return a, nil
	},
}

type statusArgs struct {
	tgt, tgtType, gather, source value.Value
}

// upDown are ids, sorted.
type upDown struct {
	up, down idList
}

type idList value.List

// answer is the list; salt-run up to 2015.8 prints each id in a line of its own.
func (ids idList) answer(env *Env) value.Value {
	if !env.OldMaster {
		return value.List(ids)
	}
	var lines []string
	for _, id := range ids {
		lines = append(lines, text(id))
	}
	return strings.Join(lines, "\n")
}

// status judges the accepted minions that the target names by the evidence in the cache.
func status(ctx context.Context, env *Env, args statusArgs) (*upDown, *Answer, error) {
	source, err := sourceOf(env, args.source)
	if err != nil {
		return nil, nil, err
	}
	gather := env.GatherJobTimeout
	if value.Truth(args.gather) {
		seconds, ok := args.gather.(int64)
		if !ok || seconds < 0 {
			return nil, nil, fmt.Errorf("%w: gather_job_timeout=%s", ErrArgument, text(args.gather))
		}
		gather = time.Duration(seconds) * time.Second
	}
	ids, err := env.Accepted()
	if err != nil {
		return nil, nil, err
	}
	matched, err := MatchTarget(ids, args.tgt, text(args.tgtType))
	if err != nil {
		return nil, nil, err
	}
	known, err := env.Cache.Status(ctx, env.Now)
	if err != nil {
		return nil, nil, err
	}
	minions, err := env.Cache.Minions(ctx)
	if err != nil {
		return nil, nil, err
	}
	a := new(Answer)
	if len(matched) == 0 {
		a.Lead = "No minions matched the target. No command was sent, no jid was assigned."
	}
	s := &upDown{idList{}, idList{}}
	var unknown, old []string
	for _, id := range matched {
		m := minions[id]
		v := m.Judge(env.Now, known.PresenceAt, gather)
		switch v.State {
		case jobcache.Up:
			s.up = append(s.up, id)
		case jobcache.Down:
			s.down = append(s.down, id)
		default:
			unknown = append(unknown, id)
		}
		if !current(env, known, v) {
			old = append(old, id)
		}
	}
	if source == "auto" {
		if err := mustKnow(env, known, old); err != nil {
			return nil, nil, err
		}
	}
	if len(unknown) > 0 {
		a.Stale = true
		a.note("nothing heard yet of %s: neither up nor down", names(unknown))
	}
	if !known.Listening {
		a.Stale = true
		a.Notes = append(a.Notes, notListening(known, env))
	}
	return s, a, nil
}

func sourceOf(env *Env, arg value.Value) (string, error) {
	source := env.Source
	if value.Truth(arg) {
		source = text(arg)
	}
	switch source {
	case "", "auto":
		return "auto", nil
	case "cache":
		return source, nil
	case "ping":
		return "", fmt.Errorf("source=ping: %w", ErrNeedsMaster)
	}
	return "", fmt.Errorf("%w: source=%s, which may be auto, cache or ping", ErrArgument, source)
}

// current tells whether a verdict is about the present: its evidence is young, or presence
// events would have told of a change.
func current(env *Env, known jobcache.Status, v jobcache.Verdict) bool {
	if v.State == jobcache.Unknown {
		return false
	}
	if env.Now.Sub(v.Since) <= currentFor {
		return true
	}
	return env.Now.Sub(known.PresenceAt) <= max(3*env.LoopInterval, currentFor)
}

// mustKnow is ErrStale, with what to do, unless the cache knows the present.
func mustKnow(env *Env, known jobcache.Status, old []string) error {
	const hint = "source=cache shows what is known"
	if !known.Listening {
		return fmt.Errorf("%w: %s; %s", ErrStale, notListening(known, env), hint)
	}
	if len(old) > 0 {
		return fmt.Errorf("%w: no recent sign of %s, and no presence events (presence_events: True); %s",
			ErrStale, names(old), hint)
	}
	return nil
}

// notListening says that, and up to when, the cache was kept current.
func notListening(known jobcache.Status, env *Env) string {
	if known.Heartbeat.IsZero() {
		return "no subscriber has been connected to the bus yet (start one: gorun subscribe)"
	}
	return fmt.Sprintf("no subscriber is listening to the bus: the cache is of %s, %s ago (start one: gorun subscribe)",
		known.Heartbeat.Local().Format(time.DateTime), env.Now.Sub(known.Heartbeat).Truncate(time.Second))
}

// names lists a few ids for people.
func names(ids []string) string {
	const most = 5
	if len(ids) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
	}
	return strings.Join(ids, ", ")
}
