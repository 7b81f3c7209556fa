// Package mastertest is a request port for tests: it takes requests as a Salt master
// does, answers what it is told to, and misbehaves.
package mastertest

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"gorun/internal/zmtp"
	"gorun/value"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// A Port is a request port that is listened on until its test ends.
type Port struct {
	Address string
	// Cut, where set, is how many bytes of each reply are sent before the connection is
	// closed.
	Cut int
	// Ping makes a zeromq port ask for a sign of life before each reply, and hang up where it
	// gets another one than that.
	Ping bool
	// Silent makes the port take requests and never answer.
	Silent bool

	transport string
	answer    func(load *value.Map) value.Value
	ctx       context.Context
	mu        sync.Mutex
	loads     []*value.Map
	open      int
}

// Listen serves requests of a transport, zeromq or tcp, with what answer returns.
func Listen(t testing.TB, transport string, answer func(load *value.Map) value.Value) *Port {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Port{Address: l.Addr().String(), transport: transport, answer: answer, ctx: ctx}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		running.Wait()
	})
	return p
}

// Loads returns the loads that came so far, in order.
func (p *Port) Loads() []*value.Map {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.loads)
}

// Open tells how many connections the peers have left open.
func (p *Port) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

func (p *Port) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open += n
}

// serve answers one connection until the peer closes it. Errors mean that it has.
func (p *Port) serve(conn net.Conn) {
	p.count(1)
	defer p.count(-1)
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(p.ctx, func() { _ = conn.Close() })
	defer stop()
	if p.transport == "tcp" {
		p.serveTCP(conn)
		return
	}
	in := bufio.NewReader(conn)
	peer, err := zmq4.Open(conn, null.Security(), zmq4.Rep, nil, true, nil)
	if err != nil {
		return
	}
	for {
		msg, err := peer.RecvMsg()
		if err != nil || len(msg.Frames) != 2 {
			return
		}
		reply, ok := p.reply(msg.Frames[1])
		if ok && p.Ping && !ping(conn, in) {
			return
		}
		if !ok {
			_, _ = in.Peek(1) // until the peer leaves
			return
		}
		if !p.write(conn, append([]byte{zmtp.More, 0}, frame(reply)...)) {
			return
		}
	}
}

// ping asks for a sign of life as libzmq does, and tells whether the right one came.
func ping(conn io.Writer, in io.Reader) bool {
	const ask, want = "\x04\x0b\x04PING\x01\x2cabcd", "\x04\x09\x04PONGabcd"
	if _, err := io.WriteString(conn, ask); err != nil {
		return false
	}
	got := make([]byte, len(want))
	_, err := io.ReadFull(in, got)
	return err == nil && string(got) == want
}

func (p *Port) serveTCP(conn net.Conn) {
	var held []byte
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		held = append(held, buf[:n]...)
		if n, err = value.Span(held); err != nil {
			continue
		}
		var head, body value.Raw
		_ = value.Fields(held[:n], func(key string, val value.Raw) error {
			if key == "head" {
				head = val
			} else {
				body = val
			}
			return nil
		})
		reply, ok := p.reply(body)
		if !ok {
			_, _ = conn.Read(buf)
			return
		}
		out := value.AppendText(value.AppendMap(nil, 2), "head")
		out = value.AppendText(append(out, head...), "body")
		if !p.write(conn, append(out, reply...)) {
			return
		}
		held = held[n:]
	}
}

// reply takes a request apart and packs the answer; ok is false where none is to be sent.
func (p *Port) reply(request []byte) (packed []byte, ok bool) {
	v, err := value.Decode(request)
	m, _ := v.(*value.Map)
	l, _ := m.Get("load")
	load, _ := l.(*value.Map)
	if err != nil || load == nil {
		return nil, false
	}
	p.mu.Lock()
	p.loads = append(p.loads, load)
	p.mu.Unlock()
	if p.Silent {
		return nil, false
	}
	answer := p.answer(load)
	if raw, ok := answer.(value.Raw); ok {
		return raw, true
	}
	packed, err = value.Encode(answer)
	return packed, err == nil
}

// write sends a reply, or its beginning; it tells whether the connection goes on.
func (p *Port) write(conn net.Conn, data []byte) bool {
	if p.Cut > 0 {
		data = data[:min(p.Cut, len(data))]
	}
	_, err := conn.Write(data)
	return err == nil && p.Cut == 0
}

// frame is the last frame of a message.
func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{2}, uint64(len(body))), body...)
}
