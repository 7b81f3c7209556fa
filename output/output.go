// Package output turns a runner's answer into the bytes on stdout: one outputter a
// file, in the table of all.go. What they print is what salt/output/ of Salt 3008
// prints for the same value, byte for byte, so most of what looks odd here is
// Python's or Salt's, and the recordings of testdata/output hold it in place.
//
// Text that is not valid UTF-8, which only a Python 2 master can have, is written as
// it came by txt and highstate and in keys of nested; "Not string data" in values of
// nested (both as Salt 2019.2); "\xff" by raw and pprint; "\udcff" by json; and as
// !!binary by yaml.
package output

import (
	"errors"
	"io"
	"log/slog"

	"gorun/value"
)

// Options are what outputters read of the command line and of the master's
// configuration, under Salt's names. The zero Options have every switch off:
// [DefaultOptions] gives Salt's defaults.
type Options struct {
	// Color asks for escape sequences: color, once --force-color, --no-color and
	// whether stdout is a terminal have been weighed by the caller.
	Color bool
	// OneColor is the name of a colour that stands in the place of all others, or empty.
	OneColor string
	// ColorTheme is the content of the color_theme file: the name of a colour (RED,
	// LIGHT_GREEN, ENDC, …) and the parameters of its escape sequence ("1;31").
	ColorTheme map[string]string
	// CSI is what the escape sequences of colours begin with, up to their parameters. Empty is
	// ESC and [. Another one lets a caller tell colours from what minions have sent.
	CSI string
	// StripColors (strip_colors) replaces ESC by "?" in text that minions returned.
	StripColors bool

	// HasIndent tells that output_indent is set, be it to null.
	HasIndent bool
	// Indent is output_indent or --out-indent: nil, an int64 (below zero: all in one
	// line), or text, of which json knows "pretty": four columns and keys in order.
	Indent value.Value
	// NestedIndent (nested_indent) is how many columns nested starts to the right.
	NestedIndent int

	// StateOutput (state_output) is full, terse, mixed, changes or filter, each of
	// them with _id behind it where states go by id instead of name.
	StateOutput string
	// StateVerbose (state_verbose) shows states that succeeded without a change.
	StateVerbose bool
	// StateOutputDiff (state_output_diff) hides them whatever StateVerbose says.
	StateOutputDiff bool
	// StateOutputProfile (state_output_profile) shows start times and durations.
	StateOutputProfile bool
	// StateOutputPct (state_output_pct) adds percentages to the summary.
	StateOutputPct bool
	// StateCompressIDs (state_compress_ids) rolls the names of one id into one state.
	StateCompressIDs bool
	// StateTabular (state_tabular) aligns terse output in columns.
	StateTabular bool
	// StateTabularFormat is state_tabular where that is text: a format of Python's,
	// of {0} colour, {1} name, {2} module, {3} function, {4} result, {5} end of the
	// colour, and {6[…]} any field of the state's return.
	StateTabularFormat string
	// StateOutputExclude and StateOutputTerse (state_output_exclude and
	// state_output_terse, split at commas) are the results, "True", "False" and
	// "None", that state_output: filter hides, and shows in one line.
	StateOutputExclude, StateOutputTerse []string

	Table TableOptions

	// OldMaster asks for nested as it was up to Salt 2015.8.
	OldMaster bool
	// Python2 marks integers past 63 bits in nested as a Salt on Python 2 does.
	Python2 bool

	// Whole, where set, is called before rows are read into memory all at once.
	Whole func()
	// Log is told what Salt logs: an unknown outputter, data that an outputter cannot
	// show. Nil logs nothing.
	Log *slog.Logger
}

// DefaultOptions returns the options of a master that configures nothing, its
// stdout no terminal.
func DefaultOptions() *Options {
	return &Options{
		StripColors:        true,
		StateOutput:        "full",
		StateVerbose:       true,
		StateOutputProfile: true,
		Table:              defaultTable(),
	}
}

func (o *Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// A printer writes a value. An error means that the outputter cannot show it; nothing may have
// been committed by then. Where some of the text was dropped, it is called a second time, and
// what it writes then is printed at once.
type printer func(w *writer, v value.Value, o *Options) error

// An altered error is returned by an outputter that changed the value before it
// failed, as Salt's highstate does, and so shows it in what is printed instead.
type altered struct {
	error
	val value.Value
}

func (a *altered) Unwrap() error { return a.error }

// Print writes v as Salt's display_output does: by the outputter of that name ("" is
// nested, "text" is txt, one that does not exist is nested, and logged), the white
// space at the very end cut off, one newline behind it, and nothing at all for an
// empty text. What the outputter cannot show is shown by nested.
//
// v may be value.Rows or value.Unsorted, and may have value.Rows below. An outputter that can
// holds a few of their entries at a time; some of them go through all entries before (json), or
// through what is more than 4 MB of text twice (those that can fail at each entry: highstate,
// no_return, table, key). For the others they are collected.
//
// The error is that of w or that of reading the rows, with what came before it printed.
func Print(w io.Writer, name string, v value.Value, o *Options) error {
	outputter := lookup(name, o)
	out := newWriter(w)
	shown, err := outputter.prepare(v, o)
	if err == nil {
		err = outputter.write(out, shown, o)
	}
	if errors.Is(err, errWhole) {
		if o.Whole != nil {
			o.Whole()
		}
		if shown, err = collect(v); err != nil {
			return err
		}
		out.reset()
		err = outputter.write(out, shown, o)
	}
	if err != nil {
		o.hasNested(name, err)
		var a *altered
		if errors.As(err, &a) {
			v = a.val
		}
		out.reset()
		if u, ok := v.(value.Unsorted); ok {
			v = u.Sorted
		}
		_ = printNested(out, v, o) // it can show all
	}
	return out.close()
}

// errChanged is returned when what could be shown, once all was looked at, cannot be any more.
var errChanged = errors.New("it changed while it was printed, and cannot be shown any more")

// write has the outputter print a value, twice where that is to be known first.
func (out Outputter) write(w *writer, v value.Value, o *Options) error {
	err := out.print(w, v, o)
	if err != nil || !w.dropped {
		return err
	}
	w.reset()
	w.commit()
	quiet := *o // it has been logged
	quiet.Log = nil
	if out.print(w, v, &quiet) != nil {
		w.fail(errChanged)
	}
	return nil
}

// hasNested says why nested prints what another outputter was asked to.
func (o *Options) hasNested(name string, why error) {
	o.log().Debug("outputter cannot show this, nested does", "outputter", name, "reason", why)
}

func lookup(name string, o *Options) Outputter {
	switch name {
	case "":
		name = "nested"
	case "text":
		name = "txt"
	}
	for _, out := range outputters {
		if out.Name == name {
			return out
		}
	}
	if name != "grains" { // which old minions ask for; Salt passes it over as well
		o.log().Error("no such outputter, nested is used", "outputter", name)
	}
	return outputters[0]
}
