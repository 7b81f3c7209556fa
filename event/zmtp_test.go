package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorun/event"
	"gorun/event/eventtest"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// greeting is what a PUB socket of libzmq 4 sends before any message.
var greeting = pack("\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL", strings.Repeat("\x00", 48),
	"\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB\x08Identity\x00\x00\x00\x00")

// zmqFrame puts a message into a ZMTP 3 frame.
func zmqFrame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{2}, uint64(len(msg))), msg...)
}

// What a connection that starts with a greeting brings, and what is read from it.
var zmqStreams = []struct {
	name string
	conn []byte
	want []string
	end  error
}{
	{"nothing", greeting, nil, io.EOF},
	{"a message", pack(greeting, "\x00\x01a"), []string{"a"}, io.EOF},
	{"long frame", pack(greeting, zmqFrame([]byte("a"))), []string{"a"}, io.EOF},
	{"empty message", pack(greeting, "\x00\x00\x00\x01a"), []string{"", "a"}, io.EOF},
	{"commands between", pack(greeting, "\x04\x07\x04PING\x00\x00\x00\x01a"), []string{"a"}, io.EOF},
	{"two frames", pack(greeting, "\x01\x01a\x00\x01b\x00\x01c"), []string{"malformed", "c"}, io.EOF},
	{"three frames", pack(greeting, "\x01\x01a\x03\x00\x00\x00\x00\x00\x00\x00\x01b\x00\x01b\x00\x01c"), []string{"malformed", "c"}, io.EOF},
	{"too large", pack(greeting, zmqFrame(bytes.Repeat([]byte("x"), 2000)), "\x00\x01a"), []string{"too large", "a"}, io.EOF},
	{"reserved flags", pack(greeting, "\x00\x01a\x80\x01b"), []string{"a"}, event.ErrLost},
	{"a frame without end", pack(greeting, "\x02\xff\xff\xff\xff\xff\xff\xff\xffa"), nil, event.ErrLost},
	{"a frame of 1 TiB", pack(greeting, "\x02\x00\x00\x01\x00\x00\x00\x00\x00a"), nil, event.ErrLost},
	{"cut in a frame", pack(greeting, "\x00\x05ab"), nil, event.ErrLost},
	{"cut in a length", pack(greeting, "\x02\x00"), nil, event.ErrLost},
	{"cut in the greeting", greeting[:20], nil, event.ErrLost},
	{"cut in the handshake", greeting[:80], nil, event.ErrLost},
	{"a READY of 1 TiB", pack(greeting[:64], "\x06\x00\x00\x01\x00\x00\x00\x00\x00"), nil, event.ErrLost},
	{"a READY that lies", pack(greeting[:64], "\x04\x0b\x05READY\x05Sock"), nil, event.ErrLost},
	{"a message for a READY", pack(greeting[:64], "\x00\x01a"), nil, event.ErrLost},
	{"libzmq 3.2", pack(greeting[:10], "\x01\x01\x00\x00"), nil, event.ErrLost},
	{"a PULL socket", bytes.Replace(slices.Clone(greeting), []byte("\x26\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB"),
		[]byte("\x27\x05READY\x0bSocket-Type\x00\x00\x00\x04PULL"), 1), nil, event.ErrLost},
}

func TestZMQ(t *testing.T) {
	for _, test := range zmqStreams {
		t.Run(test.name, func(t *testing.T) {
			cfg := event.Config{MaxMessage: 1000}
			got, end := outcomes(source(t, bytes.NewReader(test.conn), cfg))
			if !slices.Equal(got, test.want) || !errors.Is(end, test.end) {
				t.Errorf("read %q, %v, want %q, %v", got, end, test.want, test.end)
			}
			cfg.Transport = event.TransportStream
			if got, end := outcomes(source(t, bytes.NewReader(test.conn), cfg)); len(got) > 0 || !errors.Is(end, event.ErrLost) {
				t.Errorf("forced to be a stream: read %q, %v", got, end)
			}
		})
	}
}

// A ZeroMQ bus that greets long after Dial has given up waiting is understood.
func TestLateGreeting(t *testing.T) {
	cfg := event.Config{Path: filepath.Join(t.TempDir(), "bus")}
	l, err := net.Listen("unix", cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	dialled, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- func() error {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			<-dialled
			peer, err := zmq4.Open(conn, null.Security(), zmq4.Pub, nil, true, nil)
			if err != nil {
				return err
			}
			if _, err := peer.RecvMsg(); err != nil {
				return err
			}
			if err := peer.SendMsg(zmq4.NewMsgString("late")); err != nil {
				return err
			}
			return conn.Close()
		}()
	}()
	defer l.Close()
	src := dial(t, t.Context(), cfg)
	if got := src.Form(); got != event.FormUnknown {
		t.Errorf("form before the greeting: %v", got)
	}
	close(dialled)
	got, skipped, end := read(t, src)
	if len(got) != 1 || string(got[0]) != "late" || skipped != nil || !errors.Is(end, io.EOF) {
		t.Errorf("read %q, %v, %v", got, skipped, end)
	}
	if got := src.Form(); got != event.FormZMQ {
		t.Errorf("form %v", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// Dial says at once that a bus forced to be ZeroMQ is none.
func TestForcedZMQ(t *testing.T) {
	rec := eventtest.New(event.FormStream, good)
	cfg := serve(t, rec, eventtest.Options{})
	cfg.Transport = event.TransportZMQ
	if src, err := event.Dial(t.Context(), cfg); !errors.Is(err, event.ErrLost) {
		t.Errorf("Dial = %v, %v, want ErrLost", src, err)
	}
}
