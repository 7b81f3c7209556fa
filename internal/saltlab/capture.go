package saltlab

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"regexp"
	"sync"

	"github.com/go-zeromq/zmq4"
)

// A Capture is all that the master's bus carried since it was opened, as the bytes
// that came: of a stream bus (Salt since 2016.3) nothing but them, of a ZeroMQ bus
// each message after its length in 4 bytes, big-endian.
type Capture struct {
	ZeroMQ bool

	close func() error
	done  chan struct{} // closed when the bus ends

	mu   sync.Mutex
	data []byte
	more chan struct{} // closed and replaced when data has grown
}

// Capture begins to listen on the bus; nothing that is sent after its return is
// missed. It ends with Close or with the master.
func (l *Lab) Capture() (*Capture, error) {
	c := &Capture{ZeroMQ: !AtLeast(l.Version, "2016"), done: make(chan struct{}), more: make(chan struct{})}
	read := c.readStream
	if c.ZeroMQ {
		read = c.readZeroMQ
	}
	if err := read(l.Socket()); err != nil {
		return nil, fmt.Errorf("capture the bus: %w", err)
	}
	return c, nil
}

func (c *Capture) readStream(path string) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	c.close = conn.Close
	go func() {
		defer close(c.done)
		buf := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buf)
			c.add(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return nil
}

func (c *Capture) readZeroMQ(path string) error {
	ctx, cancel := context.WithCancel(context.Background())
	sub := zmq4.NewSub(ctx)
	c.close = func() error {
		cancel()
		return sub.Close()
	}
	if err := sub.Dial("ipc://" + path); err != nil {
		cancel()
		return err
	}
	if err := sub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		cancel()
		return err
	}
	go func() {
		defer close(c.done)
		for {
			msg, err := sub.Recv()
			if err != nil {
				return
			}
			body := msg.Bytes()
			c.add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
		}
	}()
	return nil
}

func (c *Capture) add(p []byte) {
	if len(p) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = append(c.data, p...)
	close(c.more)
	c.more = make(chan struct{})
}

// Bytes returns what came until now.
func (c *Capture) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.data)
}

// Wait returns once ok is true of what came until then. It looks again after
// everything that comes.
func (c *Capture) Wait(ctx context.Context, ok func(data []byte) bool) error {
	for {
		c.mu.Lock()
		found, more := ok(c.data), c.more
		c.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-more:
		case <-c.done:
			return fmt.Errorf("capture: %w", net.ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("capture: %w", ctx.Err())
		}
	}
}

// WaitFor returns once the bus has carried text, which may be a tag or part of a
// payload.
func (c *Capture) WaitFor(ctx context.Context, text string) error {
	err := c.Wait(ctx, func(data []byte) bool { return bytes.Contains(data, []byte(text)) })
	if err != nil {
		return fmt.Errorf("wait for %q: %w", text, err)
	}
	return nil
}

var runBegun = regexp.MustCompile(`salt/run/(\d{20}(?:_\d+)?)/new\n\n`)

// WaitForRuns returns once each run of a runner that the bus has announced has come
// to its end there.
func (c *Capture) WaitForRuns(ctx context.Context) error {
	return c.Wait(ctx, func(data []byte) bool {
		for _, run := range runBegun.FindAllSubmatch(data, -1) {
			if !bytes.Contains(data, []byte("salt/run/"+string(run[1])+"/ret\n\n")) {
				return false
			}
		}
		return true
	})
}

// Close ends the capture; its bytes stay.
func (c *Capture) Close() error {
	err := c.close()
	<-c.done
	return err
}
