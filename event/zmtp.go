package event

import (
	"errors"
	"fmt"
	"time"

	"gorun/internal/zmtp"

	"github.com/go-zeromq/zmq4"
)

// zmtpBus reads the ZeroMQ bus of Salt up to 2015.8: a PUB socket, each event one
// message of one frame.
type zmtpBus struct {
	*wire
}

// handshakeTime bounds the handshake; a peer that stops in it is none.
const handshakeTime = 10 * time.Second

// isGreeting knows the first byte of a ZMTP greeting, which a peer sends at once to
// whoever connects.
func isGreeting(first byte) bool {
	return first == zmtp.Signature
}

// newZMTP shakes hands and subscribes to everything.
func newZMTP(w *wire) (framer, error) {
	if err := w.conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	peer, err := zmtp.Handshake(w.conn, w.in, zmq4.Sub)
	if err != nil {
		return nil, err
	}
	if err := peer.SendMsg(zmq4.NewMsg([]byte{1})); err != nil { // 1: subscribe, to no prefix
		return nil, err
	}
	return &zmtpBus{w}, w.conn.SetDeadline(time.Time{})
}

func (z *zmtpBus) form() Form { return FormZMQ }

func (z *zmtpBus) next() ([]byte, error) {
	if _, err := z.in.Peek(1); err != nil {
		return nil, err
	}
	for {
		flags, n, err := z.frame()
		switch {
		case err != nil:
			return nil, err
		case flags&zmtp.Command != 0: // nothing that a subscriber must answer
			if err := z.pass(n); err != nil {
				return nil, err
			}
		case flags&zmtp.More != 0:
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
func (z *zmtpBus) frame() (flags byte, size int, err error) {
	flags, n, err := zmtp.Head(z.in)
	if err == nil && n > maxPassed {
		err = fmt.Errorf("a frame of %d bytes is announced", n)
	}
	return flags, int(n), err
}

// drop passes over the rest of a message of several frames, which Salt never sends;
// n is the size of the first.
func (z *zmtpBus) drop(n int) error {
	flags := byte(zmtp.More)
	for {
		if err := z.pass(n); err != nil {
			return err
		}
		if flags&zmtp.More == 0 {
			return ErrMalformed
		}
		var err error
		if flags, n, err = z.frame(); err != nil {
			return err
		}
	}
}

var errNoGreeting = errors.New("no zmq greeting comes")

var _ framer = (*zmtpBus)(nil)
