package master

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"gorun/internal/master/mastertest"
	"gorun/value"
)

// soon ends what has no reason to last.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// short is for what lasts until its time is over.
func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

var ping = value.NewMap("cmd", "publish", "fun", "test.ping")

func eachTransport(t *testing.T, f func(t *testing.T, transport string)) {
	if len(transports) == 0 {
		t.Fatal("no transports")
	}
	for transport := range transports {
		t.Run(transport, func(t *testing.T) { f(t, transport) })
	}
}

func TestSend(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport string) {
		many := value.List{}
		for range 30_000 {
			many = append(many, "a minion with quite a long name")
		}
		master := mastertest.Listen(t, transport, func(load *value.Map) value.Value {
			return value.NewMap("enc", "clear", "load", value.NewMap("jid", "1", "minions", many, "said", load))
		})
		port := Port{Address: master.Address, Transport: transport}
		for range 3 {
			reply, err := port.Send(soon(t), ping)
			if err != nil {
				t.Fatal(err)
			}
			load, _ := reply.(*value.Map).Get("load")
			said, _ := load.(*value.Map).Get("said")
			if minions, _ := load.(*value.Map).Get("minions"); !value.Equal(said, ping) || len(minions.(value.List)) != len(many) {
				t.Fatalf("reply to %v", said)
			}
		}
		nothingOpen(t, master)
		if n := len(master.Loads()); n != 3 {
			t.Errorf("%d requests came", n)
		}
	})
}

// nothingOpen waits until the master sees no connection any more.
func nothingOpen(t *testing.T, master *mastertest.Port) {
	t.Helper()
	ctx := soon(t)
	for master.Open() > 0 {
		if !sleep(ctx, time.Millisecond) {
			t.Fatalf("%d connections left open", master.Open())
		}
	}
}

func TestRefusals(t *testing.T) {
	named := func(name string) value.Value {
		return value.NewMap("error", value.NewMap("name", name, "message", "said"))
	}
	tests := []struct {
		name  string
		reply value.Value
		want  error
	}{
		{"key", named("UserAuthenticationError"), ErrAuthentication},
		{"publish", named("AuthenticationError"), ErrAuthentication},
		{"not allowed", named("AuthorizationError"), ErrAuthorization},
		{"old", "", ErrAuthentication},
		{"load", "bad load", ErrRefused},
		{"bytes", value.Bytes("bad load"), ErrRefused},
		{"disk", value.NewMap("error", "Master failed to assign jid"), ErrOverloaded},
		{"worker", "Server-side exception handling payload", ErrOverloaded},
		{"disk of 3008", "Some exception handling minion payload", ErrOverloaded},
		{"other", named("KeyError"), ErrRefused},
		{"cluster", value.NewMap("enc", "clear", "load", value.NewMap("ret", false, "cluster_retry", true)), ErrNotReady},
		{"number", int64(7), ErrBadReply},
		{"noise", value.Raw{0xc1}, ErrBadReply},
		{"cut map", value.Raw{0x82, 0xa1, 'a'}, ErrBadReply},
		{"nobody", value.NewMap("load", value.NewMap("jid", nil, "minions", value.List{}, "error", "no minions")), nil},
		{"unknown cmd", value.NewMap(), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			master := mastertest.Listen(t, "zeromq", func(*value.Map) value.Value { return test.reply })
			ctx := soon(t)
			if errors.Is(test.want, ErrNotReady) {
				ctx = short(t) // it is tried again until then
			}
			_, err := Port{Address: master.Address, Transport: "zeromq"}.Send(ctx, ping)
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("%v, want %v", err, test.want)
			}
			nothingOpen(t, master)
		})
	}
}

// A master that is not what it should be costs the time that the caller gave, no more,
// and nothing stays open.
func TestNoReply(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport string) {
		before := runtime.NumGoroutine()
		answer := func(*value.Map) value.Value { return value.NewMap("jid", "1") }
		port := Port{Address: "127.0.0.1:1", Transport: transport}
		if _, err := port.Send(short(t), ping); !errors.Is(err, ErrUnreachable) {
			t.Errorf("nobody: %v", err)
		}
		master := mastertest.Listen(t, transport, answer)
		port.Address = master.Address
		master.Silent = true
		if _, err := port.Send(short(t), ping); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("silent: %v", err)
		}
		nothingOpen(t, master)
		if n := len(master.Loads()); n != 1 {
			t.Errorf("a request was sent %d times", n)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := port.Send(cancelled, ping); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		cut := mastertest.Listen(t, transport, answer)
		cut.Cut = 7
		port.Address = cut.Address
		if _, err := port.Send(soon(t), ping); !errors.Is(err, ErrBadReply) {
			t.Errorf("cut: %v", err)
		}
		large := mastertest.Listen(t, transport, func(*value.Map) value.Value { return string(make([]byte, 1<<20)) })
		port.Address, port.MaxReply = large.Address, 1<<16
		if _, err := port.Send(soon(t), ping); !errors.Is(err, ErrBadReply) {
			t.Errorf("too large: %v", err)
		}
		for _, m := range []*mastertest.Port{cut, large} {
			nothingOpen(t, m)
		}
		ctx := soon(t) // what Send started is gone; the listeners are the test's
		for runtime.NumGoroutine() > before+3 {
			if !sleep(ctx, time.Millisecond) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
			}
		}
	})
	if _, err := (Port{Address: "127.0.0.1:1", Transport: "ws"}).Send(soon(t), ping); !errors.Is(err, ErrTransport) {
		t.Errorf("ws: %v", err)
	}
}

// A master that asks for a sign of life before it replies gets one.
func TestPing(t *testing.T) {
	master := mastertest.Listen(t, "zeromq", func(*value.Map) value.Value { return value.NewMap("jid", "1") })
	master.Ping = true
	reply, err := Port{Address: master.Address, Transport: "zeromq"}.Send(soon(t), ping)
	if want := value.NewMap("jid", "1"); err != nil || !value.Equal(reply, want) {
		t.Errorf("%v, %v", reply, err)
	}
	nothingOpen(t, master)
}

// A peer that speaks something else, or says nothing at all.
func TestNoMaster(t *testing.T) {
	for _, said := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", "\xff"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err == nil {
				_, _ = conn.Write([]byte(said + string(make([]byte, 64))))
				_ = conn.Close()
			}
			_ = l.Close()
		}()
		_, err = Port{Address: l.Addr().String(), Transport: "zeromq"}.Send(soon(t), ping)
		if !errors.Is(err, ErrBadReply) {
			t.Errorf("%q: %v", said, err)
		}
	}
}

// A master that comes up while it is waited for is asked then.
func TestSendWaits(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	done := make(chan error, 1)
	go func() {
		_, err := Port{Address: address, Transport: "tcp"}.Send(soon(t), ping)
		done <- err
	}()
	l, err = net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close() // a reply cut short: it was reached
	_ = l.Close()
	if err := <-done; !errors.Is(err, ErrBadReply) {
		t.Error(err)
	}
}

func TestAsk(t *testing.T) {
	valid := "new"
	master := mastertest.Listen(t, "zeromq", func(load *value.Map) value.Value {
		switch key, _ := load.Get("key"); key {
		case valid:
			return value.NewMap("jid", "1")
		case "runner":
			return value.NewMap("error", value.NewMap("name", "EauthAuthenticationError"))
		}
		return value.NewMap("error", value.NewMap("name", "AuthenticationError"))
	})
	dir := t.TempDir()
	c := &Client{Port: Port{Address: master.Address, Transport: "zeromq"}, User: "root", keyFile: filepath.Join(dir, ".root_key")}
	if _, err := c.Ask(soon(t), ping); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	write := func(key string) {
		if err := os.WriteFile(c.keyFile, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	if _, err := c.Ask(soon(t), ping); !errors.Is(err, ErrAuthentication) {
		t.Errorf("wrong key: %v", err)
	}
	write("new")
	if _, err := c.Ask(soon(t), ping); err != nil {
		t.Errorf("a key that was made anew: %v", err)
	}
	if n := len(master.Loads()); n != 3 {
		t.Errorf("%d requests", n)
	}
	write("runner")
	valid = "another"
	if _, err := c.Ask(soon(t), ping); !errors.Is(err, ErrEauthOnly) {
		t.Errorf("old master: %v", err)
	}
	c.Auth = value.NewMap("token", "t")
	_, _ = c.Ask(soon(t), ping)
	_, _ = c.Ask(soon(t), value.NewMap("cmd", "runner"))
	loads := master.Loads()
	want := []*value.Map{
		value.NewMap("cmd", "publish", "fun", "test.ping", "user", "root", "kwargs", c.Auth),
		value.NewMap("cmd", "runner", "token", "t"),
	}
	for i, load := range loads[len(loads)-2:] {
		if !value.Equal(load, want[i]) {
			t.Errorf("%v, want %v", load, want[i])
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x02\x81\xa1"), false)
	f.Add([]byte("\x82\xa4head\x81\xa3mid\xa1m\xa4body\xa0"), true)
	f.Add([]byte("\x05\x04\x01\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff"), false)
	f.Add([]byte("\x04\x0b\x04PING\x01\x2cabcd\x04\x05\x04PING\x01\x00\x00\x01\xc0"), false)
	f.Fuzz(func(t *testing.T, data []byte, tcp bool) {
		const largest = 1 << 10
		in := bufio.NewReader(bytes.NewReader(data))
		var reply []byte
		var err error
		if tcp {
			reply, err = replyTCP(in, "m", largest)
		} else {
			reply, err = replyZMQ(in, io.Discard, largest)
		}
		if err != nil {
			return
		}
		if len(reply) > len(data) {
			t.Fatalf("%d bytes of %d", len(reply), len(data))
		}
		if v, err := value.Decode(reply); err == nil {
			_ = refusal(v)
		}
	})
}
