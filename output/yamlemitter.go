package output

import "gorun/value"

// An emitter writes YAML as libyaml does: it knows the column it is in, and whether
// a blank or an indention is what was written last.
type emitter struct {
	*writer
	step      int // columns of one level
	flow      bool
	flowLevel int

	indent     int // column of the level, -1 above the first
	column     int
	whitespace bool // the last character was a blank
	indention  bool // so were all of its line
}

// A position tells where in the document a node stands.
type position struct {
	value bool // of a map, or a key that is written as one
	key   bool // in front of a colon
}

// longestKey is how many bytes a key may have that stands in front of a colon.
const longestKey = 128

func (e *emitter) node(v value.Value, at position) {
	e.full()
	switch v := v.(type) {
	case value.List:
		e.list(v, at)
	case *value.Map:
		e.mapping(v)
	case value.Rows:
		e.stream(v)
	default:
		s := newScalar(v)
		e.scalar(s, analyze(s.text), at)
	}
}

func (e *emitter) scalar(s scalar, t traits, at position) {
	style := e.style(s, t, at.key)
	if style != plainStyle && s.tag == "" && !s.quoted {
		s.tag = "!" // or it would be read as text
	}
	if s.tag != "" {
		if !e.whitespace {
			e.put(" ")
		}
		e.put(s.tag)
		e.whitespace, e.indention = false, false
	}
	outer := e.deeper(true, false)
	switch style {
	case plainStyle:
		e.plainText(s.text, !at.key)
	case singleQuoted:
		e.single(s.text, !at.key)
	case doubleQuoted:
		e.double(s.text, !at.key)
	case literal:
		e.literal(s.text)
	}
	e.indent = outer
}

// deeper goes one level down and returns the indent to come back to. A list that is
// the value of a map keeps its column: indentless.
func (e *emitter) deeper(flow, indentless bool) (outer int) {
	outer = e.indent
	switch {
	case e.indent < 0 && flow:
		e.indent = e.step
	case e.indent < 0:
		e.indent = 0
	case !indentless:
		e.indent += e.step
	}
	return outer
}

func (e *emitter) list(l value.List, at position) {
	if e.flow || len(l) == 0 {
		e.flowList(l)
		return
	}
	outer := e.deeper(false, at.value && !e.indention)
	for _, v := range l {
		e.newline()
		e.sign("-", true, false, true)
		e.node(v, position{})
	}
	e.indent = outer
}

func (e *emitter) mapping(m *value.Map) {
	if e.flow || m.Len() == 0 {
		e.flowMapping(m)
		return
	}
	outer := e.deeper(false, false)
	for _, entry := range yamlEntries(m) {
		e.newline()
		e.pair(entry, true)
	}
	e.indent = outer
}

// stream is mapping for a map whose entries are read meanwhile.
func (e *emitter) stream(rows value.Rows) {
	n, outer := 0, e.indent
	_ = e.rows(rows, func(key string, val value.Value) error { // no error of its own
		switch {
		case n == 0 && e.flow:
			outer = e.openFlow("{")
		case n == 0:
			outer = e.deeper(false, false)
		}
		if e.flow {
			e.nextInFlow(n)
		} else {
			e.newline()
		}
		e.pair(value.Entry{Key: key, Val: val}, !e.flow)
		n++
		return nil
	})
	switch {
	case n == 0:
		e.flowMapping(&value.Map{})
	case e.flow:
		e.closeFlow("}", outer)
	default:
		e.indent = outer
	}
}

// pair writes a key and its value, the key behind a question mark where it cannot
// stand in front of a colon.
func (e *emitter) pair(entry value.Entry, block bool) {
	key := newKey(entry.Key)
	if !key.simple {
		e.sign("?", true, false, block)
	}
	at := position{value: true, key: key.simple}
	if key.container {
		e.node(entry.Key, at)
	} else {
		e.scalar(key.scalar, key.traits, at)
	}
	switch {
	case key.simple:
		e.sign(":", false, false, false)
	case block:
		e.newline()
		e.sign(":", true, false, true)
	default:
		e.wrap()
		e.sign(":", true, false, false)
	}
	e.node(entry.Val, position{value: true})
}

// A mapKey is a key with what is known of it before it is written.
type mapKey struct {
	scalar
	traits
	simple    bool // it can stand in front of a colon
	container bool // it is no scalar
}

// newKey follows yaml_emitter_check_simple_key.
func newKey(key value.Value) mapKey {
	switch key := key.(type) {
	case value.List:
		return mapKey{container: true, simple: len(key) == 0}
	case *value.Map:
		return mapKey{container: true, simple: key.Len() == 0}
	}
	s := newScalar(key)
	t := analyze(s.text)
	return mapKey{scalar: s, traits: t, simple: !t.multiline && len(s.tag)+len(s.text) <= longestKey}
}

func (e *emitter) flowList(l value.List) {
	outer := e.openFlow("[")
	for i, v := range l {
		e.nextInFlow(i)
		e.node(v, position{})
	}
	e.closeFlow("]", outer)
}

func (e *emitter) flowMapping(m *value.Map) {
	outer := e.openFlow("{")
	for i, entry := range yamlEntries(m) {
		e.nextInFlow(i)
		e.pair(entry, false)
	}
	e.closeFlow("}", outer)
}

// openFlow begins a list or map in flow style; closeFlow is given the indent that it returns.
func (e *emitter) openFlow(bracket string) (outer int) {
	e.sign(bracket, true, true, false)
	e.flowLevel++
	return e.deeper(true, false)
}

func (e *emitter) closeFlow(bracket string, outer int) {
	e.flowLevel--
	e.indent = outer
	e.sign(bracket, false, false, false)
}

func (e *emitter) nextInFlow(i int) {
	if i > 0 {
		e.sign(",", false, false, false)
	}
	e.wrap()
}

// wrap begins a line where the page is full.
func (e *emitter) wrap() {
	if e.column > pageWidth {
		e.newline()
	}
}

// sign writes one of YAML's own characters, apart from what stands before it if
// spaced; whitespace and indention tell what it is itself taken for.
func (e *emitter) sign(s string, spaced, whitespace, indention bool) {
	if spaced && !e.whitespace {
		e.put(" ")
	}
	e.put(s)
	e.whitespace = whitespace
	e.indention = e.indention && indention
}

// put writes ASCII.
func (e *emitter) put(s string) {
	e.str(s)
	e.column += len(s)
}

// rune writes one character.
func (e *emitter) rune(s string) {
	e.str(s)
	e.column++
}

func (e *emitter) lineBreak(s string) {
	e.str(s)
	e.column = 0
}

// newline goes to the column of the level, in a new line unless it is there already.
func (e *emitter) newline() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.whitespace {
		e.lineBreak("\n")
	}
	e.spaces(indent - e.column)
	e.column = max(e.column, indent)
	e.whitespace, e.indention = true, true
}
