package runners

import (
	"context"
	"fmt"
	"strings"

	"gorun/jobcache"
	"gorun/value"
)

// Succeeded judges a return by more than its truth: the retcode is zero, the event says
// success, and no state's result is False. A job of several functions has a retcode and a
// success for each.
func Succeeded(r *jobcache.Return) (bool, error) {
	ok := true
	err := value.Fields(r.Event, func(key string, raw value.Raw) error {
		switch key {
		case "retcode", "success", "return":
		default:
			return nil
		}
		v, err := raw.Decode()
		if err != nil {
			return err
		}
		switch key {
		case "retcode":
			ok = ok && allOf(v, func(code value.Value) bool { return !value.Truth(code) })
		case "success":
			ok = ok && allOf(v, value.Truth)
		case "return":
			ok = ok && !stateFailed(v)
		}
		return nil
	})
	return ok, err
}

// allOf tells whether good is true of v, or of each value in it where it is a map.
func allOf(v value.Value, good func(value.Value) bool) bool {
	m, ok := v.(*value.Map)
	if !ok {
		return good(v)
	}
	for _, e := range m.Entries {
		if !good(e.Val) {
			return false
		}
	}
	return true
}

// stateFailed tells whether a return holds a state whose result is False. States are known
// by the form of their ids (file_|-motd_|-/etc/motd_|-managed); an orchestration has them
// below data and the master's id, a job of several functions below the function. None, the
// result of a test run that would change something, is no failure
// (salt.utils.state.check_result).
func stateFailed(v value.Value) bool {
	m, ok := v.(*value.Map)
	if !ok {
		return false
	}
	for _, e := range m.Entries {
		inner, ok := e.Val.(*value.Map)
		if !ok {
			continue
		}
		result, has := inner.Get("result")
		if id, _ := e.Key.(string); has && strings.Contains(id, "_|-") {
			if result == false {
				return true
			}
		} else if stateFailed(inner) {
			return true
		}
	}
	return false
}

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
		ok, err := Succeeded(r)
		if err != nil {
			return fmt.Errorf("return of %s to %s: %w", r.Minion, j.jid, err)
		}
		all.set(r.Minion, ok)
		return nil
	})
	return all.m, err
}
