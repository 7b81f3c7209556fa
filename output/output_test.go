package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gorun/value"

	"pgregory.net/rapid"
)

func TestUnknownOutputter(t *testing.T) {
	var log bytes.Buffer
	o := DefaultOptions()
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	v := value.NewMap("up", value.List{"a"})
	if got, want := printed(t, "pony", v, o), "up:\n    - a"; got != want {
		t.Errorf("pony prints %q, not %q", got, want)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "outputter=pony") {
		t.Errorf("log: %s", &log)
	}
	log.Reset()
	printed(t, "grains", v, o)
	if log.Len() > 0 {
		t.Errorf("grains is logged: %s", &log)
	}
}

// TestNotUTF8 is about text that only a Python 2 master can have.
func TestNotUTF8(t *testing.T) {
	v := value.NewMap("k\xff", "a\xffb", "ok", "ä")
	for name, want := range map[string]string{
		"nested": "k\xff:\n    Not string data\nok:\n    ä",
		"json":   "{\n    \"k\\udcff\": \"a\\udcffb\",\n    \"ok\": \"ä\"\n}",
		"yaml":   "? !!binary |\n  a/8=\n: !!binary |\n  Yf9i\nok: ä",
		"pprint": `{'k\xff': 'a\xffb', 'ok': 'ä'}`,
		"raw":    `{'k\xff': 'a\xffb', 'ok': 'ä'}`,
		"txt":    "k\xff: a\xffb\nok: ä",
		"quiet":  "",
	} {
		if got := printed(t, name, v, DefaultOptions()); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCompact(t *testing.T) {
	state := func(num int64, result value.Value, changes *value.Map) *value.Map {
		return value.NewMap("result", result, "changes", changes, "comment", "c", "__run_num__", num, "duration", int64(1))
	}
	v := value.NewMap(
		"web", value.NewMap(
			"m_|-ok_|-ok_|-f", state(0, true, &value.Map{}),
			"m_|-new_|-new_|-f", state(1, true, value.NewMap("a", "b")),
			"m_|-bad_|-bad_|-f", state(2, false, &value.Map{})),
		"db", value.NewMap("m_|-ok_|-ok_|-f", state(0, true, &value.Map{})))
	o := DefaultOptions()
	o.StateOutput = "terse"
	got := printed(t, "compact", v, o)
	for _, want := range []string{"Name: new", "Name: bad", "Total states run:     2"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Name: ok") || strings.Contains(got, "db:") {
		t.Errorf("states that did nothing are shown:\n%s", got)
	}
}

// TestRunsInsideRuns: an answer made to be indented without end.
func TestRunsInsideRuns(t *testing.T) {
	var v value.Value = &value.Map{}
	for range value.MaxDepth / 4 {
		v = value.NewMap("m", value.NewMap("a_|-b_|-c_|-d", value.NewMap("name", "state.orch",
			"result", true, "changes", v, "comment", "", "__run_num__", int64(0))))
	}
	if got := printed(t, "highstate", v, DefaultOptions()); !strings.HasPrefix(got, "m:\n    ----------") {
		t.Errorf("not nested: %.100q", got)
	}
}

func TestFormat(t *testing.T) {
	state := value.NewMap("duration", 12.5, "n", int64(7), "list", value.List{"x"}, int64(3), "three")
	for layout, want := range map[string]string{
		"plain":                                  "plain",
		"{0}|{1:>5}|{1:<5}|":                     "a|   bc|bc   |",
		"{1:^5}|{1:*^6}|{1:.1}":                  " bc  |**bc**|b",
		"{} {}":                                  "a bc",
		"{{{0}}}":                                "{a}",
		"{2[duration]:.2f} {2[n]:4d}|{2[n]:<4}|": "12.50    7|7   |",
		"{2[duration]!s:>6} {0!r}":               "  12.5 'a'",
		"{2[list][0]} {2[3]}":                    "x three",
	} {
		if got, err := format(layout, "a", "bc", state); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", layout, got, err, want)
		}
	}
	for _, layout := range []string{"{", "}", "{3}", "{x}", "{0.a}", "{0[k]}", "{2[none]}", "{0!x}", "{0:d}", "{0:{1}}", "{2[list][0}", "{0:05}", "{2[n]!}"} {
		if got, err := format(layout, "a", "bc", state); err == nil {
			t.Errorf("%s: %q, not an error", layout, got)
		}
	}
}

type brokenWriter struct{ left int }

var errBroken = errors.New("broken pipe")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	for _, room := range []int{0, 10, flushSize} {
		for _, name := range []string{"nested", "json", "highstate"} {
			if err := Print(&brokenWriter{room}, name, jobs(500), DefaultOptions()); !errors.Is(err, errBroken) {
				t.Errorf("%s with room for %d bytes: %v", name, room, err)
			}
		}
	}
}

// TestEnd: whatever the pieces in which it comes, the white space at the very end is
// cut, and no other.
func TestEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"a", " ", "\n", "\x1f", "\u3000", "\u2028", "ä", strings.Repeat("\u00a0 ", flushSize/2), strings.Repeat("x", flushSize)})
		pieces := rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces")
		var out strings.Builder
		w := newWriter(&out)
		w.commit()
		for _, p := range pieces {
			w.str(p)
			w.full()
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimRightFunc(strings.Join(pieces, ""), isSpace)
		if want != "" {
			want += "\n"
		}
		if out.String() != want {
			t.Fatalf("%d bytes, want %d", out.Len(), len(want))
		}
	})
}

// TestLines: no line is lost, and none of them holds a boundary.
func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.RuneFrom([]rune("ab\r\n\v\f\x1c\x1d\x1e\x1f\u0085\u2028\u2029é\u00a0"))).Draw(t, "s")
		all := ""
		for rest := s; rest != ""; {
			line, sep, next := nextLine(rest)
			if strings.ContainsAny(line, "\r\n\v\f\x1c\x1d\x1e\u0085\u2028\u2029") {
				t.Fatalf("line %q", line)
			}
			all, rest = all+line+sep, next
		}
		if all != s {
			t.Fatalf("%q became %q", s, all)
		}
	})
}

func TestSortPython(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type pair struct{ key, at int }
		pairs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pair {
			return pair{key: rapid.IntRange(0, 20).Draw(t, "key")}
		}), 0, 100).Draw(t, "pairs")
		for i := range pairs {
			pairs[i].at = i
		}
		want := slices.Clone(pairs)
		slices.SortStableFunc(want, func(a, b pair) int { return a.key - b.key })
		sortPython(pairs, func(a, b pair) bool { return a.key < b.key })
		if !slices.Equal(pairs, want) {
			t.Fatalf("%v, want %v", pairs, want)
		}
	})
}

func TestOrder(t *testing.T) {
	const big = 1 << 53
	for _, c := range []struct {
		a, b     value.Value
		less, ok bool
	}{
		{int64(1), 1.5, true, true},
		{true, int64(2), true, true},
		{int64(big + 1), float64(big), false, true},
		{float64(big), int64(big + 1), true, true},
		{uint64(math.MaxUint64), math.Inf(1), true, true},
		{math.NaN(), 1.0, false, true},
		{1.0, math.NaN(), false, true},
		{"a", value.Bytes("b"), false, false},
		{nil, nil, false, false},
		{"Z", "a", true, true},
		{value.List{int64(1), "a"}, value.List{1.0, "b"}, true, true},
		{value.List{int64(1)}, value.List{int64(1), nil}, true, true},
		{value.List{"a"}, value.List{int64(1)}, false, false},
	} {
		if lt, ok := less(c.a, c.b); lt && ok != c.less && c.ok || ok != c.ok || ok && lt != c.less {
			t.Errorf("%s < %s: %v, %v", repr(c.a), repr(c.b), lt, ok)
		}
	}
}

// TestTable: every entry can be found, by one name only, and says what it is.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, out := range All() {
		if seen[out.Name] || out.Help == "" || out.print == nil {
			t.Errorf("%+v", out)
		}
		seen[out.Name] = true
	}
	if names := Names(); len(names) != len(seen) || names[0] != "nested" {
		t.Errorf("names: %v", names)
	}
}

// FuzzPrint: every outputter prints every value, in the form that all output has.
func FuzzPrint(f *testing.F) {
	for seed := range uint64(64) {
		_, v, _ := newGenerator(seed).question()
		data, err := value.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint16(seed*1021))
	}
	f.Add([]byte("\x81\xa1k\xa2\xff\xfe"), uint16(0))            // text that is none
	f.Add([]byte("\x82\xc0\x01\x91\x01\xd4\x4f\x00"), uint16(3)) // a list as a key, a broken constant
	f.Fuzz(func(t *testing.T, data []byte, switches uint16) {
		if len(data) > 1<<12 {
			return
		}
		v, err := value.Decode(data)
		if err != nil {
			return
		}
		o := fuzzOptions(switches)
		for _, out := range All() {
			got := printed(t, out.Name, v, o)
			if strings.TrimRightFunc(got, isSpace) != got {
				t.Errorf("%s: white space at the end of %q", out.Name, got)
			}
			if out.Name == "json" && (!utf8.ValidString(got) || !json.Valid([]byte(got)) && !strings.Contains(got, "NaN") && !strings.Contains(got, "Infinity")) {
				t.Errorf("no JSON: %q", got)
			}
		}
	})
}

func fuzzOptions(switches uint16) *Options {
	o := DefaultOptions()
	on := func(bit int) bool { return switches>>bit&1 == 1 }
	o.Color, o.StripColors, o.HasIndent = on(0), on(1), on(2)
	o.Indent = []value.Value{nil, "pretty", int64(-1), int64(4)}[switches>>3&3]
	o.StateOutput = []string{"full", "terse_id", "mixed", "changes", "filter_id", "terse", "full_id", ""}[switches>>5&7]
	o.StateCompressIDs, o.StateTabular, o.StateVerbose = on(8), on(9), on(10)
	if on(11) {
		o.StateTabularFormat = "{0}{6[duration]:>7}{6[changes]}"
	}
	o.Table.Width = int(switches >> 12)
	return o
}

// TestDeep: what nests as deep as a payload can is printed, by whatever outputter.
func TestDeep(t *testing.T) {
	lists, maps := value.Value("bottom"), value.Value("bottom")
	for range value.MaxDepth {
		lists = value.List{lists}
		maps = value.NewMap("k", maps, "l", nil)
	}
	for _, out := range All() {
		for _, v := range []value.Value{lists, maps, value.NewMap("m", value.List{lists, maps})} {
			if got := printed(t, out.Name, v, DefaultOptions()); got == "" && out.Name != "quiet" && out.Name != "no_return" && out.Name != "table" {
				t.Errorf("%s prints nothing", out.Name)
			}
		}
	}
}
