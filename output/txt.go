package output

import (
	"bytes"

	"gorun/value"
)

// printTxt follows salt.output.txt: "key: line" for every line of every value of a
// map, text as it is, and anything else by pprint.
func printTxt(w *writer, v value.Value, _ *Options) error {
	w.commit()
	switch v := v.(type) {
	case string:
		w.str(v)
	case value.Rows:
		return w.rows(v, func(key string, val value.Value) error {
			txtEntry(w, key, val)
			return nil
		})
	case *value.Map:
		for _, e := range v.Entries {
			txtEntry(w, str(e.Key), e.Val)
		}
	default:
		pretty{writer: w, indent: 1}.format(v, 0, 0, 0)
	}
	return nil
}

func txtEntry(w *writer, key string, val value.Value) {
	line := func(repr []byte) {
		w.str(key)
		w.str(": ")
		w.buf = append(w.buf, repr...)
		w.byte('\n')
	}
	switch val := plain(val).(type) {
	case string:
		for val != "" {
			var text string
			text, _, val = nextLine(val)
			line([]byte(text))
		}
	case value.Bytes:
		for len(val) > 0 {
			var text []byte
			text, val = nextByteLine(val)
			line(appendBytes(nil, text))
		}
	case value.Rows, *value.Map:
		w.str(key)
		w.str(": ")
		w.repr(val)
		w.byte('\n')
	default:
		line(appendStr(nil, val))
	}
	w.full()
}

// nextByteLine cuts the first line off b as bytes.splitlines does, which knows
// carriage returns and newlines only.
func nextByteLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	if bytes.HasPrefix(b[i:], []byte("\r\n")) {
		return b[:i], b[i+2:]
	}
	return b[:i], b[i+1:]
}
