package output

import (
	"errors"
	"time"
	"unicode/utf8"

	"gorun/value"
)

// errNotText is returned where Salt decodes bytes that are no UTF-8.
var errNotText = errors.New("bytes that are no text")

// decode follows salt.utils.data.decode: all bytes in v become text, and all dates
// text of the form 2006-01-02T15:04:05. The error is errNotText.
func decode(v value.Value) (value.Value, error) {
	switch x := plain(v).(type) {
	case value.Bytes:
		if !utf8.Valid(x) {
			return nil, errNotText
		}
		return string(x), nil
	case time.Time:
		return string(appendDate(nil, x, 'T')), nil
	case value.List:
		l := make(value.List, len(x))
		for i, e := range x {
			var err error
			if l[i], err = decode(e); err != nil {
				return nil, err
			}
		}
		return l, nil
	case *value.Map:
		return decodeMap(x)
	}
	return v, nil
}

func decodeMap(m *value.Map) (*value.Map, error) {
	entries := make([]value.Entry, 0, len(m.Entries))
	// Only a key that changes can become another's twin.
	changed := false
	for _, e := range m.Entries {
		key, err := decode(e.Key)
		if err != nil {
			return nil, err
		}
		val, err := decode(e.Val)
		if err != nil {
			return nil, err
		}
		if _, ok := e.Key.(string); !ok {
			changed = true
		}
		entries = append(entries, value.Entry{Key: key, Val: val})
	}
	if !changed {
		return &value.Map{Entries: entries}, nil
	}
	out := &value.Map{}
	for _, e := range entries {
		out.Set(e.Key, e.Val)
	}
	return out, nil
}
