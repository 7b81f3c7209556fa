package master

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"gorun/value"
)

var (
	// ErrUnreachable is returned when nothing listens where the master's request port
	// should be.
	ErrUnreachable = errors.New("no master is to be reached")
	// ErrNoAnswer is returned when the master took a request and did not answer in time.
	ErrNoAnswer = errors.New("the master does not answer")
	// ErrBadReply is returned when what came is no answer of a master: cut short, too
	// large, or not msgpack.
	ErrBadReply = errors.New("the master's reply cannot be read")
	// ErrTransport is returned when the master speaks a transport that gorun does not.
	ErrTransport = errors.New("no such transport")
)

// Port is the master's request port (salt.channel.client.ReqChannel, in clear).
type Port struct {
	Address   string // host:port
	Transport string // zeromq or tcp
	// MaxReply bounds a reply, in bytes; 0 is DefaultMaxReply.
	MaxReply int
}

// DefaultMaxReply is the largest reply read where Port does not say: the ids of more
// minions than a master can have.
const DefaultMaxReply = 64 << 20

// RequestPort is where this master takes requests.
func (c *Config) RequestPort() Port {
	return Port{Address: net.JoinHostPort(c.Interface, strconv.Itoa(c.RetPort)), Transport: c.Transport}
}

// exchange sends one packed request over a connection of its own and reads the one reply.
type exchange func(conn net.Conn, in *bufio.Reader, request []byte, largest int) ([]byte, error)

// transports are the ways in which a master takes requests.
var transports = map[string]exchange{
	"zeromq": exchangeZMQ,
	"tcp":    exchangeTCP,
}

// Send puts a load to the master and returns what it answers. The end of ctx bounds all
// of it; while nobody listens (a master that is being restarted) and while a cluster is
// not ready yet, it tries again. A request that was sent is never sent twice: the master
// may have done what it asks for. Each call has a connection of its own, which is closed
// when it returns. Errors are ErrUnreachable, ErrNoAnswer, ErrBadReply, ErrTransport, the
// refusals (see RefusedError), and that of ctx when it was cancelled.
func (p Port) Send(ctx context.Context, load *value.Map) (value.Value, error) {
	speak, ok := transports[p.Transport]
	if !ok {
		return nil, fmt.Errorf("%w: transport is %s, gorun speaks zeromq and tcp", ErrTransport, p.Transport)
	}
	request, err := value.Encode(value.NewMap("enc", "clear", "load", load, "version", int64(3)))
	if err != nil {
		return nil, fmt.Errorf("pack a request: %w", err)
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		v, err := p.once(ctx, speak, request)
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrNotReady) || !sleep(ctx, wait) {
			return v, err
		}
	}
}

const (
	firstWait = 50 * time.Millisecond
	lastWait  = time.Second
)

// sleep waits, and tells whether ctx lasts longer.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// once makes one connection for one request.
func (p Port) once(ctx context.Context, speak exchange, request []byte) (value.Value, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.Address)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }() // the reply is there, or an error that counts more
	largest := p.MaxReply
	if largest == 0 {
		largest = DefaultMaxReply
	}
	reply, err := speak(conn, bufio.NewReader(conn), request, largest)
	if err != nil {
		return nil, p.failed(ctx, err)
	}
	v, err := value.Decode(reply)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBadReply, p.Address, err)
	}
	return v, refusal(v)
}

// failed says why no reply came.
func (p Port) failed(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: nothing came from %s in time", ErrNoAnswer, p.Address)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%w: %s closed the connection", ErrBadReply, p.Address)
	}
	return fmt.Errorf("%w: %s: %w", ErrBadReply, p.Address, err)
}

// body reads n bytes of a reply: by doubling, so that a length that lies costs no more
// than what came.
func body(in io.Reader, n uint64, largest int) ([]byte, error) {
	if n > uint64(largest) {
		return nil, fmt.Errorf("%d bytes are announced, %d read at most", n, largest)
	}
	var b []byte
	for left := int(n); left > 0; {
		step := min(left, max(len(b), 64<<10))
		have := len(b)
		b = slices.Grow(b, step)[:have+step]
		if _, err := io.ReadFull(in, b[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		left -= step
	}
	return b, nil
}
