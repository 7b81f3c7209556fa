package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// looker reads the store. What cannot change any more is not read again.
type looker struct {
	ctx context.Context // of all looks: bubbletea's commands have none
	cfg Config

	mu     sync.Mutex // one look at a time
	last   *snapshot
	judged map[string]job  // by jid, those of the last look
	fresh  []ret           // returns that this look has met
	seen   jobcache.Status // at the last reading
	took   time.Duration   // by it
	page   jobPage         // the job that was opened last
}

func newLooker(ctx context.Context, cfg Config) *looker {
	return &looker{ctx: ctx, cfg: cfg, judged: make(map[string]job)}
}

// settled is how long after its beginning an unfinished job, which nobody is at, is looked at
// only now and then: once in seldom.
const (
	settled = 2 * time.Minute
	seldom  = time.Minute
)

// ask opens the store for one question.
func (l *looker) ask(question func(Store, *runners.Env) error) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	store, err := l.cfg.Open()
	if err != nil {
		return err
	}
	defer func() {
		if e := store.Close(); err == nil && !errors.Is(e, jobcache.ErrChanged) { // the next look is a second away
			err = e
		}
	}()
	env := *l.cfg.Env
	env.Now = time.Now()
	env.Cache = store
	return question(store, &env)
}

// again is after how long a store that has not changed is read again: some of what it tells,
// such as that a minion did not answer in time, comes by the passing of time alone.
const again = 30 * time.Second

// look returns what the store tells now. Where nothing has changed since the last look, only
// the time is new.
func (l *looker) look() (next *snapshot, changed bool, err error) {
	err = l.ask(func(store Store, env *runners.Env) error {
		known, err := store.Status(l.ctx, env.Now)
		if err != nil {
			return err
		}
		if last := l.last; last != nil && l.enough(last.read, known, env.Now) {
			same := *last
			same.at, same.known = env.Now, known
			next = &same
			return nil
		}
		changed = true
		env.OldMaster, env.Python2 = known.Era == jobcache.UpTo2015, known.Era != jobcache.Since3000
		next = &snapshot{at: env.Now, read: env.Now, known: known}
		if err := l.minions(store, env, next); err != nil {
			return err
		}
		if err := l.jobs(store, env, next); err != nil {
			return err
		}
		if err := l.returns(store, next); err != nil {
			return err
		}
		l.seen, l.took = known, time.Since(env.Now)
		return nil
	})
	if err == nil {
		l.last = next
	}
	return next, changed, err
}

// share is which part of the time may be spent with reading: one of so many.
const share = 10

// enough tells whether what was read then is still to be shown: nothing has changed since, or
// to read it takes so long that the machine would do little else.
func (l *looker) enough(read time.Time, known jobcache.Status, now time.Time) bool {
	age := now.Sub(read)
	same := l.seen.Events == known.Events && l.seen.Heartbeat.Equal(known.Heartbeat)
	return same && age < again || age < share*l.took
}

// minions judges the accepted minions, or where their keys cannot be listed, those that the
// store has heard of.
func (l *looker) minions(store Store, env *runners.Env, next *snapshot) error {
	evidence, err := store.Minions(l.ctx)
	if err != nil {
		return err
	}
	ids, err := env.Accepted()
	if err != nil {
		next.problem = "the accepted keys cannot be listed: minions are those that were heard of"
		for id := range evidence {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	for _, id := range ids {
		m := evidence[id]
		m.ID = id
		next.minions = append(next.minions, minion{m, m.Judge(env.Now, next.known.PresenceAt, env.GatherJobTimeout)})
	}
	order := map[jobcache.State]int{jobcache.Down: 0, jobcache.Unknown: 1, jobcache.Up: 2}
	slices.SortStableFunc(next.minions, func(a, b minion) int { return cmp.Compare(order[a.State], order[b.State]) })
	return nil
}

// call asks a function of a runner.
func call(ctx context.Context, env *runners.Env, name string, args ...value.Value) (*runners.Answer, error) {
	f, ok := runners.Lookup(name)
	if !ok {
		panic(name + " is a function of runners")
	}
	bound, err := runners.Bind(f.Name, f.Params, args, value.NewMap())
	if err != nil {
		return nil, err
	}
	return f.Run(ctx, env, bound)
}

// jobs lists the newest jobs, and finds out who is at them.
func (l *looker) jobs(store Store, env *runners.Env, next *snapshot) error {
	env.Cache = listed{store}
	answer, err := call(l.ctx, env, "jobs.list_jobs_filter", int64(newestJobs), true)
	if err != nil {
		return err
	}
	list, _ := answer.Value.(value.List)
	judged := make(map[string]job, len(list))
	var open []string // the newest first
	for _, v := range list {
		j := jobLine(v)
		old, seen := l.judged[j.jid]
		if seen && (old.complete() || old.running == 0 && env.Now.Sub(old.began) > settled && env.Now.Sub(old.looked) < seldom) {
			judged[j.jid] = old
			continue
		}
		if err := l.count(store, &j); err != nil {
			return err
		}
		j.looked = env.Now
		judged[j.jid] = j
		if !j.complete() && j.asked > 0 {
			open = append(open, j.jid)
		}
	}
	env.Cache = store
	slices.Sort(open)
	missing, err := runners.Missing(l.ctx, env, open, newestFinds)
	if err != nil {
		return err
	}
	for _, v := range slices.Backward(list) {
		j := judged[jidOf(v)]
		if parts, ok := missing[j.jid]; ok {
			j.running = atWork(parts)
			judged[j.jid] = j
		}
		next.jobs = append(next.jobs, j)
	}
	l.judged = judged
	return nil
}

// atWork is how many of the minions may still return.
func atWork(minions []runners.MinionProgress) (n int) {
	for _, m := range minions {
		if m.AtWork() {
			n++
		}
	}
	return n
}

// count finds out how many minions a job went to and how many have returned, and keeps the
// newest of those returns.
func (l *looker) count(store Store, j *job) error {
	known, err := store.Job(l.ctx, j.jid)
	if errors.Is(err, jobcache.ErrUnknownJob) {
		return nil
	}
	if err != nil {
		return err
	}
	j.asked = len(known.Minions)
	j.began = time.UnixMicro(known.Stamp)
	return store.ReturnStamps(l.ctx, j.jid, func(id string, stamp int64) error {
		j.returned++
		if l.fresh = append(l.fresh, ret{jid: j.jid, minion: id, fun: j.fun, at: time.UnixMicro(stamp)}); len(l.fresh) > 10*newestReturns {
			l.fresh = newest(l.fresh)
		}
		return nil
	})
}

// newest cuts a list of returns to the newest of them, each once.
func newest(all []ret) []ret {
	slices.SortStableFunc(all, func(a, b ret) int { return b.at.Compare(a.at) })
	type key struct{ jid, minion string }
	seen := make(map[key]bool, newestReturns)
	kept := all[:0]
	for _, r := range all {
		if k := (key{r.jid, r.minion}); !seen[k] && len(kept) < newestReturns {
			seen[k] = true
			kept = append(kept, r)
		}
	}
	return kept
}

// returns puts those that this look has met to those of the last one, and judges the new.
func (l *looker) returns(store Store, next *snapshot) error {
	var all []ret
	if l.last != nil {
		all = slices.Clone(l.last.returns)
	}
	all = newest(append(all, l.fresh...))
	l.fresh = l.fresh[:0]
	for i := range all {
		if all[i].state != "" {
			continue
		}
		var err error
		if all[i].state, err = result(l.ctx, store, all[i].jid, all[i].minion); err != nil {
			return err
		}
	}
	next.returns = all
	return nil
}

// result judges a return by its retcode, its success and its states.
func result(ctx context.Context, store Store, jid, id string) (string, error) {
	r, err := store.Return(ctx, jid, id)
	if err != nil {
		return "", err
	}
	if r == nil { // it left in the meantime
		return stateLeft, nil
	}
	switch ok, err := r.Succeeded(); {
	case err != nil:
		return stateUnreadable, nil // one bad return is no reason to show nothing
	case ok:
		return stateOK, nil
	}
	return stateFailed, nil
}

// jobLine shortens an entry of jobs.list_jobs_filter.
func jobLine(v value.Value) job {
	m, ok := v.(*value.Map)
	if !ok {
		return job{}
	}
	get := func(key string) string {
		v, _ := m.Get(key)
		return words(v)
	}
	return job{jid: jidOf(v), fun: get("Function"), tgt: get("Target"), arg: get("Arguments"), user: get("User")}
}

func jidOf(v value.Value) string {
	m, ok := v.(*value.Map)
	if !ok {
		return ""
	}
	jid, _ := m.Get("JID")
	text, _ := jid.(string)
	return text
}

// words writes a value in a line, visibly and short.
func words(v value.Value) string {
	var parts []string
	switch v := v.(type) {
	case nil:
	case value.List:
		size := 0
		for _, e := range v {
			if size > maxWords {
				break
			}
			part := words(e)
			size += len(part)
			parts = append(parts, part)
		}
	case *value.Map:
		size := 0
		for _, e := range v.Entries {
			if size > maxWords {
				break
			}
			if e.Key == "__kwarg__" {
				continue
			}
			part := words(e.Key) + "=" + words(e.Val)
			size += len(part)
			parts = append(parts, part)
		}
	default:
		parts = []string{fmt.Sprint(v)}
	}
	text := strings.Join(parts, " ")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return visible(text)
}
