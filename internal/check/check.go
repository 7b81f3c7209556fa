// Package check judges what the job cache knows as monitoring plugins do: one line, one of
// four states, by thresholds (the Monitoring Plugins guidelines, which Nagios, Icinga and
// Sensu read). What is not known is Unknown, never OK.
package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// Status is the state of what was checked; its number is a plugin's exit status.
type Status int

// The states of the guidelines.
const (
	OK Status = iota
	Warning
	Critical
	Unknown
)

func (s Status) String() string {
	switch s {
	case OK:
		return "OK"
	case Warning:
		return "WARNING"
	case Critical:
		return "CRITICAL"
	}
	return "UNKNOWN"
}

// Figure is one of the performance data.
type Figure struct {
	Name  string
	Value float64
	Unit  string // s, B, c, % or none
	// Warn, Crit and Max may be empty.
	Warn, Crit, Max string
}

// Result is what a check came to.
type Result struct {
	// Name is what was checked, as the line begins: MINIONS.
	Name    string
	Status  Status
	Message string
	Figures []Figure
	// Subjects are those that the state is about, by what is wrong with them: minions, jids.
	Subjects []Group
}

// Group are the subjects of which one thing is true.
type Group struct {
	What string
	IDs  []string
}

// maxNamed is how many subjects of a group a line names.
const maxNamed = 10

// Line is the plugin's output: NAME STATUS - message: subjects | figures.
func (r *Result) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s - %s", r.Name, r.Status, r.Message)
	for _, g := range r.Subjects {
		if len(g.IDs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "; %s: %s", g.What, strings.Join(g.IDs[:min(len(g.IDs), maxNamed)], ", "))
		if more := len(g.IDs) - maxNamed; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
	}
	text := plain(b.String())
	if len(r.Figures) == 0 {
		return text
	}
	figures := make([]string, len(r.Figures))
	for i, f := range r.Figures {
		figures[i] = f.String()
	}
	return text + " | " + strings.Join(figures, " ")
}

// plain takes out what ends a plugin's text (a bar, a line) or moves a terminal's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '/'
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '?'
		}
		return r
	}, s)
}

// String writes a figure as the guidelines have it: name=value[unit];warn;crit;min;max.
func (f Figure) String() string {
	s := f.Name + "=" + number(f.Value) + f.Unit
	return strings.TrimRight(fmt.Sprintf("%s;%s;%s;0;%s", s, f.Warn, f.Crit, f.Max), ";")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Value is the result as data, for --out=json: a map of check, status, message, figures (a
// map of numbers) and subjects (a map of lists of text).
func (r *Result) Value() value.Value {
	figures, subjects := value.NewMap(), value.NewMap()
	for _, f := range r.Figures {
		if f.Value == float64(int64(f.Value)) {
			figures.Set(f.Name, int64(f.Value))
		} else {
			figures.Set(f.Name, f.Value)
		}
	}
	for _, g := range r.Subjects {
		ids := make(value.List, len(g.IDs))
		for i, id := range g.IDs {
			ids[i] = id
		}
		subjects.Set(g.What, ids)
	}
	return value.NewMap("check", strings.ToLower(r.Name), "status", r.Status.String(), "code", int64(r.Status),
		"message", r.Message, "figures", figures, "subjects", subjects)
}

// NotKnown is the result where nothing true could be learned.
func NotKnown(name string, err error) *Result {
	return &Result{Name: name, Status: Unknown, Message: err.Error()}
}

// doubt makes a result unknown that rests on what happened since a time, where events of that
// time are missing.
func (r *Result) doubt(known jobcache.Status, since time.Time) {
	for _, h := range known.Holes {
		if h.Holds(since, time.Time{}) {
			r.Status = Unknown
			r.Message += fmt.Sprintf("; events are missing %s", h)
		}
	}
}

// Thresholds are the ranges beyond which a number is a warning or critical.
type Thresholds struct {
	Warn, Crit Range
}

// Judge is the state of n of total.
func (t Thresholds) Judge(n, total int) Status {
	switch {
	case t.Crit.alerts(n, total):
		return Critical
	case t.Warn.alerts(n, total):
		return Warning
	}
	return OK
}

// figure is n of total with the thresholds, as numbers: a percentage is of total.
func (t Thresholds) figure(name string, n, total int) Figure {
	return Figure{Name: name, Value: float64(n), Warn: t.Warn.of(total), Crit: t.Crit.of(total), Max: strconv.Itoa(total)}
}
