package eventtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"

	"gorun/event"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// Options say how a Server behaves. The zero Options play the recording as it is and
// then keep the connection open.
type Options struct {
	Mangle Mangle // nil: none
	Chunk  int    // bytes written at once; 0: all
	Hangup bool   // close each connection after the recording
}

// A Server is a bus that plays a recording to each who connects, from its beginning.
type Server struct {
	rec      *Recording
	opts     Options
	listener net.Listener
	ctx      context.Context    // of the connections
	hangup   context.CancelFunc // ends ctx
	running  sync.WaitGroup
}

// Serve listens on the unix socket path and plays rec until ctx ends or Close is called.
// A ZeroMQ recording is played by a PUB socket, to each subscriber once it has subscribed.
func Serve(ctx context.Context, path string, rec *Recording, opts Options) (*Server, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("play a bus: %w", err)
	}
	return ServeListener(ctx, l, rec, opts), nil
}

// ServeListener is Serve on a listener of any kind, which it closes in the end.
func ServeListener(ctx context.Context, l net.Listener, rec *Recording, opts Options) *Server {
	s := &Server{rec: rec, opts: opts, listener: l}
	s.ctx, s.hangup = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, s.end)
	s.running.Go(s.accept)
	return s
}

// end closes the listener before the connections: who loses one finds no bus to connect
// to.
func (s *Server) end() {
	_ = s.listener.Close() // at most closed already
	s.hangup()
}

// Close ends all connections and waits until they are closed.
func (s *Server) Close() {
	s.end()
	s.running.Wait()
}

func (s *Server) accept() {
	for n := 0; ; n++ {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.running.Go(func() { s.serve(n, conn) })
	}
}

// serve plays the recording on one connection. Errors mean that the peer has left, or
// does not speak ZeroMQ; either way it is the peer that has to notice.
func (s *Server) serve(n int, conn net.Conn) {
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	frames := s.rec.Messages
	if s.rec.Form == event.FormZMQ {
		if awaitSubscription(conn) != nil {
			return
		}
		frames = zmtpFrames(frames)
	}
	if s.opts.Mangle != nil {
		frames = s.opts.Mangle(n, frames)
	}
	if s.write(conn, bytes.Join(frames, nil)) != nil || s.opts.Hangup {
		return
	}
	<-s.ctx.Done()
}

func (s *Server) write(conn net.Conn, data []byte) error {
	for len(data) > 0 {
		n := len(data)
		if s.opts.Chunk > 0 {
			n = min(n, s.opts.Chunk)
		}
		if _, err := conn.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// awaitSubscription shakes hands as a PUB socket and waits for the first subscription,
// which is taken for one to everything.
func awaitSubscription(conn net.Conn) error {
	peer, err := zmq4.Open(conn, null.Security(), zmq4.Pub, nil, true, nil)
	if err != nil {
		return err
	}
	_, err = peer.RecvMsg()
	return err
}

// zmtpFrames puts messages into ZMTP 3 frames.
func zmtpFrames(messages [][]byte) [][]byte {
	const long = 2 // the length has 8 bytes
	frames := make([][]byte, len(messages))
	for i, m := range messages {
		head := []byte{0, byte(len(m))}
		if len(m) > 255 {
			head = binary.BigEndian.AppendUint64([]byte{long}, uint64(len(m)))
		}
		frames[i] = append(head, m...)
	}
	return frames
}
