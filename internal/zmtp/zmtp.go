// Package zmtp is as much of ZeroMQ's wire protocol (ZMTP 3) as Salt's sockets ask for.
// zmq4 shakes hands; frames are read here, because zmq4 allocates whatever length a frame
// announces, and indexes unchecked what the peer says of itself.
package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// The flags of a frame.
const (
	More    = 1 // the message goes on in the next frame
	long    = 2 // the length has 8 bytes, not one
	Command = 4
	flags   = More | long | Command
)

// Signature is the first byte of a greeting, which a peer sends at once to whoever
// connects.
const Signature = 0xff

var (
	errVersion = errors.New("the peer's libzmq is older than 4.0")
	errReady   = errors.New("the zmq handshake makes no sense")
)

// Handshake makes conn a socket of the given type; what the peer sends is read from in,
// which reads from conn. The caller bounds the time by a deadline on conn.
func Handshake(conn net.Conn, in *bufio.Reader, kind zmq4.SocketType) (peer *zmq4.Conn, err error) {
	defer func() {
		if p := recover(); p != nil { // zmq4 indexes what the peer's READY says unchecked
			err = fmt.Errorf("zmq handshake: %v", p)
		}
	}()
	return zmq4.Open(&guarded{Conn: conn, in: in}, null.Security(), kind, nil, false, nil)
}

const (
	versionAt = 10 // in the greeting
	readyAt   = 64 // the READY command, after the greeting
)

// guarded is the connection as zmq4 has it: it reads what was read ahead first, and is
// stopped where zmq4 would wait for ever or allocate what the peer says.
type guarded struct {
	net.Conn
	in   *bufio.Reader
	read int // bytes so far
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.in.Read(p)
	for i, b := range p[:n] {
		switch at := g.read + i; {
		case at == versionAt && b < 3:
			return 0, errVersion
		case at == readyAt && b&long != 0:
			return 0, errReady
		}
	}
	g.read += n
	return n, err
}

// Head reads the beginning of a frame: its flags More and Command, and the length of its
// body in bytes. A connection that ends in it is io.ErrUnexpectedEOF.
func Head(in *bufio.Reader) (flag byte, size uint64, err error) {
	b, err := take(in, 1)
	if err != nil {
		return 0, 0, err
	}
	flag = b[0]
	if flag&^flags != 0 {
		return 0, 0, fmt.Errorf("a frame starts with %#02x", flag)
	}
	width := 1
	if flag&long != 0 {
		width = 8
	}
	if b, err = take(in, width); err != nil {
		return 0, 0, err
	}
	if width == 8 {
		return flag, binary.BigEndian.Uint64(b), nil
	}
	return flag, uint64(b[0]), nil
}

// Pong is the frame that answers a command's body, nil where that asks for none. A peer
// that asks (PING) and hears nothing takes the connection for dead: a Salt 3008 hangs up
// after 40 s.
func Pong(command []byte) []byte {
	const ping, pong, ttl, mostContext = "\x04PING", "\x04PONG", 2, 16
	rest, ok := bytes.CutPrefix(command, []byte(ping))
	if !ok || len(rest) < ttl || len(rest) > ttl+mostContext {
		return nil
	}
	context := rest[ttl:]
	return append(append([]byte{Command, byte(len(pong) + len(context))}, pong...), context...)
}

// take returns the next n bytes, n being small; they are valid until the next read.
func take(in *bufio.Reader, n int) ([]byte, error) {
	b, err := in.Peek(n)
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	_, err = in.Discard(n)
	return b, err
}
