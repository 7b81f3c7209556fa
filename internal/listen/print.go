package listen

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"gorun/output"
	"gorun/value"
)

// Printer writes events, each with one call of Write.
type Printer struct {
	Out io.Writer
	// Form puts one event into words.
	Form Form
	line bytes.Buffer
}

// Form writes one event.
type Form func(w *bytes.Buffer, e Event) error

// Print writes one event.
func (p *Printer) Print(e Event) error {
	p.line.Reset()
	if err := p.Form(&p.line, e); err != nil {
		return fmt.Errorf("print event %s: %w", e.Tag, err)
	}
	if _, err := p.Out.Write(p.line.Bytes()); err != nil {
		return fmt.Errorf("print an event: %w", err)
	}
	return nil
}

// Listing is what tests/eventlisten.py of Salt prints.
func Listing(now func() time.Time) Form {
	return func(w *bytes.Buffer, e Event) error {
		fmt.Fprintf(w, "Event fired at %s\n%s\nTag: %s\nData:\n", now().Format(time.ANSIC), strings.Repeat("*", 25), e.Tag)
		return output.Print(w, "pprint", e.Data, &output.Options{})
	}
}

// JSON is one object a line, of tag and data.
func JSON(w *bytes.Buffer, e Event) error {
	return printJSON(w, value.NewMap("tag", e.Tag, "data", e.Data), nil)
}

// Tagged is what state.event prints: the tag, a tab, the data as JSON, in one line or,
// pretty, with its keys in order and a line for each.
func Tagged(pretty bool) Form {
	var indent value.Value
	if pretty {
		indent = "pretty"
	}
	return func(w *bytes.Buffer, e Event) error {
		w.WriteString(e.Tag + "\t")
		return printJSON(w, e.Data, indent)
	}
}

// Outputter writes an event with one of Salt's outputters, as a map of its tag.
func Outputter(name string, o *output.Options) Form {
	return func(w *bytes.Buffer, e Event) error {
		return output.Print(w, name, value.NewMap(e.Tag, e.Data), o)
	}
}

// Fields writes what was picked of an event, one line with tabs between: text as it is, but
// for tabs and ends of lines; what is no text as JSON; nothing for a field that the event lacks.
func Fields(names []string) Form {
	return func(w *bytes.Buffer, e Event) error {
		for i, name := range names {
			if i > 0 {
				w.WriteByte('\t')
			}
			v, ok := field(e, name)
			if text, is := v.(string); is {
				w.WriteString(Line(text))
				continue
			}
			if !ok {
				continue
			}
			if err := printJSON(w, v, nil); err != nil {
				return err
			}
			w.Truncate(len(bytes.TrimRight(w.Bytes(), "\n")))
		}
		w.WriteByte('\n')
		return nil
	}
}

// JSONFields is Fields as one JSON object a line.
func JSONFields(names []string) Form {
	return func(w *bytes.Buffer, e Event) error {
		picked := value.NewMap()
		for _, name := range names {
			if v, ok := field(e, name); ok {
				picked.Set(name, v)
			}
		}
		return printJSON(w, picked, nil)
	}
}

// field finds tag, or a field of the data; one within another is named with a dot between.
func field(e Event, name string) (value.Value, bool) {
	if name == "tag" {
		return e.Tag, true
	}
	return within(e.Data, name)
}

func within(m *value.Map, name string) (value.Value, bool) {
	if v, ok := m.Get(name); ok {
		return v, true
	}
	for i, c := range name {
		if c != '.' {
			continue
		}
		v, _ := m.Get(name[:i])
		if inner, ok := v.(*value.Map); ok {
			if v, ok := within(inner, name[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// printJSON writes JSON as the runner state.event does: bytes are text where they can be,
// else base64 (salt.modules.state._json_safe).
func printJSON(w io.Writer, v value.Value, indent value.Value) error {
	return output.Print(w, "json", textual(v), &output.Options{HasIndent: true, Indent: indent})
}

// textual returns v with text in the place of bytes; v itself is not changed.
func textual(v value.Value) value.Value {
	switch v := v.(type) {
	case value.Bytes:
		if utf8.Valid(v) {
			return string(v)
		}
		return base64.StdEncoding.EncodeToString(v)
	case value.List:
		out := make(value.List, len(v))
		for i, e := range v {
			out[i] = textual(e)
		}
		return out
	case *value.Map:
		out := &value.Map{Entries: make([]value.Entry, len(v.Entries))}
		for i, e := range v.Entries {
			out.Entries[i] = value.Entry{Key: textual(e.Key), Val: textual(e.Val)}
		}
		return out
	}
	return v
}

// Line is text that stays in its line and its column.
func Line(s string) string { return lineBreaks.Replace(s) }

var lineBreaks = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`)
