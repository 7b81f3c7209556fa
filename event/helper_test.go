package event_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
)

// bytesConn is a connection that brings what it reads from, and forgets what is
// written to it.
type bytesConn struct {
	net.Conn
	io.Reader
}

func (c bytesConn) Read(p []byte) (int, error)       { return c.Reader.Read(p) }
func (c bytesConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c bytesConn) Close() error                     { return nil }
func (c bytesConn) SetDeadline(time.Time) error      { return nil }
func (c bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (c bytesConn) SetWriteDeadline(time.Time) error { return nil }

// source reads a connection that consists of r.
func source(t testing.TB, r io.Reader, cfg event.Config) event.Source {
	src := event.NewSource(bytesConn{Reader: r}, cfg)
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return src
}

// read reads src to its end: the bodies, the errors on the way, and the last error.
func read(t testing.TB, src event.Source) (bodies [][]byte, skipped []error, end error) {
	for {
		body, err := src.Next()
		switch {
		case err == nil:
			bodies = append(bodies, bytes.Clone(body))
		case errors.Is(err, event.ErrTooLarge), errors.Is(err, event.ErrMalformed):
			skipped = append(skipped, err)
		default:
			if _, again := src.Next(); !errors.Is(again, err) {
				t.Errorf("Next after %v gives %v", err, again)
			}
			return bodies, skipped, err
		}
	}
}

// recordings are small ones of real masters, by version.
func recordings(t testing.TB) map[string]*eventtest.Recording {
	t.Helper()
	dirs, err := os.ReadDir("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	recs := map[string]*eventtest.Recording{}
	for _, d := range dirs {
		rec, err := eventtest.Load(filepath.Join("testdata/recorded", d.Name()))
		if err != nil {
			t.Fatal(err)
		}
		recs[d.Name()] = rec
	}
	if len(recs) == 0 {
		t.Fatal("no recordings")
	}
	return recs
}

// bodies are those of a recording's messages.
func bodies(t testing.TB, rec *eventtest.Recording) [][]byte {
	t.Helper()
	if rec.Form == event.FormZMQ {
		return rec.Messages
	}
	got, skipped, end := read(t, source(t, bytes.NewReader(bytes.Join(rec.Messages, nil)), event.Config{}))
	if len(skipped) > 0 || !errors.Is(end, io.EOF) {
		t.Fatalf("recording ends with %v, skipped %v", end, skipped)
	}
	return got
}

// serve plays rec on a socket and returns where.
func serve(t testing.TB, rec *eventtest.Recording, opts eventtest.Options) event.Config {
	t.Helper()
	cfg := event.Config{Path: filepath.Join(t.TempDir(), "bus")}
	serveAt(t, cfg.Path, rec, opts)
	return cfg
}

func serveAt(t testing.TB, path string, rec *eventtest.Recording, opts eventtest.Options) *eventtest.Server {
	t.Helper()
	s, err := eventtest.Serve(t.Context(), path, rec, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// dial connects to what serve plays.
func dial(t testing.TB, ctx context.Context, cfg event.Config) event.Source {
	t.Helper()
	src, err := event.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return src
}
