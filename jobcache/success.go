package jobcache

import (
	"bytes"
	"strings"

	"gorun/value"
)

// Outcome is what a return comes to.
type Outcome int8

const (
	// Unjudged is that of a return which nobody has looked at.
	Unjudged Outcome = iota
	// Good is that of one that Succeeded.
	Good
	// Bad is that of one that did not.
	Bad
)

// Succeeded judges a return by more than its truth: the retcode is zero, the event says
// success, and no state's result is False. A job of several functions has a retcode and a
// success for each. Errors are those of value: a return that cannot be read.
func (r *Return) Succeeded() (bool, error) {
	if r.Outcome != Unjudged {
		return r.Outcome == Good, nil
	}
	var retcode, success, ret value.Raw
	err := value.Entries(r.Event, func(key, raw value.Raw) error {
		name, _ := key.TextBytes()
		switch string(name) {
		case "retcode":
			retcode = raw
		case "success":
			success = raw
		case "return":
			ret = raw
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	outcome, err := Judge(retcode, success, ret)
	return outcome == Good, err
}

// Judge is the outcome of a return by its parts, each empty where the event has none.
func Judge(retcode, success, ret value.Raw) (Outcome, error) {
	ok := true
	if !mayFail(ret) { // most returns need not be taken apart
		ret = nil
	}
	for _, part := range []struct {
		raw  value.Raw
		good func(value.Value) bool
	}{
		{retcode, func(v value.Value) bool { return allOf(v, func(code value.Value) bool { return !value.Truth(code) }) }},
		{success, func(v value.Value) bool { return allOf(v, value.Truth) }},
		{ret, func(v value.Value) bool { return !stateFailed(v) }},
	} {
		if len(part.raw) == 0 {
			continue
		}
		v, err := part.raw.Decode()
		if err != nil {
			return Bad, err
		}
		ok = ok && part.good(v)
	}
	if ok {
		return Good, nil
	}
	return Bad, nil
}

// mayFail tells whether a return may hold a state whose result is False: msgpack's False
// stands right behind the key, however the length of that is written.
func mayFail(ret value.Raw) bool {
	for {
		i := bytes.IndexByte(ret, msgpackFalse)
		if i < 0 {
			return false
		}
		if bytes.HasSuffix(ret[:i], []byte("result")) {
			return true
		}
		ret = ret[i+1:]
	}
}

const msgpackFalse = 0xc2

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
