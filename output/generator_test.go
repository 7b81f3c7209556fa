package output

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gorun/value"
)

// A generator makes values that Salt could be asked to print.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 4))}
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// value makes any value, nesting no deeper than depth.
func (g generator) value(depth int) value.Value {
	n := 12
	if depth > 0 {
		n = 18
	}
	switch g.IntN(n) {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2:
		return pick[value.Value](g, int64(0), int64(g.IntN(100)), -g.Int64(), g.Int64(), uint64(math.MaxUint64)-uint64(g.IntN(9)))
	case 3:
		return pick(g, 0, 1, g.Float64(), -g.Float64()*1e20, g.NormFloat64()*1e-6, math.Inf(1), float64(g.IntN(1000))/8)
	case 4:
		return value.Bytes(g.text(pick(g, 3, 30, 200)))
	case 5:
		return value.Bytes{byte(g.IntN(256)), byte(g.IntN(256)), byte(g.IntN(256))}
	case 6:
		return g.date()
	case 7, 8, 9, 10, 11:
		return g.text(pick(g, 3, 10, 10, 40, 200))
	case 12, 13, 14:
		l := make(value.List, pick(g, 0, 1, 2, 3, 5, 20))
		for i := range l {
			l[i] = g.value(depth - 1)
		}
		return l
	}
	return g.mapping(depth)
}

func (g generator) date() value.Ext {
	text := fmt.Sprintf("20%02d%02d%02dT%02d:%02d:%02d.%06d", g.IntN(100), 1+g.IntN(12), 1+g.IntN(28),
		g.IntN(24), g.IntN(60), pick(g, 0, g.IntN(60)), pick(g, 0, g.IntN(1000000)))
	return value.Ext{Code: value.ExtDate, Data: text}
}

func (g generator) mapping(depth int) *value.Map {
	m := &value.Map{}
	kind := g.IntN(4)
	for range pick(g, 0, 1, 2, 4, 8, 30) {
		m.Set(g.key(kind), g.value(depth-1))
	}
	return m
}

// key makes a key of a map: most maps have text alone.
func (g generator) key(kind int) value.Value {
	if kind > 0 {
		return g.text(pick(g, 3, 10, 10, 150))
	}
	switch g.IntN(6) {
	case 0:
		return pick[value.Value](g, nil, true, false)
	case 1:
		return int64(g.IntN(20))
	case 2:
		return float64(g.IntN(40)) / 2
	case 3:
		return value.Bytes(g.text(4))
	case 4:
		return g.date()
	}
	return g.text(4)
}

// alphabets are what texts are made of: one for a text, or all of them at once.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz",
	"ab cd ef  g",
	"0123456789",
	"0123456789-+.:_eExobTZ ",
	"a b\nc\n",
	"a\t\r\n\v\f\x1c\x1d\x1e\x1f\u0085\u2028\u2029 b",
	"\x00\x01\x1b\x7f\u0080\u00a0\u00ad\u200b\ufeff\ufffd\uffff\U0001f600\U000e0001a",
	"'\"\\`{}[]()<>|&*!%@#,:?-=~ a",
	"äöüßéñ日本語テキスト한글שלום",
	"-'.,!? abc",
	"yesnotrufalNY~=<>",
}

func (g generator) text(length int) string {
	if g.IntN(12) == 0 {
		return pick(g, "", "yes", "null", "1_000", "0x1f", "12:30", "2026-03-19", "---", "- a", "key: value", "#", "~", "=", "<<", "1e5", ".5", "x ", " x", "x\n", "!!binary", "%s", "{0}")
	}
	alphabet := []rune(pick(g, alphabets...))
	if g.IntN(5) == 0 {
		alphabet = []rune(strings.Join(alphabets, ""))
	}
	var b strings.Builder
	for range g.IntN(length + 1) {
		b.WriteRune(pick(g, alphabet...))
	}
	return b.String()
}

// states makes a state run's answer, some of it not quite one.
func (g generator) states() value.Value {
	hosts := &value.Map{}
	for i := range 1 + g.IntN(3) {
		hosts.Set(pick(g, "web", "db", "lab_master")+fmt.Sprint(i), g.hostStates(2))
	}
	switch g.IntN(12) {
	case 0:
		return value.NewMap("return", hosts)
	case 1:
		return value.NewMap("data", hosts, "outputter", "highstate")
	case 2:
		return value.NewMap("m_master", g.hostStates(2), "retcode", int64(1))
	case 3:
		return value.NewMap("m", value.NewMap("jid", "1", "fun", "f", "return", value.NewMap("data", hosts)))
	}
	return hosts
}

func (g generator) hostStates(depth int) value.Value {
	if g.IntN(10) == 0 {
		return pick[value.Value](g, g.text(20), int64(5), true, nil, value.List{g.text(30), "x"}, 1.5, &value.Map{})
	}
	m := &value.Map{}
	for i := range g.IntN(8) {
		id, name := pick(g, "id", "other", g.text(6)), pick(g, "name", fmt.Sprint("name", i), g.text(6))
		key := strings.Join([]string{pick(g, "file", "pkg"), id, name, "managed"}, "_|-")
		if g.IntN(40) == 0 {
			key = g.text(9)
		}
		m.Set(key, g.state(id, name, i, depth))
	}
	return m
}

func (g generator) state(id, name string, num, depth int) *value.Map {
	s := value.NewMap(
		"name", pick(g, name, name, name, "state.orch"),
		"changes", g.changes(depth),
		"result", pick[value.Value](g, true, true, true, false, nil),
		"comment", pick[value.Value](g, g.text(30), g.text(80), value.List{g.text(5), int64(1)}),
		"__sls__", pick(g, "web", "db"),
		"start_time", fmt.Sprintf("10:00:%02d.%06d", g.IntN(60), g.IntN(1000000)),
		"duration", pick[value.Value](g, float64(g.IntN(100000))/1000, int64(g.IntN(2000)), "12.5 ms"),
		"__run_num__", int64(num),
		"__id__", id)
	if g.IntN(5) == 0 {
		s.Set("warnings", value.List{g.text(200), strings.Repeat(g.text(12)+" ", 20)})
	}
	if g.IntN(8) == 0 {
		s.Set("data", g.value(1))
	}
	if g.IntN(8) == 0 {
		s.Set("__parallel__", true)
	}
	if g.IntN(8) == 0 {
		s.Set("skip_watch", true)
	}
	if g.IntN(25) == 0 { // something is missing
		i := g.IntN(s.Len())
		s.Entries = append(s.Entries[:i], s.Entries[i+1:]...)
	}
	if g.IntN(40) == 0 {
		s.Set(pick(g, "result", "changes", "duration", "comment", "warnings", "__run_num__"), g.value(1))
	}
	return s
}

func (g generator) changes(depth int) value.Value {
	switch g.IntN(8) {
	case 0, 1, 2:
		return &value.Map{}
	case 3:
		if depth > 0 {
			return value.NewMap("out", "highstate", "ret", value.NewMap("m1", g.hostStates(depth-1), "m2", g.hostStates(depth-1)))
		}
	case 4:
		if depth > 0 {
			return value.NewMap("m1", g.hostStates(depth-1))
		}
	case 5:
		return g.mapping(2)
	}
	return value.NewMap("old", g.text(9), "new", g.text(9))
}

// rows makes what table can show, nearly always.
func (g generator) rows() value.Value {
	rows := &value.Map{}
	columns := 1 + g.IntN(4)
	for range 1 + g.IntN(3) {
		var l value.List
		kind := g.IntN(3)
		for range g.IntN(4) {
			switch row := (value.List{}); kind {
			case 0:
				l = append(l, g.text(12))
			case 1:
				for range columns {
					row = append(row, g.text(pick(g, 5, 90)))
				}
				l = append(l, row)
			default:
				m := &value.Map{}
				for i := range columns {
					m.Set(fmt.Sprint("it's_col-", i), g.value(0))
				}
				l = append(l, m)
			}
		}
		rows.Set(pick(g, "rows", "x", "y", "labels"), pick[value.Value](g, l, l, value.NewMap("rows", l)))
	}
	return rows
}

func (g generator) keys() value.Value {
	m := &value.Map{}
	for range g.IntN(4) {
		status := pick(g, "minions", "minions_pre", "minions_denied", "minions_rejected", "local")
		m.Set(status, pick[value.Value](g, value.List{g.text(6), g.text(6)}, value.NewMap(g.text(5), g.text(9), "b", "aa:bb"), g.value(1)))
	}
	return m
}

// question makes a value with an outputter and options (Salt's own) for it.
func (g generator) question() (out string, v value.Value, opts map[string]any) {
	opts = map[string]any{"color": pick[any](g, false, false, true, true, true, "RED", "LIGHT_GREEN", "ENDC", "nonsense")}
	if g.IntN(4) == 0 {
		opts["strip_colors"] = false
	}
	out = pick(g, "nested", "json", "yaml", "pprint", "raw", "txt", "highstate", "highstate", "table", "key", "no_return")
	v = g.value(4)
	switch out {
	case "json", "yaml", "pprint":
		if g.IntN(2) == 0 {
			opts["output_indent"] = pick[any](g, nil, "pretty", -1.0, 0.0, 1.0, 2.0, 4.0, 9.0, 10.0)
		}
	case "highstate":
		g.stateOptions(opts)
		if g.IntN(10) > 0 {
			v = g.states()
		}
	case "table":
		g.tableOptions(opts)
		if g.IntN(5) > 0 {
			v = g.rows()
		}
	case "key":
		if g.IntN(5) > 0 {
			v = g.keys()
		}
	}
	return out, v, opts
}

func (g generator) stateOptions(opts map[string]any) {
	opts["state_output"] = pick(g, "full", "terse", "mixed", "changes", "filter") + pick(g, "", "_id")
	for _, name := range []string{"state_verbose", "state_output_diff", "state_output_profile", "state_output_pct", "state_compress_ids", "state_tabular"} {
		if g.IntN(3) == 0 {
			opts[name] = g.IntN(2) == 0
		}
	}
	if g.IntN(8) == 0 {
		opts["state_tabular"] = g.format()
	}
	if g.IntN(3) == 0 {
		opts["state_output_exclude"] = pick(g, "True", "None,True", "False")
		opts["state_output_terse"] = pick(g, "True", "None,False")
	}
}

// format makes a state_tabular that Python can use.
func (g generator) format() string {
	var b strings.Builder
	for range 1 + g.IntN(5) {
		b.WriteString(pick(g, "", " ", "|", "{{", "}}", "- "))
		if g.IntN(4) == 0 {
			b.WriteString(pick(g, "{0}", "{5}", "{0!s:>12}", "{5!s}", "{6[result]}", "{6[changes]}", "{6[name]!a}"))
			continue
		}
		b.WriteString("{" + pick(g, "1", "2", "3", "4", "6[result]!s", "6[duration]!s", "6[name]!s", "6[__run_num__]!r", "4!r", "1!a") +
			pick(g, "", ":", ":>12", ":<9", ":^11", ":*^20", ":.3", ":10.4", ":é>8s") + "}")
	}
	return b.String()
}

func (g generator) tableOptions(opts map[string]any) {
	for _, option := range []struct {
		name   string
		values []any
	}{
		{"justify", []any{"left", "right", "center", "none"}}, {"delim", []any{"  ", "", "│"}},
		{"prefix", []any{"", "> "}}, {"suffix", []any{""}}, {"separate_rows", []any{true, false}},
		{"has_header", []any{true, false}}, {"row_delimiter", []any{"=", "", "+-"}},
		{"width", []any{5.0, 20.0, 0.0}}, {"rows_key", []any{"rows", "x"}}, {"labels_key", []any{"labels"}},
		{"nested_indent", []any{3.0}}, {"title", []any{"Title"}},
	} {
		if g.IntN(4) == 0 {
			opts["out.table."+option.name] = pick(g, option.values...)
		}
	}
}
