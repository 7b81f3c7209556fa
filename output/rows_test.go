package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gorun/value"
)

// rowsOf gives the entries of a map as a reader of a store would: what it gave before is gone
// with the next one.
func rowsOf(m *value.Map) value.Rows {
	return func(f func(string, value.Value) error) error {
		var shared value.Map
		for _, e := range m.Entries {
			val := e.Val
			if inner, ok := val.(*value.Map); ok {
				shared.Entries = append(shared.Entries[:0], inner.Entries...)
				val = &shared
			}
			if err := f(e.Key.(string), val); err != nil {
				return err
			}
		}
		return nil
	}
}

// around puts v where runners have rows: as the whole answer, or below the keys of maps.
func around(v value.Value, depth int) value.Value {
	if depth > 0 {
		v = value.NewMap("jid", "20260319000002469134", "Result", v, "EndTime", nil)
	}
	if depth > 1 {
		v = value.NewMap("20260319000002469134", v)
	}
	return v
}

// TestRows: rows are printed as the map that they are, by every outputter, wherever they stand.
func TestRows(t *testing.T) {
	sizes := []int{0, 1, 2, 127, 128, 6*128 + 1}
	for seed := range uint64(15) {
		g := newGenerator(seed)
		m := value.NewMap()
		for i := range sizes[g.IntN(len(sizes))] {
			v := g.value(2)
			if g.IntN(2) == 0 {
				v = g.mapping(2)
			}
			m.Entries = append(m.Entries, value.Entry{Key: fmt.Sprintf("%05d%s", i, g.text(3)), Val: v})
		}
		o := fuzzOptions(uint16(g.IntN(1 << 16)))
		o.NestedIndent = g.IntN(3)
		if g.IntN(4) == 0 {
			o.Indent = g.value(0)
		}
		for _, out := range All() {
			for depth := range 3 {
				want := printed(t, out.Name, around(m, depth), o)
				if got := printed(t, out.Name, around(rowsOf(m), depth), o); got != want {
					t.Fatalf("seed %d, %s, %d rows, at depth %d:\n%s\nas a map:\n%s", seed, out.Name, m.Len(), depth, got, want)
				}
			}
		}
	}
}

// TestRowsBehind: those behind the rows are printed where the map has them, or where the
// outputter puts them.
func TestRowsBehind(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 0, 40, rapid.ID).Draw(rt, "ids")
		n := rapid.IntRange(0, len(ids)).Draw(rt, "returned")
		returned, missing := ids[:n], ids[n:]
		slices.Sort(returned)
		rows, all := value.NewMap(), value.NewMap()
		for _, id := range returned {
			rows.Set(id, value.NewMap("of", id))
		}
		all.Entries = append(all.Entries, rows.Entries...)
		for _, id := range missing {
			all.Set(id, "missing")
		}
		o := DefaultOptions()
		if rapid.Bool().Draw(rt, "pretty") {
			o.HasIndent, o.Indent = true, "pretty"
		}
		for _, out := range All() {
			want := printed(t, out.Name, all, o)
			if got := printed(t, out.Name, rowsOf(rows).Behind(missing, "missing"), o); got != want {
				rt.Fatalf("%s:\n%s\nas a map:\n%s", out.Name, got, want)
			}
		}
	})
}

// TestRowsBounded: what goes through its rows keeps none, as many as there are.
func TestRowsBounded(t *testing.T) {
	const rows, size = 160, 128 << 10
	list := value.Rows(func(f func(string, value.Value) error) error {
		for i := range rows {
			row := value.NewMap("return", strings.Repeat(fmt.Sprintf("%015d\n", i), size/16), "states", value.List{"a", "b"})
			if err := f(fmt.Sprintf("%05d", i), row); err != nil {
				return err
			}
		}
		return nil
	})
	for _, out := range All() {
		if out.rows == nowhere || out.Name == "profile" { // which has nested show this
			continue
		}
		for depth := range 3 {
			if depth > 0 && out.rows != anywhere {
				continue
			}
			var w heapWriter
			if err := Print(&w, out.Name, around(list, depth), DefaultOptions()); err != nil {
				t.Fatal(err)
			}
			if w.most > rows*size/2 {
				t.Errorf("%s, at depth %d: %d bytes held of %d", out.Name, depth, w.most, rows*size)
			}
		}
	}
}

// heapWriter looks at some of the writes how much memory is held.
type heapWriter struct {
	writes int
	most   uint64
}

func (w *heapWriter) Write(p []byte) (int, error) {
	if w.writes++; w.writes%64 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(p), nil
}

// TestRowsOfStates: what can fail at any row prints the same as of the map, be it kept until the
// end, printed in a second pass, or given up at the last row.
func TestRowsOfStates(t *testing.T) {
	state := func(result value.Value, comment string) *value.Map {
		return value.NewMap("file_|-a_|-b_|-managed", value.NewMap("result", result, "comment", comment,
			"changes", value.NewMap(), "__run_num__", int64(0), "duration", 1.5))
	}
	long := strings.Repeat("a long comment\n", keepText/15/50)
	for name, comment := range map[string]string{"kept": "short", "twice": long} {
		for last, result := range map[string]value.Value{"good": true, "bad": value.NewMap()} {
			m := value.NewMap()
			for i := range 60 {
				m.Set(fmt.Sprintf("minion-%02d", i), state(true, comment))
			}
			m.Set("z", state(result, "the last"))
			for _, key := range []string{"z", "retcode", "data"} {
				m.Entries[len(m.Entries)-1].Key = key
				for _, out := range []string{"highstate", "no_return"} {
					if out == "no_return" && key != "z" { // whose keys are in order
						continue
					}
					var b bytes.Buffer
					if err := Print(&b, out, rowsOf(m), DefaultOptions()); err != nil {
						t.Fatal(err)
					}
					if want := printed(t, out, m, DefaultOptions()); strings.TrimSuffix(b.String(), "\n") != want {
						t.Errorf("%s, %s, %s, %s: %d bytes differ from the %d of the map", out, name, last, key, b.Len(), len(want))
					}
				}
			}
		}
	}
}

// TestRowsBroken: what cannot be read to its end is printed up to there, and the error is told.
func TestRowsBroken(t *testing.T) {
	broken := errors.New("broken")
	for _, out := range All() {
		var b bytes.Buffer
		err := Print(&b, out.Name, value.Rows(func(f func(string, value.Value) error) error {
			return errors.Join(f("first", value.NewMap("k", "v")), broken)
		}), DefaultOptions())
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", out.Name, err)
		}
		if out.Name == "nested" && b.String() != "first:\n    ----------\n    k:\n        v\n" {
			t.Errorf("nested printed %q", b.String())
		}
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestRowsUnread: nothing more is read once nobody takes what is printed.
func TestRowsUnread(t *testing.T) {
	for _, out := range All() {
		if out.rows == nowhere || out.Name == "quiet" {
			continue
		}
		passes := 0
		err := Print(full{}, out.Name, value.Rows(func(f func(string, value.Value) error) error {
			passes++
			for n := 0; passes > 1 || n < keepText/2000; n++ { // some look at all before they write
				if err := f("key", strings.Repeat("text ", 1000)); err != nil {
					return err
				}
			}
			return nil
		}), DefaultOptions())
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", out.Name, err)
		}
	}
}

// TestRowsChanged: json cannot take back what it has printed.
func TestRowsChanged(t *testing.T) {
	passes := 0
	err := Print(io.Discard, "json", value.Rows(func(f func(string, value.Value) error) error {
		if passes++; passes == 1 {
			return f("a", "text")
		}
		return f("a", value.NewMap())
	}), DefaultOptions())
	if err != nil {
		t.Errorf("a map: %v", err)
	}
	passes = 0
	err = Print(io.Discard, "json", value.Rows(func(f func(string, value.Value) error) error {
		if passes++; passes == 1 {
			return f("a", "text")
		}
		return f("a", &value.Map{Entries: []value.Entry{{Key: value.Bytes("k"), Val: nil}}})
	}), DefaultOptions())
	if !errors.Is(err, errChanged) {
		t.Errorf("a map without a JSON form: %v", err)
	}
}
