package output

import (
	"cmp"
	"io"
)

// flushSize is how many bytes a writer gathers before it hands them on.
const flushSize = 64 << 10

// keepText is how many bytes of text are kept until an outputter is known to succeed.
const keepText = 4 << 20

// A writer gathers an outputter's text and cuts the white space at its very end, as
// Salt does. Until commit is called it hands nothing on, so that an outputter that
// fails half-way has printed nothing; what is too much to be kept until then is dropped.
// From then on it keeps no more than a buffer, and whatever white space could turn out to
// be the last.
type writer struct {
	dst       io.Writer
	buf       []byte
	limit     int // length of buf at which it is handed on
	committed bool
	dropped   bool // some of the text: the outputter is to print once more
	wrote     bool
	err       error // the first of dst
	broken    error // the first of reading what is printed
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
	w.buf, w.dropped, w.broken = w.buf[:0], false, nil
}

// fail notes that what is printed could not be read to its end.
func (w *writer) fail(err error) {
	if w.broken == nil && err != w.err { //nolint:errorlint // the same one, which close returns
		w.broken = err
	}
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
	if len(w.buf) >= w.limit {
		w.overflow()
	}
}

func (w *writer) overflow() {
	switch {
	case w.committed:
		w.flush()
	case w.dst != nil && len(w.buf) > keepText:
		w.buf, w.dropped = w.buf[:0], true
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
	return cmp.Or(w.broken, w.err)
}

// text returns what write writes, without the white space at its end.
func text(write func(w *writer)) string {
	w := newWriter(nil)
	write(w)
	return string(trimRight(w.buf))
}
