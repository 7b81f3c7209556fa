package event

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// bare reads the stream bus as Salt has had it since 2016.3: one envelope after the
// other.
type bare struct {
	envelope
	seen bool
}

// maxHead is how many bytes an envelope may take besides the body; Salt's takes 15.
const maxHead = 64 << 10

func newBare(w *wire) (framer, error) {
	return &bare{envelope: envelope{wire: w}}, nil
}

func (b *bare) next() ([]byte, error) {
	first, err := b.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if !isMap(first[0]) {
		return nil, fmt.Errorf("a message starts with %#02x", first[0])
	}
	b.left = maxHead
	body, err := b.read()
	b.seen = b.seen || err == nil
	return body, err
}

func (b *bare) form() Form {
	switch {
	case !b.seen:
		return FormUnknown
	case b.old:
		return FormOld
	}
	return FormStream
}

// prefixed reads the stream bus of 3006.26: each envelope comes after its length, 4
// bytes, big-endian.
type prefixed struct {
	envelope
}

// isPrefix knows a length by its first byte, as long as the first message is smaller
// than 16 MiB: Salt's max_event_size is 1 MiB.
func isPrefix(first byte) bool {
	return first == 0
}

func newPrefixed(w *wire) (framer, error) {
	return &prefixed{envelope{wire: w, framed: true}}, nil
}

func (p *prefixed) next() ([]byte, error) {
	if _, err := p.in.Peek(1); err != nil {
		return nil, err
	}
	b, err := p.wire.take(4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(b)
	if n == 0 || n > maxPassed {
		return nil, fmt.Errorf("a message of %d bytes is announced", n)
	}
	first, err := p.in.Peek(1)
	if err != nil {
		return nil, inside(err)
	}
	if !isMap(first[0]) {
		return nil, fmt.Errorf("a message starts with %#02x", first[0])
	}
	p.left = int(n)
	body, err := p.read()
	switch {
	case errors.Is(err, errEnvelope):
		if err := p.pass(p.left); err != nil {
			return nil, err
		}
		return nil, ErrMalformed
	case p.left > 0 && (err == nil || passedOver(err)):
		// One of the two lies; to believe the length could be to wait for ever.
		return nil, fmt.Errorf("a message ends %d bytes before its length", p.left)
	}
	return body, err
}

func (p *prefixed) form() Form { return FormPrefixed }

var (
	_ framer = (*bare)(nil)
	_ framer = (*prefixed)(nil)
)
