package value

import (
	"encoding/binary"
	"math"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Raw is the msgpack of one value, not looked into yet.
type Raw []byte

// Span returns how many bytes the first msgpack value of data takes. It looks at
// no more than the structure, allocates nothing, and is safe on any input: errors
// are ErrDepth, ErrTruncated and ErrMalformed. (The library's Skip recurses without
// a bound.)
func Span(data []byte) (int, error) {
	return span(data, 0, 0)
}

// span returns the offset behind the value that starts at off.
func span(data []byte, off, depth int) (int, error) {
	if off >= len(data) {
		return 0, ErrTruncated
	}
	code := data[off]
	off++
	size, children := 0, 0
	switch {
	case msgpcode.IsFixedNum(code):
	case msgpcode.IsFixedMap(code):
		children = 2 * int(code&msgpcode.FixedMapMask)
	case msgpcode.IsFixedArray(code):
		children = int(code & msgpcode.FixedArrayMask)
	case msgpcode.IsFixedString(code):
		size = int(code & msgpcode.FixedStrMask)
	default:
		var err error
		if off, size, children, err = header(data, off, code); err != nil {
			return 0, err
		}
	}
	if size > len(data)-off {
		return 0, ErrTruncated
	}
	off += size
	if children == 0 {
		return off, nil
	}
	if depth == MaxDepth {
		return 0, ErrDepth
	}
	if children > len(data)-off { // each takes a byte at least
		return 0, ErrTruncated
	}
	for range children {
		var err error
		if off, err = span(data, off, depth+1); err != nil {
			return 0, err
		}
	}
	return off, nil
}

// header reads what stands behind a code that is not a fixed one: the offset after
// the length, the bytes of a scalar, the children of a container.
func header(data []byte, off int, code byte) (next, size, children int, err error) {
	var width int // of the length that follows the code
	switch code {
	case msgpcode.Nil, msgpcode.False, msgpcode.True:
		return off, 0, 0, nil
	case msgpcode.Uint8, msgpcode.Int8:
		return off, 1, 0, nil
	case msgpcode.Uint16, msgpcode.Int16:
		return off, 2, 0, nil
	case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
		return off, 4, 0, nil
	case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
		return off, 8, 0, nil
	case msgpcode.FixExt1, msgpcode.FixExt2, msgpcode.FixExt4, msgpcode.FixExt8, msgpcode.FixExt16:
		return off, 1 + 1<<(code-msgpcode.FixExt1), 0, nil
	case msgpcode.Str8, msgpcode.Bin8, msgpcode.Ext8:
		width = 1
	case msgpcode.Str16, msgpcode.Bin16, msgpcode.Ext16, msgpcode.Array16, msgpcode.Map16:
		width = 2
	case msgpcode.Str32, msgpcode.Bin32, msgpcode.Ext32, msgpcode.Array32, msgpcode.Map32:
		width = 4
	default:
		return 0, 0, 0, ErrMalformed
	}
	if width > len(data)-off {
		return 0, 0, 0, ErrTruncated
	}
	n := 0
	for _, b := range data[off : off+width] {
		n = n<<8 | int(b)
	}
	off += width
	switch code {
	case msgpcode.Array16, msgpcode.Array32:
		return off, 0, n, nil
	case msgpcode.Map16, msgpcode.Map32:
		return off, 0, 2 * n, nil
	case msgpcode.Ext8, msgpcode.Ext16, msgpcode.Ext32:
		return off, n + 1, 0, nil
	}
	return off, n, 0, nil
}

// Fields calls f with each text key of the map in data and the raw value that
// belongs to it, in order; keys of other types are passed over. The raw value
// points into data. Errors are those of Span, ErrNotMap, ErrTrailing, and f's own.
func Fields(data []byte, f func(key string, val Raw) error) error {
	return Entries(data, func(key, val Raw) error {
		if k, ok := key.Text(); ok {
			return f(k, val)
		}
		return nil
	})
}

// Entries is Fields for keys of any type, and makes no copies of them.
func Entries(data []byte, f func(key, val Raw) error) error {
	if len(data) == 0 {
		return ErrTruncated
	}
	var n, off int
	switch code := data[0]; {
	case msgpcode.IsFixedMap(code):
		n, off = 2*int(code&msgpcode.FixedMapMask), 1
	case code == msgpcode.Map16, code == msgpcode.Map32:
		var err error
		if off, _, n, err = header(data, 1, code); err != nil {
			return err
		}
	default:
		return ErrNotMap
	}
	for range n / 2 {
		key := off
		val, err := span(data, key, 1)
		if err != nil {
			return err
		}
		if off, err = span(data, val, 1); err != nil {
			return err
		}
		if err := f(Raw(data[key:val]), Raw(data[val:off])); err != nil {
			return err
		}
	}
	if off != len(data) {
		return ErrTrailing
	}
	return nil
}

// Text returns the value as text; ok is false where it is anything but str (or raw,
// as a Python 2 master writes it) or bin. Salt's own readers take the two for the
// same in tags, ids and function names.
func (r Raw) Text() (text string, ok bool) {
	b, ok := r.TextBytes()
	return string(b), ok
}

// TextBytes is Text without a copy: the bytes are those of r.
func (r Raw) TextBytes() (text []byte, ok bool) {
	if len(r) == 0 || !(msgpcode.IsString(r[0]) || msgpcode.IsBin(r[0])) {
		return nil, false
	}
	if msgpcode.IsFixedString(r[0]) {
		return r[1:], true
	}
	off, n, _, err := header(r, 1, r[0])
	if err != nil || n != len(r)-off {
		return nil, false
	}
	return r[off:], true
}

// Decode reads the value.
func (r Raw) Decode() (Value, error) {
	return Decode(r)
}

// AppendMap appends the head of a map of n entries to dst.
func AppendMap(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, msgpcode.FixedMapLow|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, msgpcode.Map16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, msgpcode.Map32), uint32(n))
}

// AppendList appends the head of a list of n elements to dst.
func AppendList(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, msgpcode.FixedArrayLow|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, msgpcode.Array16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, msgpcode.Array32), uint32(n))
}

// AppendText appends text as msgpack str to dst.
func AppendText(dst []byte, text string) []byte {
	switch n := len(text); {
	case n < 32:
		dst = append(dst, msgpcode.FixedStrLow|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, msgpcode.Str8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, msgpcode.Str16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, msgpcode.Str32), uint32(n))
	}
	return append(dst, text...)
}
