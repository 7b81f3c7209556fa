package subscriber

import (
	"strings"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// fields are the parts of an event that the cache looks at; the rest stays packed. They
// point into the event.
type fields struct {
	jid, id, act, tgt     value.Raw
	fun, user, stamp      value.Raw
	minions, metadata     value.Raw
	ret, retcode, success value.Raw
	present, lost, result value.Raw
	run                   value.Raw
	all                   []field
}

type field struct {
	key, val value.Raw
}

// scan takes an event apart; the fields are valid until the next scan.
func (a *applier) scan(data value.Raw) (*fields, error) {
	f := &a.fields
	*f = fields{all: f.all[:0]}
	err := value.Entries(data, func(key, val value.Raw) error {
		name, ok := key.TextBytes()
		if !ok {
			return nil
		}
		f.all = append(f.all, field{key, val})
		if part := f.part(string(name)); part != nil {
			*part = val
		}
		return nil
	})
	return f, err
}

// part is where the field of a name belongs, nil for one that nobody asks for.
func (f *fields) part(name string) *value.Raw {
	switch name {
	case "jid":
		return &f.jid
	case "id":
		return &f.id
	case "act":
		return &f.act
	case "tgt":
		return &f.tgt
	case "fun":
		return &f.fun
	case "user":
		return &f.user
	case "_stamp":
		return &f.stamp
	case "minions":
		return &f.minions
	case "metadata":
		return &f.metadata
	case "return":
		return &f.ret
	case "retcode":
		return &f.retcode
	case "success":
		return &f.success
	case "present":
		return &f.present
	case "lost":
		return &f.lost
	case "result":
		return &f.result
	case "__run_num__":
		return &f.run
	}
	return nil
}

// micros is the time of the event in microseconds since 1970; of one without a _stamp, now.
func (a *applier) micros(f *fields) int64 {
	if text, ok := f.stamp.TextBytes(); ok {
		if us, ok := parseStamp(string(text)); ok {
			a.stamp = us
			return us
		}
	}
	return a.now().UnixMicro()
}

// without packs the event again, leaving out one key. The result is valid until the next
// call.
func (a *applier) without(key string) value.Raw {
	is := func(f field) bool {
		name, _ := f.key.TextBytes()
		return string(name) == key
	}
	n := 0
	for _, f := range a.fields.all {
		if !is(f) {
			n++
		}
	}
	out := value.AppendMap(a.packed[:0], n)
	for _, f := range a.fields.all {
		if !is(f) {
			out = append(append(out, f.key...), f.val...)
		}
	}
	a.packed = out
	return out
}

// function is the name of the job's function; a job of several (salt '*' a.b,c.d) has a
// list of them.
func function(raw value.Raw) string {
	if text, ok := raw.Text(); ok {
		return text
	}
	return strings.Join(texts(raw), ",")
}

// texts reads a list of text; what is no text in it is left out.
func texts(raw value.Raw) []string {
	v, err := raw.Decode()
	if err != nil {
		return nil
	}
	list, ok := v.(value.List)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, e)
		case value.Bytes:
			out = append(out, string(e))
		}
	}
	return out
}

// minionIDs reads a list of ids, without the unsound.
func minionIDs(raw value.Raw) []string {
	ids := texts(raw)
	sound := ids[:0]
	for _, id := range ids {
		if jobcache.ValidMinion(id) {
			sound = append(sound, id)
		}
	}
	return sound
}

// jid is the tag's, or, where the tag has none (new_job), that of the data.
func jid(tag event.Tag, f *fields) (string, error) {
	jid := tag.JID
	if jid == "" {
		jid, _ = f.jid.Text()
	}
	if !jobcache.ValidJID(jid) {
		return "", errJID
	}
	return jid, nil
}
