package output

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"gorun/value"
)

// hostText gathers what is shown of one minion.
type hostText struct {
	*highstate
	parts   []string // joined by newlines
	color   string   // of the minion's name
	changed int
	counts  tally
	// durations are the milliseconds of states that ran one after the other, parallel
	// of those that ran beside each other.
	durations, parallel []float64
}

// tally counts states by their result, and those that have warnings.
type tally []struct {
	result value.Value
	n      int
}

func (t *tally) add(result value.Value, n int) {
	for i := range *t {
		if value.Equal((*t)[i].result, result) {
			(*t)[i].n += n
			return
		}
	}
	*t = append(*t, struct {
		result value.Value
		n      int
	}{result, n})
}

func (t tally) of(result value.Value) int {
	for _, c := range t {
		if value.Equal(c.result, result) {
			return c.n
		}
	}
	return 0
}

func (h *hostText) say(color, s string) {
	h.parts = append(h.parts, color+s+h.colors.end)
}

// host gives the text of one minion, and whether anything changed on it.
func (h *highstate) host(name, v value.Value, level int) (string, bool, error) {
	if h.depth == maxRuns {
		return "", false, value.ErrDepth
	}
	h.depth++
	defer func() { h.depth-- }()
	name, err := decode(name)
	if err != nil {
		return "", false, err
	}
	t := &hostText{highstate: h, color: h.colors.green}
	switch v := v.(type) {
	case bool, int64, uint64:
		t.changed = 1
		t.say(t.color, "    "+str(v))
		t.color = h.colors.cyan
	case string: // from salt.function in an orchestration, so always a change
		t.changed = 1
		for _, line := range splitLines(v) {
			t.say(t.color, "    "+line)
		}
		t.color = h.colors.cyan
	case value.List:
		err = t.errors(v)
	case *value.Map:
		err = t.states(v, str(name), level)
	}
	if err != nil {
		return "", false, err
	}
	title := str(name)
	if s, ok := name.(string); ok && h.o.StripColors {
		title = escapes(s)
	}
	head := t.color + title + ":" + h.colors.end
	return strings.Join(append([]string{head}, t.parts...), "\n"), t.changed > 0, nil
}

// errors shows a run that did not compile.
func (h *hostText) errors(l value.List) error {
	h.color = h.colors.lightRed
	h.parts = append(h.parts, "    "+h.color+"Data failed to compile:"+h.colors.end)
	for _, v := range l {
		if h.o.StripColors {
			var err error
			if v, err = decode(v); err != nil {
				return err
			}
			if s, ok := v.(string); ok {
				v = escapes(s)
			}
		}
		h.say(h.color, "----------\n    "+str(v))
	}
	return nil
}

func (h *hostText) states(m *value.Map, name string, level int) error {
	states, err := h.ordered(m)
	if err != nil {
		return err
	}
	for _, s := range states {
		if err := h.state(s.key, s.ret, level); err != nil {
			return fmt.Errorf("state %s: %w", str(s.key), err)
		}
	}
	h.summary(name)
	return nil
}

// An orderedState is a state with its __run_num__.
type orderedState struct {
	order, key value.Value
	ret        *value.Map
}

// ordered gives the states in the order in which they ran. What has no order is
// named first; what has no result is no state.
func (h *hostText) ordered(m *value.Map) ([]orderedState, error) {
	var states []orderedState
	for _, e := range m.Entries {
		ret, ok := e.Val.(*value.Map)
		if !ok {
			continue
		}
		order, known := ret.Get("__run_num__")
		if !known {
			order = int64(0)
		}
		if !known && ret.Len() > 0 && e.Key != "changes" {
			shown := text(func(w *writer) { pretty{writer: w, indent: 1}.format(ret, 0, 0, 0) })
			h.parts = append([]string{noOrder, shown}, h.parts...)
		}
		if _, ok := ret.Get("result"); ok {
			states = append(states, orderedState{order, e.Key, ret})
		}
	}
	if !sortBy(states, func(s orderedState) value.Value { return s.order }) {
		return nil, errKeyOrder
	}
	return states, nil
}

const noOrder = "The State execution failed to record the order in which all states were executed. " +
	"The state return missing data is:"

// errState is returned for a state whose fields are not those of one.
var errState = errors.New("not the return of a state")

// compressedCount finds how many names stand together in a state that compress made.
var compressedCount = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\(([0-9]+)\)\n?$`) })

// state shows one state, in one line or in full, or not at all.
func (h *hostText) state(key value.Value, ret *value.Map, level int) error {
	result, _ := ret.Get("result")
	switch result.(type) {
	case value.List, *value.Map:
		return errState
	}
	id, ok := key.(string)
	if !ok {
		return errState
	}
	count := 1
	if h.o.StateCompressIDs && strings.Contains(id, stateParts+"state_compressed_") {
		parts := strings.Split(id, stateParts)
		if len(parts) != 4 {
			return errState
		}
		if m := compressedCount().FindStringSubmatch(parts[1]); m != nil {
			count, _ = strconv.Atoi(m[1])
		}
	}
	h.counts.add(result, count)
	if err := h.time(ret); err != nil {
		return err
	}
	s := &stateText{host: h, o: h.o, ret: ret, result: result, parts: strings.Split(id, stateParts)}
	if err := s.readChanges(level, count); err != nil {
		return err
	}
	if value.Truth(result) && !s.changed && (h.o.StateOutputDiff || !h.o.StateVerbose) {
		return nil
	}
	s.color = h.colors.green
	if s.changed {
		s.color = h.colors.cyan
	}
	switch result {
	case false:
		h.color, s.color = h.colors.red, h.colors.red
	case nil:
		h.color, s.color = h.colors.lightYellow, h.colors.lightYellow
	}
	return s.show()
}

// time takes the duration of a state into account.
func (h *hostText) time(ret *value.Map) error {
	to := &h.durations
	if _, ok := ret.Get("__parallel__"); ok {
		to = &h.parallel
	}
	duration, ok := ret.Get("duration")
	if !ok {
		duration = int64(0)
	}
	ms, err := number(duration)
	if errors.Is(err, errNumber) {
		digits, _, _ := strings.Cut(duration.(string), " ms")
		if ms, err = number(digits); errors.Is(err, errNumber) {
			h.o.log().Error("no number of milliseconds", "duration", duration)
			return nil
		}
	}
	if err != nil {
		return err
	}
	*to = append(*to, ms)
	return nil
}

// summary counts states by result, and adds up their durations.
func (h *hostText) summary(name string) {
	const label = len("Succeeded")
	digits, total := 0, 0
	for _, c := range h.counts {
		digits = max(digits, len(strconv.Itoa(c.n)))
		total += c.n
	}
	columns := label + digits + len(": ")
	count := func(color, label, n string) string {
		return color + label + ": " + right(n, columns-len(label)-2) + h.colors.end
	}
	warnings := h.counts.of("warnings")
	failed, unchanged := h.counts.of(false), h.counts.of(nil)
	succeeded := h.counts.of(true) + unchanged
	total -= warnings
	failColor := h.colors.cyan
	if failed > 0 {
		failColor = h.colors.red
	}
	rule := strings.Repeat("-", columns)

	h.say(h.colors.cyan, "\nSummary for "+name+"\n"+rule)
	h.parts = append(h.parts,
		count(h.colors.green, "Succeeded", strconv.Itoa(succeeded))+h.changes(unchanged),
		count(failColor, "Failed", strconv.Itoa(failed)))
	if h.o.StateOutputPct && total != 0 {
		h.parts = append(h.parts,
			count(h.colors.green, "Success %", percentage(succeeded, total)),
			count(failColor, "Failure %", percentage(failed, total)))
	}
	if warnings > 0 {
		h.parts = append(h.parts, count(h.colors.lightRed, "Warnings", strconv.Itoa(warnings)))
	}
	h.say(h.colors.cyan, rule+"\nTotal states run: "+right(strconv.Itoa(total), columns-7))
	if h.o.StateOutputProfile {
		h.say(h.colors.cyan, "Total run time: "+h.runTime(columns-5))
	}
}

// changes gives what stands in parentheses behind the states that succeeded.
func (h *hostText) changes(unchanged int) string {
	var stats []string
	if unchanged > 0 { // with test=True
		stats = append(stats, h.colors.lightYellow+"unchanged="+strconv.Itoa(unchanged)+h.colors.end)
	}
	if h.changed > 0 {
		stats = append(stats, h.colors.green+"changed="+strconv.Itoa(h.changed)+h.colors.end)
	}
	if stats == nil {
		return ""
	}
	return " (" + strings.Join(stats, ", ") + ")"
}

// runTime is the sum of the durations, of parallel states only the longest.
func (h *hostText) runTime(columns int) string {
	sum := 0.0
	for _, ms := range h.durations {
		sum += ms
	}
	longest := 0.0
	for i, ms := range h.parallel {
		if i == 0 || ms > longest {
			longest = ms
		}
	}
	sum += longest
	unit := " ms"
	if sum > 999 {
		sum /= 1000
		unit = " s"
	}
	digits := string(appendFloat(nil, sum)) // inf and nan as Python has them
	if !strings.ContainsAny(digits, "in") {
		digits = strconv.FormatFloat(sum, 'f', 3, 64)
	}
	return right(digits, columns) + unit
}

func right(s string, columns int) string { return pad(columns-width(s)) + s }

func percentage(n, total int) string {
	return repr(round(float64(n)/float64(total)*100, 2))
}
