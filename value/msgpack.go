package value

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// MaxDepth is how deep lists and maps may nest: Salt's own unpacker gives up
// below 1024.
const MaxDepth = 1024

var (
	// ErrDepth is returned when a payload nests deeper than MaxDepth.
	ErrDepth = errors.New("nested too deep")
	// ErrTruncated is returned when a payload ends inside a value.
	ErrTruncated = errors.New("payload ends early")
	// ErrTrailing is returned when bytes follow the value.
	ErrTrailing = errors.New("bytes after the payload")
	// ErrMalformed is returned when a payload is no msgpack.
	ErrMalformed = errors.New("not msgpack")
	// ErrNotMap is returned when a map was expected and something else came.
	ErrNotMap = errors.New("not a map")
)

// Decode reads one whole msgpack value. The result shares nothing with data.
// Errors are ErrDepth, ErrTruncated, ErrTrailing or ErrMalformed.
func Decode(data []byte) (Value, error) {
	n, err := Span(data) // so that the library meets sound bytes alone
	if err != nil {
		return nil, err
	}
	if n != len(data) {
		return nil, ErrTrailing
	}
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.src.Reset(data)
	d.lib.Reset(&d.src)
	v, err := d.value()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return v, nil
}

var decoders = sync.Pool{New: func() any { return &decoder{lib: msgpack.NewDecoder(nil)} }}

type decoder struct {
	src bytes.Reader
	lib *msgpack.Decoder
}

// value reads the next value. Span has been over the bytes: nesting and lengths
// are known to be sound.
func (d *decoder) value() (Value, error) {
	code, err := d.lib.PeekCode()
	if err != nil {
		return nil, err
	}
	switch {
	case msgpcode.IsFixedMap(code), code == msgpcode.Map16, code == msgpcode.Map32:
		return d.mapping()
	case msgpcode.IsFixedArray(code), code == msgpcode.Array16, code == msgpcode.Array32:
		return d.list()
	case msgpcode.IsString(code):
		return d.lib.DecodeString()
	case msgpcode.IsBin(code):
		b, err := d.lib.DecodeBytes()
		return Bytes(b), err
	case msgpcode.IsExt(code):
		return d.ext()
	}
	switch code {
	case msgpcode.Nil:
		return nil, d.lib.DecodeNil()
	case msgpcode.True, msgpcode.False:
		return d.lib.DecodeBool()
	case msgpcode.Float, msgpcode.Double:
		return d.lib.DecodeFloat64()
	case msgpcode.Uint64:
		u, err := d.lib.DecodeUint64()
		if u > math.MaxInt64 {
			return u, err
		}
		return int64(u), err
	}
	return d.lib.DecodeInt64()
}

func (d *decoder) list() (Value, error) {
	n, err := d.lib.DecodeArrayLen()
	if err != nil {
		return nil, err
	}
	l := make(List, 0, n)
	for range n {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}

// mapping reads a map; of a key that comes twice the last value stays, in the
// place of the first, as in Python.
func (d *decoder) mapping() (Value, error) {
	n, err := d.lib.DecodeMapLen()
	if err != nil {
		return nil, err
	}
	m := &Map{Entries: make([]Entry, 0, n)}
	places := newPlaces(n)
	for range n {
		key, err := d.value()
		if err != nil {
			return nil, err
		}
		val, err := d.value()
		if err != nil {
			return nil, err
		}
		if i, twice := places.of(key, m.Entries); twice {
			m.Entries[i].Val = val
			continue
		}
		m.Entries = append(m.Entries, Entry{key, val})
	}
	return m, nil
}

// places remembers where in a map each key is; nil for few keys, which are looked through
// sooner than they are hashed.
type places map[any]int

func newPlaces(n int) places {
	const few = 12
	if n <= few {
		return nil
	}
	return make(places, n)
}

// of returns the place of a key among entries, or notes that it will be the next.
func (p places) of(key Value, entries []Entry) (place int, ok bool) {
	h, ok := hashable(key)
	if !ok {
		return 0, false
	}
	if p != nil {
		if place, ok = p[h]; !ok {
			p[h] = len(entries)
		}
		return place, ok
	}
	for i := range entries {
		if other, ok := hashable(entries[i].Key); ok && other == h {
			return i, true
		}
	}
	return 0, false
}

// hashable gives a key as a comparable that is the same for keys that Python
// takes for equal. Lists and maps cannot be keys in Python; they are let pass here
// and never taken for equal.
func hashable(key Value) (any, bool) {
	switch k := key.(type) {
	case nil, string, Ext:
		return k, true
	case Bytes:
		type raw string
		return raw(k), true
	case List, *Map:
		return nil, false
	}
	exact, f, _ := number(key)
	if exact != nil {
		return exact, true
	}
	return f, true
}

func (d *decoder) ext() (Value, error) {
	code, n, err := d.lib.DecodeExtHeader()
	if err != nil {
		return nil, err
	}
	data := make([]byte, n)
	if err := d.lib.ReadFull(data); err != nil {
		return nil, err
	}
	return Ext{Code: code, Data: string(data)}, nil
}

// Encode writes v as msgpack, text as str and bytes as bin, the way Salt since
// 3000 does. A Go type that is no Value is an error.
func Encode(v Value) ([]byte, error) {
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	if err := encode(enc, v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func encode(enc *msgpack.Encoder, v Value) error {
	switch v := v.(type) {
	case nil, bool, int64, uint64, float64, string:
		return enc.Encode(v)
	case Bytes:
		return enc.EncodeBytes(v)
	case Ext:
		if err := enc.EncodeExtHeader(v.Code, len(v.Data)); err != nil {
			return err
		}
		_, err := enc.Writer().Write([]byte(v.Data))
		return err
	case List:
		if err := enc.EncodeArrayLen(len(v)); err != nil {
			return err
		}
		for _, e := range v {
			if err := encode(enc, e); err != nil {
				return err
			}
		}
		return nil
	case *Map:
		if err := enc.EncodeMapLen(v.Len()); err != nil {
			return err
		}
		for _, e := range v.Entries {
			if err := encode(enc, e.Key); err != nil {
				return err
			}
			if err := encode(enc, e.Val); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("encode %T: not one of Salt's types", v)
}
