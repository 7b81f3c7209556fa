package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// What Config.Transport may be.
const (
	TransportStream = "stream" // Salt's own, since 2016.3
	TransportZMQ    = "zmq"    // up to 2015.8
)

// DefaultMaxMessage is the largest body read if Config does not say, in bytes: what
// the shorter of the stream's two length fields can tell from another framing.
const DefaultMaxMessage = 1<<24 - 1

// Config says where the bus is. Either Path or TCP is needed.
type Config struct {
	Path       string       // the unix socket, <sock_dir>/master_event_pub.ipc
	TCP        string       // host:port, where the master has ipc_mode: tcp
	Transport  string       // TransportStream or TransportZMQ; empty: found out
	MaxMessage int          // bytes of the largest body; 0: DefaultMaxMessage
	Log        *slog.Logger // nil: no log
}

// maxPath is what the kernel takes for a socket's name, a final NUL counted.
const maxPath = len(syscall.RawSockaddrUnix{}.Path)

// check returns ErrConfig for what no waiting mends.
func (c Config) check() error {
	switch {
	case (c.Path == "") == (c.TCP == ""):
		return fmt.Errorf("%w: either a socket or a TCP address is needed", ErrConfig)
	case len(c.Path) >= maxPath:
		return fmt.Errorf("%w: %s: longer than %d bytes", ErrConfig, c.Path, maxPath-1)
	case c.Transport != "" && c.Transport != TransportStream && c.Transport != TransportZMQ:
		return fmt.Errorf("%w: no transport %q", ErrConfig, c.Transport)
	case c.MaxMessage < 0:
		return fmt.Errorf("%w: messages of %d bytes", ErrConfig, c.MaxMessage)
	case c.TCP != "":
		if _, _, err := net.SplitHostPort(c.TCP); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return nil
}

func (c Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// Form is how a bus speaks, and with it how its master writes text.
type Form int

// The forms, in the order of Salt's releases.
const (
	FormUnknown  Form = iota // nothing has been said yet
	FormZMQ                  // up to 2015.8: ZeroMQ; text and bytes are not told apart
	FormOld                  // 2016.3 to 2019.2 on Python 2: envelopes, nor are they here
	FormStream               // 3000 and later: envelopes
	FormPrefixed             // 3006.26 and later 3006: envelopes after their length
)

var formNames = [...]string{"unknown", "zmq", "old stream", "stream", "prefixed stream"}

// String returns the form in words, for logs.
func (f Form) String() string {
	if f < 0 || int(f) >= len(formNames) {
		return formNames[FormUnknown]
	}
	return formNames[f]
}

// A Source is one connection to the bus. Next and Form are for one goroutine; Close
// may be called from any, and ends a blocked Next.
type Source interface {
	// Next returns the body of the next message, for Decode; it is valid until the
	// following call. After ErrTooLarge and ErrMalformed, which are about one message,
	// Next can be called again. All other errors stay: io.EOF where the master closed
	// the connection, ErrLost, or the error of the context given to Dial.
	Next() ([]byte, error)
	// Form tells how the bus speaks; it is FormUnknown until the first message on a
	// stream bus.
	Form() Form
	// Close ends the connection.
	Close() error
}

// greetingTime is how long Dial waits for a ZeroMQ greeting. A ZeroMQ bus sends it at
// once, from a thread of its own; a stream bus says nothing until an event happens. One
// that comes later is understood as well, only the subscription then stands later.
const greetingTime = 100 * time.Millisecond

// Dial connects to the bus. Cancelling ctx ends the connection, and a blocked Next at
// once. When Dial returns, a ZeroMQ bus is subscribed to. An error is ErrConfig, or that
// of the connection.
func Dial(ctx context.Context, cfg Config) (Source, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	network, address := "unix", cfg.Path
	if cfg.TCP != "" {
		network, address = "tcp", cfg.TCP
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to the event bus: %w", err)
	}
	c := newConnection(ctx, conn, cfg)
	if err := c.settle(); err != nil {
		_ = c.Close() // what went wrong first counts
		return nil, fmt.Errorf("connect to the event bus: %w", err)
	}
	return c, nil
}

// connection is the Source that Dial returns. What it speaks is told by the first byte,
// whenever that comes: nothing is read twice or dialled again for it.
type connection struct {
	ctx       context.Context
	stop      func() bool // ends the watch over ctx
	wire      *wire
	transport string
	framer    framer // nil until the first byte
	err       error  // that ended the connection
}

func newConnection(ctx context.Context, conn net.Conn, cfg Config) *connection {
	return &connection{
		ctx:       ctx,
		stop:      context.AfterFunc(ctx, func() { _ = conn.Close() }),
		wire:      newWire(conn, cmp.Or(cfg.MaxMessage, DefaultMaxMessage)),
		transport: cfg.Transport,
	}
}

// settle gives a ZeroMQ bus the time to greet, and answers.
func (c *connection) settle() error {
	if c.transport == TransportStream {
		return nil
	}
	wait := greetingTime
	if c.transport == TransportZMQ {
		wait = handshakeTime
	}
	if err := c.wire.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return c.ending(err)
	}
	first, _ := c.wire.in.Peek(1) // Next meets the error again
	if err := c.wire.conn.SetReadDeadline(time.Time{}); err != nil {
		return c.ending(err)
	}
	switch {
	case len(first) > 0:
		return c.open()
	case c.transport == TransportZMQ:
		return c.ending(errNoGreeting)
	}
	return nil
}

// open waits for the first byte and chooses the framer.
func (c *connection) open() error {
	first, err := c.wire.in.Peek(1)
	if err != nil {
		return c.ending(err)
	}
	f, err := framingOf(first[0], c.transport)
	if err != nil {
		return c.ending(err)
	}
	if c.framer, err = f.open(c.wire); err != nil {
		c.framer = nil
		return c.ending(inside(err))
	}
	return nil
}

func (c *connection) Next() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.framer == nil {
		if c.err = c.open(); c.err != nil {
			return nil, c.err
		}
	}
	body, err := c.framer.next()
	if err == nil || passedOver(err) {
		return body, err
	}
	c.err = c.ending(err)
	return nil, c.err
}

// ending says why a connection can be read no more.
func (c *connection) ending(err error) error {
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

func (c *connection) Form() Form {
	if c.framer == nil {
		return FormUnknown
	}
	return c.framer.form()
}

func (c *connection) Close() error {
	c.stop()
	if err := c.wire.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the event bus: %w", err)
	}
	return nil
}

var _ Source = (*connection)(nil)
