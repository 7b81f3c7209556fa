package output

import (
	"errors"
	"slices"
	"strings"

	"gorun/value"
)

// errHighstate is returned for what is no answer of a state run.
var errHighstate = errors.New("not the return of a state run")

// printHighstate follows salt.output.highstate. What it is given is a map of minions
// and of what each returned: a map of states, a list of errors, or text; that map
// may be wrapped as lookup_jid, the job cache and orchestrations wrap it.
func printHighstate(w *writer, v value.Value, o *Options) error {
	h := &highstate{o: o, colors: newPalette(o)}
	if rows, ok := v.(value.Rows); ok {
		return h.rows(w, rows)
	}
	if h.each(w, v) == nil {
		return nil
	}
	w.reset()
	v = clone(v) // Salt writes to its data while it prints, and nested shows what has become of it
	_, err := h.all(v, 1)
	return &altered{err, v}
}

// each writes the text of a whole answer, and copies no more than one minion's part of it at
// a time. It leaves v as it is.
func (h *highstate) each(w *writer, v value.Value) error {
	v, err := unwrap(v)
	if err != nil {
		return err
	}
	m, ok := v.(*value.Map)
	if !ok || m.Len() == 0 || h.o.StateCompressIDs {
		out, err := h.all(clone(v), 1)
		w.str(out)
		return err
	}
	m = &value.Map{Entries: slices.Clone(m.Entries)}
	if err := dropRetcode(m); err != nil {
		return err
	}
	for i, e := range m.Entries {
		text, _, err := h.host(e.Key, clone(e.Val), 1)
		if err != nil {
			return err
		}
		if i > 0 {
			w.byte('\n')
		}
		w.str(text)
		w.full()
	}
	return nil
}

// rows writes one minion after the other. errWhole where they cannot be shown, or may mean
// something else: see unwrap and dropRetcode.
func (h *highstate) rows(w *writer, rows value.Rows) error {
	if h.o.StateCompressIDs {
		return errWhole
	}
	n := 0
	err := w.rows(rows, func(key string, val value.Value) error {
		switch key {
		case "return", "data", "retcode":
			return errWhole
		}
		text, _, err := h.host(key, clone(val), 1)
		if err != nil {
			return errWhole
		}
		if n > 0 {
			w.byte('\n')
		}
		w.str(text)
		w.full()
		n++
		return nil
	})
	if err == nil && n < 2 && w.broken == nil {
		err = errWhole
	}
	return err
}

type highstate struct {
	o      *Options
	colors *palette
	depth  int // of hosts that are being shown
}

// maxRuns is how deep state runs may stand inside each other: each one indents all
// that is inside it once more, and what is below that is no orchestration.
const maxRuns = 32

// clone copies v as deep as it can be changed.
func clone(v value.Value) value.Value {
	switch v := v.(type) {
	case value.List:
		l := make(value.List, len(v))
		for i := range v {
			l[i] = clone(v[i])
		}
		return l
	case *value.Map:
		m := &value.Map{Entries: make([]value.Entry, len(v.Entries))}
		for i, e := range v.Entries {
			m.Entries[i] = value.Entry{Key: e.Key, Val: clone(e.Val)}
		}
		return m
	}
	return v
}

// all gives the text of a whole answer. An orchestration has further ones inside,
// on the next level.
func (h *highstate) all(v value.Value, level int) (string, error) {
	v, err := unwrap(v)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "None", nil
	case *value.Map:
		if err := dropRetcode(v); err != nil {
			return "", err
		}
		if h.o.StateCompressIDs {
			v = h.compress(v)
		}
		return h.hosts(v, level)
	}
	return "", errHighstate
}

func (h *highstate) hosts(m *value.Map, level int) (string, error) {
	if m.Len() == 0 {
		h.o.log().Error("not the return of a state run", "data", repr(m))
		return "", nil
	}
	hosts := make([]string, m.Len())
	for i, e := range m.Entries {
		var err error
		if hosts[i], _, err = h.host(e.Key, e.Val, level); err != nil {
			return "", err
		}
	}
	return strings.Join(hosts, "\n"), nil
}

// unwrap takes the map of minions out of the envelopes it may come in.
func unwrap(v value.Value) (value.Value, error) {
	for _, key := range []string{"return", "data"} {
		if m, ok := v.(*value.Map); ok {
			if inner, ok := m.Get(key); ok {
				v = inner
			}
		}
	}
	m, ok := v.(*value.Map)
	if !ok || m.Len() != 1 {
		return v, nil
	}
	job, ok := m.Entries[0].Val.(*value.Map)
	if !ok {
		return v, nil
	}
	_, hasJID := job.Get("jid")
	_, hasFun := job.Get("fun")
	if !hasJID || !hasFun {
		return v, nil
	}
	ret, ok := job.Get("return")
	if !ok {
		return v, nil
	}
	inner, ok := ret.(*value.Map)
	if !ok {
		return nil, errHighstate
	}
	if data, ok := inner.Get("data"); ok {
		return data, nil
	}
	return v, nil
}

// dropRetcode removes the retcode that an orchestration's answer has beside its one
// master.
func dropRetcode(m *value.Map) error {
	masters := 0
	retcode := -1
	for i, e := range m.Entries {
		key, ok := e.Key.(string)
		if !ok {
			return errHighstate
		}
		if strings.HasSuffix(key, "_master") {
			masters++
		}
		if key == "retcode" {
			retcode = i
		}
	}
	if retcode >= 0 && masters == 1 {
		m.Entries = append(m.Entries[:retcode], m.Entries[retcode+1:]...)
	}
	return nil
}
