package runners

import (
	"context"
	"fmt"
	"strings"

	"gorun/jobcache"
	"gorun/value"
)

// jobInstance describes a job as salt.utils.jid.format_jid_instance does: a map of
// Function, Arguments, Target, Target-type, User, Metadata if there is any, StartTime. It
// fills m, whatever that held.
func jobInstance(env *Env, job *jobcache.Job, m *value.Map) error {
	load, err := decodeLoad(env, job)
	if err != nil {
		return err
	}
	start, err := env.startTime(job.JID)
	if err != nil {
		return err
	}
	m.Entries = m.Entries[:0]
	appendInstance(m, &load)
	m.Entries = append(m.Entries, value.Entry{Key: "StartTime", Val: start})
	return env.addEndTime(m, job.JID)
}

// startTime is the moment that a jid names. Masters up to 2015.8 knew no unique_jid.
func (env *Env) startTime(jid string) (string, error) {
	if env.OldMaster && strings.Contains(jid, "_") {
		return "", nil
	}
	return jobcache.JIDTime(jid)
}

// addEndTime adds EndTime where Salt keeps one.
func (env *Env) addEndTime(m *value.Map, jid string) error {
	if !env.EndTimes || env.Kept == nil {
		return nil
	}
	end, err := env.Kept.EndTime(jid)
	if err == nil && end != "" {
		m.Entries = append(m.Entries, value.Entry{Key: "EndTime", Val: end})
	}
	return err
}

// load is the part of a job's load that its description is made of.
type load struct {
	fun, arg, tgt, tgtType, user value.Value
	metadata                     value.Value
	hasMetadata                  bool
}

// noArguments is made once, for all jobs of a listing.
var noArguments value.Value = value.List{}

func decodeLoad(env *Env, job *jobcache.Job) (load, error) {
	l := load{fun: "unknown-function", arg: noArguments, tgt: "unknown-target", tgtType: "list", user: "root"}
	if env.OldMaster {
		l.tgtType = value.List{}
	}
	if len(job.Load) == 0 {
		return l, nil
	}
	var kwargs value.Value
	err := value.Entries(job.Load, func(key, raw value.Raw) (err error) {
		name, _ := key.TextBytes()
		switch string(name) {
		case "fun":
			l.fun, err = env.words.decode(raw)
		case "arg":
			l.arg, err = env.words.decode(raw)
		case "tgt":
			l.tgt, err = env.words.decode(raw)
		case "tgt_type":
			l.tgtType, err = env.words.decode(raw)
		case "user":
			l.user, err = env.words.decode(raw)
		case "kwargs":
			kwargs, err = env.words.decode(raw)
		}
		return err
	})
	if err == nil && len(job.Metadata) > 0 {
		l.hasMetadata = true
		l.metadata, err = job.Metadata.Decode()
	}
	if err != nil {
		return load{}, fmt.Errorf("load of job %s: %w", job.JID, err)
	}
	if env.OldMaster { // Salt knew no metadata
		l.hasMetadata = false
	} else if !l.hasMetadata {
		l.metadata, l.hasMetadata = metadataIn(env, kwargs, l.arg)
	}
	return l, nil
}

// words are the small values that a listing meets in job after job (functions, targets,
// users), each decoded once. The value of a load is never changed.
type words map[string]value.Value

const (
	maxWord  = 64   // bytes of msgpack
	maxWords = 4096 // of one answer
)

func (w *words) decode(raw value.Raw) (value.Value, error) {
	if len(raw) > maxWord {
		return raw.Decode()
	}
	if v, ok := (*w)[string(raw)]; ok {
		return v, nil
	}
	v, err := raw.Decode()
	if err == nil && len(*w) < maxWords {
		if *w == nil {
			*w = make(words)
		}
		(*w)[string(raw)] = v
	}
	return v, err
}

// metadataIn finds the metadata that a job carries in its kwargs or, given on the command
// line as metadata={…}, in its arguments.
func metadataIn(env *Env, kwargs, arg value.Value) (value.Value, bool) {
	if m, ok := kwargs.(*value.Map); ok {
		if metadata, ok := m.Get("metadata"); ok {
			return metadata, true
		}
	}
	args, _ := arg.(value.List)
	if env.Python2 { // which looked no further
		args = nil
	}
	for _, a := range args {
		m, ok := a.(*value.Map)
		if !ok {
			continue
		}
		marker, _ := m.Get("__kwarg__")
		if metadata, ok := m.Get("metadata"); ok && marker == true {
			return metadata, true
		}
	}
	return nil, false
}

func appendInstance(m *value.Map, l *load) {
	m.Entries = append(m.Entries,
		value.Entry{Key: "Function", Val: l.fun}, value.Entry{Key: "Arguments", Val: l.arg},
		value.Entry{Key: "Target", Val: l.tgt}, value.Entry{Key: "Target-type", Val: l.tgtType},
		value.Entry{Key: "User", Val: l.user})
	if l.hasMetadata {
		m.Entries = append(m.Entries, value.Entry{Key: "Metadata", Val: l.metadata})
	}
}

// result is that a minion returned.
type result struct {
	minion string
	// trimmed is set where the bus carried the return cut, and Salt's cache has it no better.
	trimmed bool
	stamp   int64 // of the return, in microseconds since 1970
}

// readResults reads who has returned, by minion, and which outputter that names: what they
// returned is read once more when it is needed, one return at a time.
func (j *found) readResults(ctx context.Context) error {
	return j.env.Cache.Returns(ctx, j.jid, func(r *jobcache.Return) error {
		// The outputter is the one that the first return names; up to 2015.8, that any names.
		first := len(j.results) == 0 || j.env.OldMaster && j.outputter == ""
		trimmed := r.Trimmed
		if first || trimmed {
			kept, data, err := wholeResult(j.env, j.job, j.jid, r)
			if err != nil {
				return fmt.Errorf("return of %s to %s: %w", r.Minion, j.jid, err)
			}
			trimmed = kept.Trimmed
			if out, ok := data.Get("out"); ok && first {
				j.outputter, _ = out.(string)
			}
		}
		j.results = append(j.results, result{r.Minion, trimmed, r.Stamp})
		return nil
	})
}

// each calls f with what each of the minions returned, as Salt's cache keeps it: return,
// retcode, success, out, those that came. ErrChanged where some of it has left the cache.
func (j *found) each(ctx context.Context, f func(minion string, data *value.Map) error) error {
	mark, err := j.marks(ctx)
	if err != nil {
		return err
	}
	n := 0
	err = j.env.Cache.Returns(ctx, j.jid, func(r *jobcache.Return) error {
		if !j.returned(r.Minion) { // when the answer began
			return nil
		}
		n++
		whole, data, err := wholeResult(j.env, j.job, j.jid, r)
		if err != nil {
			return fmt.Errorf("return of %s to %s: %w", r.Minion, j.jid, err)
		}
		if !whole.Kept { // which has the marks of failed states
			mark(whole, data)
		}
		return f(r.Minion, data)
	})
	if err == nil && n < len(j.results) {
		err = fmt.Errorf("job %s: %w", j.jid, jobcache.ErrChanged)
	}
	return err
}

// wholeResult is what a minion returned; of a return that the bus carried cut, and of a
// runner whose announcement nobody heard, what Salt's own cache has.
func wholeResult(env *Env, job *jobcache.Job, jid string, r *jobcache.Return) (*jobcache.Return, *value.Map, error) {
	if (r.Trimmed || unannounced(job)) && env.Kept != nil {
		kept, err := env.Kept.Return(jid, r.Minion)
		if err != nil {
			return r, nil, err
		}
		if kept != nil {
			data, err := resultData(env, nil, kept)
			return kept, data, err
		}
	}
	data, err := resultData(env, job, r)
	return r, data, err
}

// unannounced tells of a runner that only its end is known: Salt keeps with the return when it
// began (see runnerResult).
func unannounced(job *jobcache.Job) bool {
	return job != nil && job.Source == jobcache.FromRunner && job.Announced == ""
}

// marks gives what puts into the states of a failed return what Salt's cache has in them
// besides what the minion sent: salt.utils.event.fire_ret_load tells of each failed state by
// an event, and leaves that event's fields in the return before it is stored.
func (j *found) marks(ctx context.Context) (mark func(*jobcache.Return, *value.Map), err error) {
	// Up to 2015.8 fire_ret_load broke off at the first failed state, whichever that was.
	if j.job == nil || j.env.OldMaster || j.job.Fun != "state.sls" && j.job.Fun != "state.highstate" {
		return func(*jobcache.Return, *value.Map) {}, nil
	}
	stamps := make(map[jobcache.Failure]string)
	err = j.env.Cache.Failures(ctx, j.jid, func(f jobcache.Failure) {
		stamps[jobcache.Failure{Minion: f.Minion, Run: f.Run}] = f.Stamp
	})
	return func(r *jobcache.Return, data *value.Map) {
		ret, _ := data.Get("return")
		states, ok := ret.(*value.Map)
		retcode, user := ofReturn(r)
		if !ok || !value.Truth(retcode) {
			return
		}
		for _, s := range states.Entries {
			if state, ok := s.Val.(*value.Map); ok {
				state.Set("retcode", retcode)
				run, _ := state.Get("__run_num__")
				n, _ := run.(int64)
				j.markFailure(state, r.Minion, user, text(s.Key), stamps[jobcache.Failure{Minion: r.Minion, Run: n}])
			}
		}
	}, err
}

func (j *found) markFailure(state *value.Map, minion string, user value.Value, id, stamp string) {
	if result, _ := state.Get("result"); result != false {
		return
	}
	parts := strings.Split(id, "_|-")
	if stamp != "" {
		state.Set("_stamp", stamp)
	}
	state.Set("jid", j.jid)
	state.Set("id", minion)
	state.Set("success", false)
	state.Set("return", "Error: "+parts[0]+"."+parts[len(parts)-1])
	state.Set("fun", j.job.Fun)
	if user != nil {
		state.Set("user", user)
	}
}

// ofReturn reads the return code, and who started the job, which a return says since 3008.
func ofReturn(r *jobcache.Return) (retcode, user value.Value) {
	_ = value.Fields(r.Event, func(key string, val value.Raw) (err error) { // read before
		switch key {
		case "retcode":
			retcode, err = val.Decode()
		case "user":
			user, err = val.Decode()
		}
		return err
	})
	return retcode, user
}

// resultData picks from a return event what Salt's cache keeps of it
// (salt.returners.local_cache.returner).
func resultData(env *Env, job *jobcache.Job, r *jobcache.Return) (*value.Map, error) {
	if job != nil && job.Source == jobcache.FromRunner {
		return runnerResult(job, r)
	}
	kept := []string{"return", "retcode", "success", "out"}
	if env.OldMaster {
		kept = []string{"return", "out"}
	}
	raw := make([]value.Raw, len(kept))
	err := value.Fields(r.Event, func(key string, val value.Raw) error {
		for i, name := range kept {
			if key == name {
				raw[i] = val
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := &value.Map{Entries: make([]value.Entry, 0, len(kept))}
	for i, name := range kept {
		if raw[i] == nil {
			continue
		}
		v, err := raw[i].Decode()
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, value.Entry{Key: name, Val: v})
	}
	return m, nil
}

// runnerResult is the return of a runner: the whole event, though with the _stamp of the
// announcement, for Salt fires both with one dict and keeps it in between.
func runnerResult(job *jobcache.Job, r *jobcache.Return) (*value.Map, error) {
	v, err := r.Event.Decode()
	if err != nil {
		return nil, err
	}
	data, ok := v.(*value.Map)
	if !ok {
		return nil, value.ErrNotMap
	}
	if job.Announced != "" {
		data.Set("_stamp", job.Announced)
	}
	return value.NewMap("return", data), nil
}
