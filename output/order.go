package output

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"gorun/value"
)

// compare orders two values as Python does; ok is false where Python raises a
// TypeError. NaN compares as greater than and as equal to nothing: see less.
func compare(a, b value.Value) (order int, ok bool) {
	switch a := plain(a).(type) {
	case string:
		s, ok := b.(string)
		return strings.Compare(a, s), ok
	case value.Bytes:
		s, ok := plain(b).(value.Bytes)
		return bytes.Compare(a, s), ok
	case time.Time:
		t, ok := plain(b).(time.Time)
		return a.Compare(t), ok
	case value.List:
		l, ok := b.(value.List)
		if !ok {
			return 0, false
		}
		for i := range min(len(a), len(l)) {
			if !value.Equal(a[i], l[i]) {
				return compare(a[i], l[i])
			}
		}
		return cmp.Compare(len(a), len(l)), true
	case int64:
		if i, ok := b.(int64); ok {
			return cmp.Compare(a, i), true
		}
	}
	x, okA := integer(a)
	y, okB := integer(b)
	if okA && okB {
		return x.Cmp(y), true
	}
	return compareFloats(a, b)
}

// integer gives an int or a bool as Python's int.
func integer(v value.Value) (*big.Int, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case int64:
		return big.NewInt(v), true
	case uint64:
		return new(big.Int).SetUint64(v), true
	}
	return nil, false
}

// compareFloats compares numbers of which at least one is a float, exactly.
func compareFloats(a, b value.Value) (int, bool) {
	x, okA := float(a)
	y, okB := float(b)
	if !okA || !okB {
		return 0, false
	}
	if x == nil || y == nil {
		return 1, true // NaN is not less than anything, nor anything than it
	}
	return x.Cmp(y), true
}

// float gives any number exactly, and NaN as nil.
func float(v value.Value) (*big.Float, bool) {
	if i, ok := integer(v); ok {
		return new(big.Float).SetInt(i), true
	}
	f, ok := v.(float64)
	if !ok {
		return nil, false
	}
	if math.IsNaN(f) {
		return nil, true
	}
	return big.NewFloat(f), true
}

// less is Python's a < b.
func less(a, b value.Value) (lt, ok bool) {
	order, ok := compare(a, b)
	return order < 0, ok
}

// sortEntries sorts by key, as Python's sorted() does; it returns false, the order
// then being of no use, where Python raises a TypeError: text beside a number, say.
func sortEntries(entries []value.Entry) bool {
	if texts, sorted := keyState(entries); sorted {
		return true
	} else if texts {
		slices.SortFunc(entries, func(a, b value.Entry) int {
			return strings.Compare(a.Key.(string), b.Key.(string))
		})
		return true
	}
	return sortBy(entries, func(e value.Entry) value.Value { return e.Key })
}

// sortBy sorts by any key; what it returns is what sortEntries does.
func sortBy[T any](s []T, key func(T) value.Value) bool {
	comparable := true
	sortPython(s, func(a, b T) bool {
		lt, ok := less(key(a), key(b))
		comparable = comparable && ok
		return lt
	})
	return comparable
}

// keyState tells whether all keys are text, and whether such keys stand in order
// already, which those of most maps do.
func keyState(entries []value.Entry) (texts, sorted bool) {
	sorted = true
	last := ""
	for i := range entries {
		key, ok := entries[i].Key.(string)
		if !ok {
			return false, false
		}
		if key < last {
			sorted = false
		}
		last = key
	}
	return true, sorted
}

// sortPython sorts as CPython's list.sort does, where that can be seen: an order
// that contradicts itself (True < b"" < 0 < True, in pprint's) gives for a short
// list what CPython's own steps give. Lists of 64 and more are merely sorted.
func sortPython[T any](s []T, less func(a, b T) bool) {
	if len(s) >= 64 {
		slices.SortStableFunc(s, func(a, b T) int {
			switch {
			case less(a, b):
				return -1
			case less(b, a):
				return 1
			}
			return 0
		})
		return
	}
	for i := firstRun(s, less); i < len(s); i++ {
		pivot := s[i]
		lo, hi := 0, i
		for lo < hi {
			mid := lo + (hi-lo)/2
			if less(pivot, s[mid]) {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		copy(s[lo+1:i+1], s[lo:i])
		s[lo] = pivot
	}
}

// firstRun returns the length of the run at the start of s that is in order, after
// having turned round one that descends.
func firstRun[T any](s []T, less func(a, b T) bool) int {
	if len(s) < 2 {
		return len(s)
	}
	n := 2
	if !less(s[1], s[0]) {
		for n < len(s) && !less(s[n], s[n-1]) {
			n++
		}
		return n
	}
	for n < len(s) && less(s[n], s[n-1]) {
		n++
	}
	slices.Reverse(s[:n])
	return n
}
