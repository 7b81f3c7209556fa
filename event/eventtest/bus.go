package eventtest

import (
	"net"
	"sync"
	"testing"

	"gorun/event"
	"gorun/value"
)

// A Bus is one whose events are fired while it runs: who is connected gets what comes
// from then on.
type Bus struct {
	Path string

	t        testing.TB
	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	running  sync.WaitGroup
	arrived  *sync.Cond
}

// Live opens a bus of the stream form on the unix socket path; it ends with the test.
func Live(t testing.TB, path string) *Bus {
	t.Helper()
	b := &Bus{Path: path, t: t}
	b.arrived = sync.NewCond(&b.mu)
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Start opens it again after Stop.
func (b *Bus) Start() {
	b.t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(b.t.Context(), "unix", b.Path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.listener = l
	b.mu.Unlock()
	b.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			b.mu.Lock()
			b.conns = append(b.conns, conn)
			b.arrived.Broadcast()
			b.mu.Unlock()
		}
	})
}

// Stop closes the socket and every connection, as a master does that dies.
func (b *Bus) Stop() {
	b.mu.Lock()
	_ = b.listener.Close() // at most closed already
	for _, conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
	b.mu.Unlock()
	b.running.Wait()
}

// Await returns when somebody is connected.
func (b *Bus) Await() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.conns) == 0 {
		b.arrived.Wait()
	}
}

// Fire sends an event to all who are connected, once somebody is. Who has left is
// forgotten.
func (b *Bus) Fire(tag string, data value.Value) {
	b.Await()
	message := Frame(tag, data, event.FormStream)
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.conns[:0]
	for _, conn := range b.conns {
		if _, err := conn.Write(message); err == nil {
			left = append(left, conn)
		}
	}
	b.conns = left
}
