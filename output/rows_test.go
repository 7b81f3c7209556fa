package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

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

// TestRows: rows are printed as the map that they are, by every outputter.
func TestRows(t *testing.T) {
	sizes := []int{0, 1, 2, 127, 128, 3*128 + 1}
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
			var b bytes.Buffer
			if err := PrintRows(&b, out.Name, rowsOf(m), o); err != nil {
				t.Fatal(err)
			}
			if want := printed(t, out.Name, m, o); strings.TrimSuffix(b.String(), "\n") != want {
				t.Fatalf("seed %d, %s, %d rows:\n%s\nas a map:\n%s", seed, out.Name, m.Len(), b.String(), want)
			}
		}
	}
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
					if err := PrintRows(&b, out, rowsOf(m), DefaultOptions()); err != nil {
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
		err := PrintRows(&b, out.Name, func(f func(string, value.Value) error) error {
			return errors.Join(f("first", value.NewMap("k", "v")), broken)
		}, DefaultOptions())
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
		if out.rows == nil || out.Name == "quiet" {
			continue
		}
		passes := 0
		err := PrintRows(full{}, out.Name, func(f func(string, value.Value) error) error {
			passes++
			for n := 0; passes > 1 || n < keepText/2000; n++ { // some look at all before they write
				if err := f("key", strings.Repeat("text ", 1000)); err != nil {
					return err
				}
			}
			return nil
		}, DefaultOptions())
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", out.Name, err)
		}
	}
}

// TestRowsChanged: json cannot take back what it has printed.
func TestRowsChanged(t *testing.T) {
	passes := 0
	err := PrintRows(io.Discard, "json", func(f func(string, value.Value) error) error {
		if passes++; passes == 1 {
			return f("a", "text")
		}
		return f("a", value.NewMap())
	}, DefaultOptions())
	if err != nil {
		t.Errorf("a map: %v", err)
	}
	passes = 0
	err = PrintRows(io.Discard, "json", func(f func(string, value.Value) error) error {
		if passes++; passes == 1 {
			return f("a", "text")
		}
		return f("a", &value.Map{Entries: []value.Entry{{Key: value.Bytes("k"), Val: nil}}})
	}, DefaultOptions())
	if !errors.Is(err, errChanged) {
		t.Errorf("a map without a JSON form: %v", err)
	}
}
