package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// zmtp reads the ZeroMQ bus of Salt up to 2015.8: a PUB socket, each event one
// message of one frame. zmq4 shakes hands and subscribes; frames are read here,
// because zmq4 allocates whatever length a frame announces.
type zmtp struct {
	*wire
}

// The flags of a ZMTP 3 frame.
const (
	zmtpMore    = 1
	zmtpLong    = 2 // the length has 8 bytes, not one
	zmtpCommand = 4
	zmtpFlags   = zmtpMore | zmtpLong | zmtpCommand
)

// handshakeTime bounds the handshake; a peer that stops in it is none.
const handshakeTime = 10 * time.Second

// isGreeting knows the first byte of a ZMTP greeting, which a peer sends at once to
// whoever connects.
func isGreeting(first byte) bool {
	return first == 0xff
}

// newZMTP shakes hands and subscribes to everything.
func newZMTP(w *wire) (f framer, err error) {
	defer func() {
		if p := recover(); p != nil { // zmq4 indexes what the peer's READY says unchecked
			err = fmt.Errorf("zmq handshake: %v", p)
		}
	}()
	if err := w.conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	peer, err := zmq4.Open(&handshake{Conn: w.conn, wire: w}, null.Security(), zmq4.Sub, nil, false, nil)
	if err != nil {
		return nil, err
	}
	if err := peer.SendMsg(zmq4.NewMsg([]byte{1})); err != nil { // 1: subscribe, to no prefix
		return nil, err
	}
	return &zmtp{w}, w.conn.SetDeadline(time.Time{})
}

func (z *zmtp) form() Form { return FormZMQ }

func (z *zmtp) next() ([]byte, error) {
	if _, err := z.in.Peek(1); err != nil {
		return nil, err
	}
	for {
		flags, n, err := z.frame()
		switch {
		case err != nil:
			return nil, err
		case flags&zmtpCommand != 0: // nothing that a subscriber must answer
			if err := z.pass(n); err != nil {
				return nil, err
			}
		case flags&zmtpMore != 0:
			return nil, z.drop(n)
		case n > z.max:
			if err := z.pass(n); err != nil {
				return nil, err
			}
			return nil, ErrTooLarge
		default:
			return z.body(n, true)
		}
	}
}

// frame reads the beginning of a frame.
func (z *zmtp) frame() (flags byte, size int, err error) {
	b, err := z.take(1)
	if err != nil {
		return 0, 0, err
	}
	flags = b[0]
	if flags&^zmtpFlags != 0 {
		return 0, 0, fmt.Errorf("a frame starts with %#02x", flags)
	}
	width := 1
	if flags&zmtpLong != 0 {
		width = 8
	}
	if b, err = z.take(width); err != nil {
		return 0, 0, err
	}
	n := uint64(b[0])
	if width == 8 {
		n = binary.BigEndian.Uint64(b)
	}
	if n > maxPassed {
		return 0, 0, fmt.Errorf("a frame of %d bytes is announced", n)
	}
	return flags, int(n), nil
}

// drop passes over the rest of a message of several frames, which Salt never sends;
// n is the size of the first.
func (z *zmtp) drop(n int) error {
	flags := byte(zmtpMore)
	for {
		if err := z.pass(n); err != nil {
			return err
		}
		if flags&zmtpMore == 0 {
			return ErrMalformed
		}
		var err error
		if flags, n, err = z.frame(); err != nil {
			return err
		}
	}
}

var (
	errNoGreeting  = errors.New("no zmq greeting comes")
	errZMTPVersion = errors.New("the master's libzmq is older than 4.0")
	errZMTPReady   = errors.New("the zmq handshake makes no sense")
)

// handshake is the connection as zmq4 has it: it reads what was read ahead first, and
// is stopped where zmq4 would wait for ever or allocate what the peer says.
type handshake struct {
	net.Conn
	wire *wire
	read int // bytes so far
}

const (
	zmtpVersionAt = 10 // in the greeting
	zmtpReadyAt   = 64 // the READY command, after the greeting
)

func (h *handshake) Read(p []byte) (int, error) {
	n, err := h.wire.in.Read(p)
	for i, b := range p[:n] {
		switch at := h.read + i; {
		case at == zmtpVersionAt && b < 3:
			return 0, errZMTPVersion
		case at == zmtpReadyAt && b&zmtpLong != 0:
			return 0, errZMTPReady
		}
	}
	h.read += n
	return n, err
}

var _ framer = (*zmtp)(nil)
