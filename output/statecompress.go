package output

import (
	"strconv"
	"strings"

	"gorun/value"
)

// stateParts separates the parts of a state's key: module, id, name and function.
const stateParts = "_|-"

// compress rolls the states of an id that had several names, and the same result,
// into one state. Where it cannot, the data is shown as it is, or rather as it was
// left by then: that is Salt's doing as well.
func (h *highstate) compress(m *value.Map) *value.Map {
	out := &value.Map{}
	for _, host := range m.Entries {
		states, err := compressHost(host.Val)
		if err != nil {
			h.o.log().Warn("state_compress_ids: states are shown uncompressed", "reason", err)
			return m
		}
		out.Entries = append(out.Entries, value.Entry{Key: host.Key, Val: states})
	}
	return out
}

// compressed names what makes states one: module, id, sls and result.
func compressed(key string, state *value.Map) (string, error) {
	module, _, _ := strings.Cut(key, stateParts)
	parts := []string{module}
	for _, name := range []string{"__id__", "__sls__", "result"} {
		val, err := field(state, name)
		if err != nil {
			return "", err
		}
		parts = append(parts, str(val))
	}
	return strings.Join(parts, "_"), nil
}

func compressHost(v value.Value) (*value.Map, error) {
	states, ok := v.(*value.Map)
	if !ok {
		return nil, errHighstate
	}
	groups := make([]string, states.Len())
	counts := map[string]int{}
	for i, e := range states.Entries {
		key, isText := e.Key.(string)
		state, isMap := e.Val.(*value.Map)
		if !isText || !isMap {
			return nil, errHighstate
		}
		group, err := compressed(key, state)
		if err != nil {
			return nil, err
		}
		groups[i] = group
		counts[group]++
	}
	out := &value.Map{}
	for i, e := range states.Entries {
		key, state := e.Key.(string), e.Val.(*value.Map)
		n := counts[groups[i]]
		if n == 1 {
			out.Set(key, state)
			continue
		}
		key, err := compressedKey(key, state, n)
		if err != nil {
			return nil, err
		}
		first, ok := out.Get(key)
		if !ok {
			out.Set(key, state)
			continue
		}
		if err := merge(first.(*value.Map), state); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compressedKey is the key that n states have together.
func compressedKey(key string, state *value.Map, n int) (string, error) {
	parts := strings.Split(key, stateParts)
	if len(parts) < 3 {
		return "", errHighstate
	}
	id, _ := state.Get("__id__")
	sls, _ := state.Get("__sls__")
	result, _ := state.Get("result")
	parts[2] = strings.Join([]string{"state_compressed", str(sls), str(id), str(result)}, "_")
	parts[1] = str(id) + " (" + strconv.Itoa(n) + ")"
	return strings.Join(parts, stateParts), nil
}

// merge adds a state to the one that stands for all: the lowest number, the sum of
// the durations, the earliest start, and the changes of each under its name.
func merge(first, state *value.Map) error {
	for _, name := range []string{"__run_num__", "duration", "start_time"} {
		a, err := field(state, name)
		if err != nil {
			return err
		}
		b, err := field(first, name)
		if err != nil {
			return err
		}
		if name == "duration" {
			if b, err = sumDurations(a, b); err != nil {
				return err
			}
		} else if lt, ok := less(b, a); !ok {
			return errKeyOrder
		} else if !lt {
			b = a
		}
		first.Set(name, b)
	}
	return mergeChanges(first, state)
}

func sumDurations(a, b value.Value) (value.Value, error) {
	x, okX := integer(a)
	y, okY := integer(b)
	if okX && okY && x.IsInt64() && y.IsInt64() {
		return x.Add(x, y).Int64(), nil
	}
	if _, ok := compare(a, int64(0)); !ok { // text that holds a number is none here
		return nil, errNoNumber
	}
	if _, ok := compare(b, int64(0)); !ok {
		return nil, errNoNumber
	}
	f, _ := number(a)
	g, _ := number(b)
	return round(f+g, 3), nil
}

// mergeChanges follows Salt in when the changes of the first state get their name.
func mergeChanges(first, state *value.Map) error {
	const key = "compressed changes"
	changes, _ := state.Get("changes")
	if !value.Truth(changes) {
		return nil
	}
	name, err := field(state, "name")
	if err != nil {
		return err
	}
	before, _ := first.Get("changes")
	if !value.Truth(before) {
		first.Set("changes", value.NewMap(key, value.NewMap(name, changes)))
		return nil
	}
	all, ok := before.(*value.Map)
	if !ok {
		return errHighstate
	}
	if named, _ := all.Get(key); !value.Truth(named) {
		firstName, err := field(first, "name")
		if err != nil {
			return err
		}
		all = value.NewMap(key, value.NewMap(firstName, before))
		first.Set("changes", all)
	}
	named, _ := all.Get(key)
	m, ok := named.(*value.Map)
	if !ok {
		return errHighstate
	}
	m.Set(name, changes)
	return nil
}
