package output

import "io"

// flushSize is how many bytes a writer gathers before it hands them on.
const flushSize = 64 << 10

// A writer gathers an outputter's text and cuts the white space at its very end, as
// Salt does. It keeps everything until commit is called, so that an outputter that
// fails half-way has printed nothing; from then on no more than a buffer, and
// whatever white space could turn out to be the last.
type writer struct {
	dst       io.Writer
	buf       []byte
	limit     int // length of buf at which it is handed on
	committed bool
	wrote     bool
	err       error // the first of dst
}

// newWriter returns a writer above dst, which may be nil for one that is never
// flushed.
func newWriter(dst io.Writer) *writer {
	return &writer{dst: dst, limit: flushSize}
}

// commit promises that the outputter cannot fail any more.
func (w *writer) commit() {
	w.committed = true
}

// reset forgets what was written and not committed.
func (w *writer) reset() {
	w.buf = w.buf[:0]
}

func (w *writer) str(s string) {
	w.buf = append(w.buf, s...)
}

func (w *writer) byte(c byte) {
	w.buf = append(w.buf, c)
}

const blanks = "                                                                "

func (w *writer) spaces(n int) {
	w.buf = appendBlanks(w.buf, n)
}

func appendBlanks(b []byte, n int) []byte {
	for n > len(blanks) {
		b = append(b, blanks...)
		n -= len(blanks)
	}
	return append(b, blanks[:max(n, 0)]...)
}

// full hands on what was gathered once there is enough of it; outputters call it
// between two pieces.
func (w *writer) full() {
	if len(w.buf) >= w.limit && w.committed {
		w.flush()
	}
}

func (w *writer) flush() {
	cut := len(trimRight(w.buf))
	if cut > 0 {
		w.put(w.buf[:cut])
		w.buf = w.buf[:copy(w.buf, w.buf[cut:])]
	}
	// Twice as much, or a megabyte of blanks would be looked through once a flush.
	w.limit = max(flushSize, 2*len(w.buf))
}

func (w *writer) put(b []byte) {
	w.wrote = true
	if w.err == nil {
		_, w.err = w.dst.Write(b)
	}
}

// close writes what is left and the newline at the end; nothing where the whole
// text is empty.
func (w *writer) close() error {
	w.flush()
	if w.wrote {
		w.put([]byte{'\n'})
	}
	return w.err
}

// text returns what write writes, without the white space at its end.
func text(write func(w *writer)) string {
	w := newWriter(nil)
	write(w)
	return string(trimRight(w.buf))
}
