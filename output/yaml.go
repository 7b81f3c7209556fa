package output

import (
	"encoding/base64"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"gorun/value"
)

// printYAML follows salt.output.yaml_out: PyYAML's safe dumper on top of libyaml
// 0.2, keys in order, in block style; with an indent below zero all in flow style.
func printYAML(w *writer, v value.Value, o *Options) error {
	e, err := newEmitter(w, o)
	if err != nil {
		return err
	}
	w.commit()
	e.node(v, position{})
	return nil
}

func newEmitter(w *writer, o *Options) (*emitter, error) {
	e := &emitter{writer: w, step: 2, whitespace: true, indention: true, indent: -1}
	if o.HasIndent {
		n, ok := indentNumber(o.Indent)
		if !ok {
			return nil, errIndent
		}
		e.flow = n < 0
		if n > 1 && n < 10 { // libyaml takes no other
			e.step = n
		}
	}
	return e, nil
}

// A scalar is a value that is written in one piece.
type scalar struct {
	text string
	// tag is written before the text, which says of itself what it is otherwise: in
	// plain style if plain, in quotes if quoted.
	tag           string
	plain, quoted bool
	literal       bool
}

// newScalar follows yaml.representer: which text stands for v, and by which rule a
// reader knows its type.
func newScalar(v value.Value) scalar {
	switch v := plain(v).(type) {
	case nil:
		return scalar{text: "null", plain: true}
	case bool:
		if v {
			return scalar{text: "true", plain: true}
		}
		return scalar{text: "false", plain: true}
	case float64:
		return scalar{text: yamlFloat(v), plain: true}
	case string:
		if !utf8.ValidString(v) {
			return binaryScalar([]byte(v))
		}
		return scalar{text: v, plain: !yamlType(v), quoted: true}
	case value.Bytes:
		return binaryScalar(v)
	case time.Time:
		return scalar{text: string(appendDate(nil, v, ' ')), plain: true}
	case constant: // for whatever the dumper does not know, Salt has it write this
		return scalar{text: "NULL", plain: true}
	default:
		return scalar{text: repr(v), plain: true}
	}
}

// yamlFloat follows the representer: a float without a point would be read as text.
func yamlFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	s := string(appendFloat(nil, f))
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}

// binaryScalar is base64 in lines of 76 characters.
func binaryScalar(b []byte) scalar {
	const line = 57 // bytes that make 76 characters
	var s strings.Builder
	for len(b) > 0 {
		n := min(line, len(b))
		s.WriteString(base64.StdEncoding.EncodeToString(b[:n]))
		s.WriteByte('\n')
		b = b[n:]
	}
	return scalar{text: s.String(), tag: "!!binary", literal: true}
}

// yamlEntries gives a map's entries as the dumper writes them: in order where Python
// can compare the keys, else as they came.
func yamlEntries(m *value.Map) []value.Entry {
	if _, sorted := keyState(m.Entries); sorted {
		return m.Entries
	}
	entries := append([]value.Entry(nil), m.Entries...)
	if !sortEntries(entries) {
		return m.Entries
	}
	return entries
}
