package runners

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

var (
	paramTarget     = Param{Name: "tgt", Default: "*"}
	paramTargetType = Param{Name: "tgt_type", Default: "glob"}
	paramTimeout    = Param{Name: "timeout"}
	paramGather     = Param{Name: "gather_job_timeout"}
	paramSource     = Param{Name: "source", KeywordOnly: true}
)

const targetDoc = `
tgt, tgt_type
    Which minions, as in Salt. By glob (the default), list and pcre the cache can tell;
    for all others the minions are asked.
timeout, gather_job_timeout
    As in Salt, in seconds: how long minions have to answer, and those that have not to
    say whether they are still at it.
source
    ping: ask the minions, by test.ping. cache: what the cache knows, however old. auto
    (the default): the cache where a subscriber runs and has heard of each of these
    minions within loop_interval, else ping, and on a master of masters always ping. Set
    for all calls by gorun: {source: …}.`

var manageUp = &Func{
	Name:   "manage.up",
	Doc:    "List the minions that are up: they answer, or their newest sign is one of life.\n" + targetDoc,
	Params: []Param{paramTarget, paramTargetType, paramTimeout, paramGather, paramSource},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		s, a, err := status(ctx, env, statusArgs{args[0], args[1], args[2], args[3], args[4]})
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
    Delete their keys, through the running master. What is asked for then is always
    asked of the minions, never of the cache.` + targetDoc,
	Params: []Param{
		{Name: "removekeys", Default: false}, paramTarget, paramTargetType, paramTimeout, paramGather, paramSource,
	},
	Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		remove, source := value.Truth(args[0]), args[5]
		switch {
		case remove && source == "cache":
			return nil, fmt.Errorf("%w: removekeys=True goes by what the minions answer, not by source=cache", ErrArgument)
		case remove:
			source = "ping"
		}
		s, a, err := status(ctx, env, statusArgs{args[1], args[2], args[3], args[4], source})
		if err != nil {
			return nil, err
		}
		a.Value = s.down.answer(env)
		if remove && len(s.down) > 0 {
			return a, removeKeys(ctx, env, s.down)
		}
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
		s, a, err := status(ctx, env, statusArgs{args[1], args[2], args[3], args[4], args[5]})
		if err != nil {
			return nil, err
		}
		a.Value = value.NewMap("up", value.List(s.up), "down", value.List(s.down))
		return a, nil
	},
}

type statusArgs struct {
	tgt, tgtType, timeout, gather, source value.Value
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

// status tells who of the target is up and who is down, by the source that is asked for.
func status(ctx context.Context, env *Env, args statusArgs) (*upDown, *Answer, error) {
	source, err := sourceOf(env, args.source)
	if err != nil {
		return nil, nil, err
	}
	q := Question{Tgt: args.tgt, TgtType: text(args.tgtType), Fun: "test.ping"}
	if q.Timeout, err = timeoutArg("timeout", args.timeout); err != nil {
		return nil, nil, err
	}
	if q.GatherJobTimeout, err = timeoutArg("gather_job_timeout", args.gather); err != nil {
		return nil, nil, err
	}
	if source == "ping" || source == "auto" && env.OrderMasters { // no cache knows who is below a syndic now
		return pinged(ctx, env, q)
	}
	s, a, err := judged(ctx, env, q, source == "auto")
	if source != "auto" || err == nil || errors.Is(err, ErrArgument) {
		return s, a, err
	}
	why := err // the cache does not know
	if s, a, err = pinged(ctx, env, q); err != nil {
		return nil, nil, fmt.Errorf("%w; asking the minions: %w", why, err)
	}
	return s, a, nil
}

// timeoutArg reads a time-out; 0 where there is none.
func timeoutArg(name string, v value.Value) (time.Duration, error) {
	if s, ok := v.(string); ok {
		if n, err := strconv.ParseInt(s, 10, 32); err == nil {
			v = n
		}
	}
	n, ok := v.(int64)
	if value.Truth(v) && (!ok || n < 0 || n > math.MaxInt32) {
		return 0, fmt.Errorf("%w: %s=%s", ErrArgument, name, text(v))
	}
	return time.Duration(n) * time.Second, nil
}

// noMatch is what Salt prints where a target matches nobody.
const noMatch = "No minions matched the target. No command was sent, no jid was assigned."

// judged takes the accepted minions that the target names by the evidence in the cache;
// present wants it to be about the present, and is ErrStale where it is not.
func judged(ctx context.Context, env *Env, q Question, present bool) (*upDown, *Answer, error) {
	gather := env.GatherJobTimeout
	if q.GatherJobTimeout > 0 {
		gather = q.GatherJobTimeout
	}
	ids, err := env.Accepted()
	if err != nil {
		return nil, nil, err
	}
	ids = slices.Sorted(slices.Values(ids)) // as Python does; salt-key has another order
	matched, err := MatchTarget(ids, q.Tgt, q.TgtType)
	if err != nil {
		return nil, nil, err
	}
	known, err := env.Cache.Status(ctx, env.Now)
	if err != nil {
		return nil, nil, err
	}
	// Jobs that left for the lack of room took no evidence with them.
	known.Holes = slices.DeleteFunc(slices.Clone(known.Holes), func(h jobcache.Hole) bool { return h.Reason == jobcache.MaxSize })
	minions, err := env.Cache.Minions(ctx)
	if err != nil {
		return nil, nil, err
	}
	a := new(Answer)
	if len(matched) == 0 {
		a.Lead = noMatch
	}
	s := &upDown{idList{}, idList{}}
	var unknown, old, missed []string
	newest := env.Now // of what was heard of each, the earliest
	for _, id := range matched {
		v := minions[id].Judge(env.Now, known.PresenceAt, gather)
		if v.Newest.Before(newest) {
			newest = v.Newest
		}
		if mayHaveMissed(known, v) {
			missed = append(missed, id)
		}
		switch v.State {
		case jobcache.Up:
			s.up = append(s.up, id)
		case jobcache.Down:
			s.down = append(s.down, id)
		default:
			unknown = append(unknown, id)
		}
		if !current(env, known, minions[id], v) {
			old = append(old, id)
		}
	}
	if present {
		if err := mustKnow(env, known, newest, old, missed); err != nil {
			return nil, nil, err
		}
	}
	if len(unknown) > 0 {
		a.Stale = true
		a.note("nothing heard yet of %s: neither up nor down", names(unknown))
	}
	if env.OrderMasters {
		a.Stale = true
		a.note("minions of the masters below are left out: source=ping asks them as well")
	}
	a.behind(env, known)
	if !a.missing(known, newest, env.Now) && len(missed) > 0 {
		a.Stale = true
		a.Notes = append(a.Notes, notHeardSince(known, missed))
	}
	return s, a, nil
}

// mayHaveMissed tells whether a hole, though it is filled, may have hidden what would make v
// another verdict: a start or an authentication of who was down before, or, where presence
// events are sent and none has come since, the loss of a minion.
func mayHaveMissed(known jobcache.Status, v jobcache.Verdict) bool {
	if !v.Newest.Before(known.Missed) {
		return false
	}
	return v.State == jobcache.Down || v.State == jobcache.Up && !known.PresenceAt.IsZero() && known.PresenceAt.Before(known.Missed)
}

func notHeardSince(known jobcache.Status, ids []string) string {
	return fmt.Sprintf("the bus was not heard throughout up to %s, nor has it told of %s since",
		known.Missed.Local().Format(time.DateTime), names(ids))
}

func sourceOf(env *Env, arg value.Value) (string, error) {
	source := env.Source
	if value.Truth(arg) {
		source = text(arg)
	}
	switch source {
	case "", "auto":
		return "auto", nil
	case "cache", "ping":
		return source, nil
	}
	return "", fmt.Errorf("%w: source=%s, which may be auto, cache or ping", ErrArgument, source)
}

// current tells whether a verdict is about the present: it rests on the minion's own sign,
// or on its silence, within loop_interval, or on its absence from the newest presence list,
// the next one not being overdue. To be in such a list is no sign of life: minions may share an address.
func current(env *Env, known jobcache.Status, m jobcache.Minion, v jobcache.Verdict) bool {
	young := func(t time.Time) bool { return env.Now.Sub(t) <= env.LoopInterval }
	switch v.State {
	case jobcache.Up:
		return young(m.AliveAt)
	case jobcache.Down:
		return young(v.Since) || m.Listed != jobcache.Present && young(known.PresenceAt.Add(env.LoopInterval))
	}
	return false
}

// mustKnow is ErrStale, with what to do, unless the cache knows the present: of each minion
// something was heard since newest, old were not heard of for long, and of missed signs may
// be missing.
func mustKnow(env *Env, known jobcache.Status, newest time.Time, old, missed []string) error {
	const hint = "source=cache shows what is known"
	switch {
	case !known.Listening:
		return fmt.Errorf("%w: %s; %s", ErrStale, notListening(known, env), hint)
	case known.Waiting > 0:
		return fmt.Errorf("%w: %d events wait for the subscriber; %s", ErrStale, known.Waiting, hint)
	}
	for _, h := range known.Holes {
		if h.Holds(newest, env.Now) {
			return fmt.Errorf("%w: events are missing %s; %s", ErrStale, h, hint)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("%w: %s; %s", ErrStale, notHeardSince(known, missed), hint)
	}
	if len(old) > 0 {
		return fmt.Errorf("%w: no sign of %s within loop_interval; %s", ErrStale, names(old), hint)
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
