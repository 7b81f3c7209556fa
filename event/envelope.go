package event

import (
	"errors"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// errEnvelope is returned when the msgpack of an envelope makes no sense, or ends
// outside of the message.
var errEnvelope = errors.New("no envelope of Salt's")

// envelope reads the map in which a stream bus hands each message over (see
// salt.transport.frame.frame_msg_ipc): "head", an empty map, and "body", the
// message. It is read as it comes, so that a body of any size is passed over and a
// head of any depth takes no memory.
type envelope struct {
	*wire
	left   int  // bytes that the map may still take
	framed bool // the body counts among those
	old    bool // the last body was raw, as Python 2 writes it, and not bin
}

// read returns the body. Errors are errEnvelope, those of the connection, and, once
// the map has been read to its end, ErrTooLarge and ErrMalformed.
func (e *envelope) read() (body []byte, err error) {
	outer, err := e.head()
	if err != nil {
		return nil, err
	}
	result := ErrMalformed // until the body is found
	for keys := outer.children / 2; keys > 0; keys-- {
		key, err := e.head()
		if err != nil {
			return nil, err
		}
		isBody, err := e.isBody(key)
		if err != nil {
			return nil, err
		}
		val, err := e.head()
		switch {
		case err != nil:
		case !isBody || !val.isText():
			err = e.skip(val)
		default:
			body, err = e.text(val, keys == 1)
			result = nil
			if errors.Is(err, ErrTooLarge) {
				result, err = err, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if result != nil {
		return nil, result
	}
	return body, nil
}

// isBody reads a key and tells whether it is the body's.
func (e *envelope) isBody(key head) (bool, error) {
	if !key.isText() || key.size != len("body") {
		return false, e.skip(key)
	}
	name, err := e.take(key.size)
	return string(name) == "body", err
}

// text reads the bytes of the body; a larger one than allowed is passed over.
func (e *envelope) text(val head, last bool) ([]byte, error) {
	if e.framed {
		if val.size > e.left {
			return nil, errEnvelope
		}
		e.left -= val.size
	} else if val.size > maxPassed {
		return nil, errEnvelope
	}
	e.old = !msgpcode.IsBin(val.code)
	if val.size > e.max {
		if err := e.pass(val.size); err != nil {
			return nil, err
		}
		return nil, ErrTooLarge
	}
	return e.body(val.size, last)
}

// skip passes over the value that follows its head. It counts the values still to
// come, and needs no memory of the levels.
func (e *envelope) skip(h head) error {
	values := h.children
	for {
		if h.size > e.left {
			return errEnvelope
		}
		e.left -= h.size
		if err := e.pass(h.size); err != nil {
			return err
		}
		if values == 0 {
			return nil
		}
		if values > e.left { // each takes a byte at least
			return errEnvelope
		}
		var err error
		if h, err = e.head(); err != nil {
			return err
		}
		values += h.children - 1
	}
}

// take is wire.take within the bounds of the message.
func (e *envelope) take(n int) ([]byte, error) {
	if n > e.left {
		return nil, errEnvelope
	}
	e.left -= n
	return e.wire.take(n)
}

// head is the beginning of a msgpack value: its code, the bytes of data that
// follow, and the values that follow.
type head struct {
	code           byte
	size, children int
}

func (h head) isText() bool {
	return msgpcode.IsString(h.code) || msgpcode.IsBin(h.code)
}

// A shape tells what follows a msgpack code: the bytes of its length, the bytes that
// no length counts, and how many values one of the length stands for (0: bytes).
type shape struct {
	width, fixed, values int
}

const firstShape = 0xc0

// shapes are those of the codes from firstShape to 0xdf.
var shapes = [...]shape{
	{}, {width: -1}, {}, {}, // nil, (never used), false, true
	{width: 1}, {width: 2}, {width: 4}, // bin
	{width: 1, fixed: 1}, {width: 2, fixed: 1}, {width: 4, fixed: 1}, // ext
	{fixed: 4}, {fixed: 8}, // floats
	{fixed: 1}, {fixed: 2}, {fixed: 4}, {fixed: 8}, // unsigned
	{fixed: 1}, {fixed: 2}, {fixed: 4}, {fixed: 8}, // signed
	{fixed: 2}, {fixed: 3}, {fixed: 5}, {fixed: 9}, {fixed: 17}, // fixext
	{width: 1}, {width: 2}, {width: 4}, // str
	{width: 2, values: 1}, {width: 4, values: 1}, // list
	{width: 2, values: 2}, {width: 4, values: 2}, // map
}

// head reads the beginning of the next value.
func (e *envelope) head() (head, error) {
	b, err := e.take(1)
	if err != nil {
		return head{}, err
	}
	code := b[0]
	switch {
	case msgpcode.IsFixedMap(code):
		return head{code: code, children: 2 * int(code&msgpcode.FixedMapMask)}, nil
	case msgpcode.IsFixedArray(code):
		return head{code: code, children: int(code & msgpcode.FixedArrayMask)}, nil
	case msgpcode.IsFixedString(code):
		return head{code: code, size: int(code & msgpcode.FixedStrMask)}, nil
	case msgpcode.IsFixedNum(code):
		return head{code: code}, nil
	}
	s := shapes[code-firstShape]
	if s.width < 0 {
		return head{}, errEnvelope
	}
	if b, err = e.take(s.width); err != nil {
		return head{}, err
	}
	n := 0
	for _, digit := range b {
		n = n<<8 | int(digit)
	}
	if s.values > 0 {
		return head{code: code, children: n * s.values}, nil
	}
	return head{code: code, size: n + s.fixed}, nil
}
