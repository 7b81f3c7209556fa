package jobcache

import (
	"bytes"
	"strings"

	"gorun/value"
)

// Succeeded judges a return by more than its truth: the retcode is zero, the event says
// success, and no state's result is False. A job of several functions has a retcode and a
// success for each. Errors are those of value: a return that cannot be read.
func (r *Return) Succeeded() (bool, error) {
	ok := true
	err := value.Entries(r.Event, func(key, raw value.Raw) error {
		name, _ := key.TextBytes()
		switch string(name) {
		case "retcode", "success":
		case "return":
			if !bytes.Contains(raw, resultFalse) { // most returns need not be taken apart
				return nil
			}
		default:
			return nil
		}
		v, err := raw.Decode()
		if err != nil {
			return err
		}
		switch string(name) {
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

// resultFalse is in every return that holds a state whose result is False, however its
// msgpack writes the length of a text: the end of the key, and msgpack's False.
var resultFalse = []byte("result\xc2")

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
