// Package value holds Salt's dynamic data: what a msgpack payload, a runner's
// answer or a YAML argument can be, with nothing lost on the way. Maps keep their
// order and any type of key, bytes stay apart from text, integers keep their width,
// and extension types keep their code. It is a leaf: it imports nothing of gorun.
package value

import (
	"bytes"
	"math"
	"slices"
)

// A Value is one piece of Salt's data. Its dynamic type is one of
//
//	nil, bool, int64, uint64 (only above math.MaxInt64), float64,
//	string, Bytes, List, *Map, Ext
//
// What a runner answers may have Rows in the place of a *Map, as the whole of it or as the
// value of a map's key, and may be Unsorted.
//
// A string is whatever came as msgpack str or, from a Python 2 master, as raw:
// its bytes are usually, but not always, valid UTF-8.
type Value = any

// Bytes is msgpack's bin: Python's bytes, never text.
type Bytes []byte

// List is a Python list (or tuple, or set: msgpack does not tell them apart).
type List []Value

// Ext is a msgpack extension value. Salt sends dates as [ExtDate] and its own
// constants as [ExtConstant]; others are kept as they came.
type Ext struct {
	Code int8
	Data string
}

// The extension codes of salt.payload.
const (
	ExtDate     int8 = 78 // text of the form 20060102T15:04:05.000000
	ExtConstant int8 = 79 // msgpack of [name, value]
)

// Entry is one key of a map with its value.
type Entry struct {
	Key, Val Value
}

// Map is a Python dict: it keeps the order of its keys, and a key may be of any
// type. The zero Map is empty and ready for use.
type Map struct {
	Entries []Entry
}

// NewMap returns a map of the given pairs: key, value, key, value, …
func NewMap(pairs ...Value) *Map {
	m := &Map{Entries: make([]Entry, 0, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i], pairs[i+1])
	}
	return m
}

// Len returns the number of entries; a nil map has none.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.Entries)
}

// Rows is a map whose entries are read while they are used, for there may be more of them
// than memory: it calls f with each, in the order of the keys, and gives back what f returns.
// A map that is the value of an entry is valid until f returns, what it holds for longer. Rows
// may be called again.
type Rows func(f func(key string, val Value) error) error

// Unsorted is a map in another order than that of its keys, in which Sorted gives them.
type Unsorted struct{ Rows, Sorted Rows }

// Behind is the map of r, whose keys are in order, and of those behind it that have a text for
// a value.
func (r Rows) Behind(keys []string, text string) Unsorted {
	give := func(keys []string, f func(string, Value) error) error {
		for _, key := range keys {
			if err := f(key, text); err != nil {
				return err
			}
		}
		return nil
	}
	return Unsorted{
		Rows: func(f func(string, Value) error) error {
			if err := r(f); err != nil {
				return err
			}
			return give(keys, f)
		},
		Sorted: func(f func(string, Value) error) error {
			rest := slices.Sorted(slices.Values(keys))
			err := r(func(key string, val Value) error {
				n, _ := slices.BinarySearch(rest, key)
				before := rest[:n]
				rest = rest[n:]
				if err := give(before, f); err != nil {
					return err
				}
				return f(key, val)
			})
			if err != nil {
				return err
			}
			return give(rest, f)
		},
	}
}

// Collect reads the map into memory.
func (r Rows) Collect() (*Map, error) {
	m := NewMap()
	err := r(func(key string, val Value) error {
		if inner, ok := val.(*Map); ok {
			val = &Map{Entries: slices.Clone(inner.Entries)}
		}
		m.Entries = append(m.Entries, Entry{key, val})
		return nil
	})
	return m, err
}

// Get returns the value of a text key. A nil map has no keys.
func (m *Map) Get(key string) (Value, bool) {
	if m == nil {
		return nil, false
	}
	for i := range m.Entries {
		if k, ok := m.Entries[i].Key.(string); ok && k == key {
			return m.Entries[i].Val, true
		}
	}
	return nil, false
}

// Set gives key a value, in the place it already has or else at the end.
func (m *Map) Set(key, val Value) {
	for i := range m.Entries {
		if Equal(m.Entries[i].Key, key) {
			m.Entries[i].Val = val
			return
		}
	}
	m.Entries = append(m.Entries, Entry{key, val})
}

// Equal tells whether two values are equal as Python has it: 1, 1.0 and True are,
// text and bytes never are, and the order of a map does not count.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		s, ok := b.(string)
		return ok && s == a
	case Bytes:
		s, ok := b.(Bytes)
		return ok && bytes.Equal(a, s)
	case Ext:
		return a == b
	case List:
		l, ok := b.(List)
		if !ok || len(l) != len(a) {
			return false
		}
		for i := range a {
			if !Equal(a[i], l[i]) {
				return false
			}
		}
		return true
	case *Map:
		m, ok := b.(*Map)
		return ok && equalMaps(a, m)
	}
	return equalNumbers(a, b)
}

func equalMaps(a, b *Map) bool {
	if a.Len() != b.Len() {
		return false
	}
	for _, e := range a.Entries {
		found := false
		for _, f := range b.Entries {
			if Equal(e.Key, f.Key) {
				found = Equal(e.Val, f.Val)
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func equalNumbers(a, b Value) bool {
	na, fa, ok := number(a)
	nb, fb, okb := number(b)
	if !ok || !okb {
		return false
	}
	if na == nil || nb == nil { // at least one true float
		return fa == fb
	}
	return na == nb
}

// number gives an integer (or a bool, or a float without a fraction) as a
// comparable, else nil beside the float.
func number(v Value) (exact any, f float64, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), 1, true
		}
		return int64(0), 0, true
	case int64:
		return v, float64(v), true
	case uint64:
		return v, float64(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), v, true
		}
		return nil, v, true
	}
	return nil, 0, false
}

// Truth is Python's truth of a value: nil, false, zero and whatever is empty are
// false.
func Truth(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case uint64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Bytes:
		return len(v) > 0
	case List:
		return len(v) > 0
	case *Map:
		return v.Len() > 0
	}
	return true
}
