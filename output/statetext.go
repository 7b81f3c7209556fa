package output

import (
	"slices"
	"strings"

	"gorun/value"
)

// changesColumn is where what belongs to one state of highstate begins.
const changesColumn = 14

// stateText is one state of a minion while it is shown.
type stateText struct {
	host    *hostText
	o       *Options
	ret     *value.Map
	result  value.Value
	parts   []string // of the state's key: module, id, name, function
	color   string
	changed bool
	changes string // the text of the changes, behind their label
}

// readChanges finds out whether the state changed anything, and what.
func (s *stateText) readChanges(level, count int) error {
	changes, err := field(s.ret, "changes")
	if err != nil {
		return err
	}
	name, _ := s.ret.Get("name")
	switch name {
	case "state.orch", "state.orchestrate", "state.sls": // an orchestration in this one
		inner, err := s.host.all(changes, level+1)
		if err != nil {
			return err
		}
		margin := strings.Repeat(" ", changesColumn*level)
		s.changes = margin + strings.ReplaceAll("\n"+inner, "\n", "\n"+margin)
		s.changed = true
		s.host.changed++
		return nil
	}
	if !value.Truth(changes) {
		return nil
	}
	m, ok := changes.(*value.Map)
	if !ok {
		s.changed, s.changes = true, "Invalid Changes data: "+str(changes)
		if count > 1 {
			return errState
		}
		s.host.changed++
		return nil
	}
	if s.changed, s.changes, err = s.mapping(m); err != nil || !s.changed {
		return err
	}
	n := 1
	if all, ok := m.Get("compressed changes"); ok && count > 1 {
		if n, err = length(all); err != nil {
			return err
		}
		n = max(n, 1)
	}
	s.host.changed += n
	return nil
}

// length is Python's len().
func length(v value.Value) (int, error) {
	switch v := plain(v).(type) {
	case string:
		return width(v), nil
	case value.Bytes:
		return len(v), nil
	case value.List:
		return len(v), nil
	case *value.Map:
		return v.Len(), nil
	}
	return 0, errState
}

// mapping shows changes by nested, or, where they are what a state run returned, as
// minions and their states.
func (s *stateText) mapping(m *value.Map) (changed bool, shown string, err error) {
	ret, _ := m.Get("ret")
	out, _ := m.Get("out")
	if ret == nil || out != "highstate" {
		return true, "\n" + text(func(w *writer) { nestedAt(w, m, s.o, changesColumn) }), nil
	}
	hosts, ok := ret.(*value.Map)
	if !ok {
		return false, "", errState
	}
	var b strings.Builder
	for _, e := range hosts.Entries {
		host, c, err := s.host.host(e.Key, e.Val, 1)
		if err != nil {
			return false, "", err
		}
		changed = changed || c
		b.WriteByte('\n')
		for i, line := range splitLines(host) {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(pad(changesColumn) + line)
		}
	}
	return changed, b.String(), nil
}

// show writes the state as state_output has it.
func (s *stateText) show() error {
	mode := strings.ToLower(s.o.StateOutput)
	if strings.HasSuffix(mode, "_id") {
		if len(s.parts) < 3 {
			return errState
		}
		s.parts[2] = s.parts[1]
	}
	terse := false
	switch {
	case strings.HasPrefix(mode, "filter"):
		result := str(s.result)
		terse = slices.Contains(s.o.StateOutputTerse, result)
		if !terse && slices.Contains(s.o.StateOutputExclude, result) {
			return nil
		}
	case strings.HasPrefix(mode, "terse"):
		terse = true
	case strings.HasPrefix(mode, "mixed"):
		terse = s.result != false
	case strings.HasPrefix(mode, "changes"):
		terse = value.Truth(s.result) && !s.changed
	}
	if terse {
		return s.terse()
	}
	return s.full()
}

// full writes a state in one line a field.
func (s *stateText) full() error {
	start, started := s.ret.Get("start_time")
	timed := s.o.StateOutputProfile && started
	if len(s.parts) < 3 {
		return errState
	}
	comment, err := s.comment()
	if err != nil {
		return err
	}
	duration, ok := s.ret.Get("duration")
	if !started {
		start = ""
		s.ret.Set("start_time", start)
	}
	if !ok || duration == "" {
		duration = ""
	} else {
		duration = str(duration) + " ms"
	}
	s.ret.Set("duration", duration)
	if len(s.parts) < 4 {
		return errState
	}
	s.host.say(s.color, "----------")
	line := func(label, text string) { s.host.say("    "+s.color, label+text) }
	line("      ID: ", s.parts[1])
	line("Function: ", s.parts[0]+"."+s.parts[3])
	if s.parts[1] != s.parts[2] {
		line("    Name: ", s.parts[2])
	}
	line("  Result: ", str(s.result))
	line(" Comment: ", comment)
	if timed {
		line(" Started: ", str(start))
		line("Duration: ", str(duration))
	}
	s.host.say(s.color, "     Changes:   "+s.changes)
	return s.warnings()
}

// comment gives the comment, indented, with the data some states have behind it.
func (s *stateText) comment() (string, error) {
	val, err := field(s.ret, "comment")
	if err != nil {
		return "", err
	}
	if _, ok := val.(string); !ok {
		val = str(val)
		s.ret.Set("comment", val)
	}
	comment := strings.ReplaceAll(trim(val.(string)), "\n", "\n"+pad(changesColumn))
	data, ok := s.ret.Get("data")
	if !ok {
		return comment, nil
	}
	switch data := data.(type) {
	case value.List:
		for _, item := range data {
			comment += " " + str(item)
		}
	case *value.Map:
		for _, e := range data.Entries {
			comment += "\n\t\t" + str(e.Key) + ": " + str(e.Val)
		}
	default:
		comment += " " + str(data)
	}
	return comment, nil
}

// warnings writes the warnings, filled up to the width of the page.
func (s *stateText) warnings() error {
	warnings, ok := s.ret.Get("warnings")
	if !ok {
		return nil
	}
	s.host.counts.add("warnings", 1)
	all, err := joinLines(warnings)
	if err != nil {
		return err
	}
	filled := fill(all, pageWidth, changesColumn)
	s.host.say("   "+s.host.colors.lightRed, " Warnings: "+trimLeft(filled))
	return nil
}

// joinLines is Python's "\n".join(v): v may be text, which is its characters.
func joinLines(v value.Value) (string, error) {
	var lines []string
	switch v := v.(type) {
	case string:
		lines = strings.Split(v, "")
	case value.List:
		for _, e := range v {
			line, ok := e.(string)
			if !ok {
				return "", errState
			}
			lines = append(lines, line)
		}
	case *value.Map:
		for _, e := range v.Entries {
			line, ok := e.Key.(string)
			if !ok {
				return "", errState
			}
			lines = append(lines, line)
		}
	default:
		if b, ok := plain(v).(value.Bytes); !ok || len(b) > 0 {
			return "", errState
		}
	}
	return strings.Join(lines, "\n"), nil
}

// terse writes a state in one line. Warnings are part of the format, as in Salt:
// braces in them spoil it.
func (s *stateText) terse() error {
	if len(s.parts) < 3 {
		return errState
	}
	changes, _ := s.ret.Get("changes")
	result := "Clean"
	switch {
	case s.result == false:
		result = "Failed"
	case s.result == nil:
		result = "Differs"
	case value.Truth(changes):
		result = "Changed"
	}
	layout := s.o.StateTabularFormat
	if layout == "" {
		var err error
		if layout, err = s.terseLayout(); err != nil {
			return err
		}
	}
	line, err := format(layout, s.color, s.parts[2], s.parts[0], s.parts[len(s.parts)-1], result, s.host.colors.end, s.ret)
	if err != nil {
		return err
	}
	s.host.parts = append(s.host.parts, line)
	return nil
}

func (s *stateText) terseLayout() (string, error) {
	layout := ""
	if warnings, ok := s.ret.Get("warnings"); ok {
		all, err := joinLines(warnings)
		if err != nil {
			return "", err
		}
		layout = s.host.colors.lightRed + "Warnings:\n" + all + s.host.colors.end
		if s.o.StateTabular {
			layout += "\n"
		}
	}
	_, started := s.ret.Get("start_time")
	timed := s.o.StateOutputProfile && started
	if s.o.StateTabular {
		layout += "{0}"
		if timed {
			layout += "{6[start_time]!s} [{6[duration]!s:>7} ms] "
		}
		return layout + "{2:>10}.{3:<10} {4:7}   Name: {1}{5}", nil
	}
	layout += " {0} Name: {1} - Function: {2}.{3} - Result: {4}"
	if timed {
		layout += " - Started: {6[start_time]!s} - Duration: {6[duration]!s} ms"
	}
	return layout + "{5}", nil
}
