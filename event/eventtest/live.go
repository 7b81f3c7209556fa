package eventtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"gorun/event"
	"gorun/value"
)

// Live is a bus that says what it is told to, when it is told, to all who are connected.
type Live struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex // held while something is said, too
	conns   map[net.Conn]bool
	anybody bool // has ever been connected
	longest time.Duration
}

// Listen starts a bus on the unix socket path, or on a TCP address, which has no slash.
func Listen(ctx context.Context, path string) (*Live, error) {
	network := "unix"
	if !strings.Contains(path, "/") {
		network = "tcp"
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, path)
	if err != nil {
		return nil, fmt.Errorf("start a bus: %w", err)
	}
	live := &Live{listener: l, conns: make(map[net.Conn]bool)}
	live.running.Go(live.accept)
	return live, nil
}

func (l *Live) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.mu.Lock()
		l.conns[conn], l.anybody = true, true
		l.mu.Unlock()
	}
}

// Address is where it listens.
func (l *Live) Address() string { return l.listener.Addr().String() }

// patience is how long Fire waits for the first who connects.
const patience = time.Second

// Fire says an event to all who are connected, once somebody is or has been; for who does
// not come soon it is lost, as on any bus.
func (l *Live) Fire(tag string, data value.Value) {
	for start := time.Now(); !l.met() && time.Since(start) < patience; {
		time.Sleep(time.Millisecond)
	}
	l.Say(Frame(tag, data, event.FormStream))
}

func (l *Live) met() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anybody
}

// Connections counts those who listen.
func (l *Live) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Say sends frames, in their framing, and waits until everybody has taken them. Who has left
// is dropped.
func (l *Live) Say(frames []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		start := time.Now()
		if _, err := conn.Write(frames); err != nil {
			delete(l.conns, conn)
			_ = conn.Close() // it is of no use any more
		}
		l.longest = max(l.longest, time.Since(start))
	}
}

// Longest is the longest that somebody has let the bus wait.
func (l *Live) Longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.longest
}

// HangUp closes all connections; the next ones are welcome.
func (l *Live) HangUp() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	for conn := range l.conns {
		err = errors.Join(err, conn.Close())
	}
	clear(l.conns)
	return err
}

// Close ends the bus with all connections.
func (l *Live) Close() error {
	err := l.listener.Close()
	l.running.Wait()
	return errors.Join(err, l.HangUp())
}
