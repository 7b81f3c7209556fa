package event

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
)

const (
	bufferSize = 256 << 10 // read from the socket at once
	heldSize   = 1 << 20   // of memory kept for messages larger than the buffer
	// maxPassed is the largest message passed over, in bytes. A length above it is
	// taken for noise: to wait for so much would hide every event until then.
	maxPassed = 256 << 20
)

// wire is a connection and the bytes read from it ahead.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	max  int    // bytes of the largest body
	held []byte // the body last read, where it cannot stay in the buffer
}

func newWire(conn net.Conn, largest int) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, bufferSize), max: largest}
}

// take returns the next n bytes, n being small; they are valid until the next read.
func (w *wire) take(n int) ([]byte, error) {
	b, err := w.in.Peek(n)
	if err != nil {
		return nil, inside(err)
	}
	_, err = w.in.Discard(n)
	return b, err
}

// pass passes over n bytes without holding them.
func (w *wire) pass(n int) error {
	_, err := w.in.Discard(n)
	return inside(err)
}

// body returns the next n bytes, valid until the next call of body, or with last
// only until the next read, which needs no copy.
func (w *wire) body(n int, last bool) ([]byte, error) {
	if cap(w.held) > heldSize {
		w.held = nil
	}
	if last && n <= w.in.Size() {
		return w.take(n)
	}
	w.held = w.held[:0]
	for len(w.held) < n {
		// By doubling, so that a length that lies costs no more than what came.
		have := len(w.held)
		step := min(n-have, max(have, bufferSize))
		w.held = slices.Grow(w.held, step)[:have+step]
		if _, err := io.ReadFull(w.in, w.held[have:]); err != nil {
			return nil, inside(err)
		}
	}
	return w.held, nil
}

// inside is for errors in the middle of a message, where the end of the connection
// is not the end of the stream.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
