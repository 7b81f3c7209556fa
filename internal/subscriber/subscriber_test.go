package subscriber_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/internal/subscriber"
	"gorun/jobcache"
	"gorun/value"
)

// bus plays frames on a real unix socket, in a directory whose name is short enough.
func bus(t *testing.T, opts eventtest.Options, frames ...[]byte) event.Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "gorun-bus-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "pub.ipc")
	s, err := eventtest.Serve(t.Context(), path, eventtest.New(event.FormStream, frames...), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return event.Config{Path: path}
}

// follow runs a subscriber until done says that the cache has all, then ends it.
func follow(t *testing.T, cfg subscriber.Config, done func(jobcache.Status) bool) {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- subscriber.Run(ctx, cfg) }()
	for !seen(t, cfg.Store, done) {
		select {
		case err := <-ended:
			t.Fatalf("ended early: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func seen(t *testing.T, path string, done func(jobcache.Status) bool) bool {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if errors.Is(err, jobcache.ErrNoStore) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := r.Status(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return done(s)
}

func ping(n int) []byte {
	jid := fmt.Sprintf("20261122073829%06d", n)
	return eventtest.Frame("salt/job/"+jid+"/new", value.NewMap("jid", jid, "fun", "test.ping", "tgt", "*",
		"minions", value.List{"m1"}, "_stamp", "2026-11-22T07:38:29.410047"), event.FormStream)
}

func jobsIn(t *testing.T, path string) (n int64) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	n, _, err = r.Count(t.Context())
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRun(t *testing.T) {
	frames := make([][]byte, 3000)
	for i := range frames {
		frames[i] = ping(i)
	}
	store := filepath.Join(t.TempDir(), jobcache.File)
	cfg := subscriber.Config{Bus: bus(t, eventtest.Options{Chunk: 1000}, frames...), Store: store}
	follow(t, cfg, func(s jobcache.Status) bool {
		return s.Listening && s.Events == int64(len(frames)) && s.Reconnects == 0
	})
	if n := jobsIn(t, store); n != int64(len(frames)) {
		t.Errorf("%d jobs of %d", n, len(frames))
	}
	if !seen(t, store, func(s jobcache.Status) bool { return !s.Listening && !s.Heartbeat.IsZero() }) {
		t.Error("an ended subscriber is said to be listening")
	}
}

// A master that hangs up again and again, and plays the same each time: the jobs are
// there once.
func TestReconnect(t *testing.T) {
	store := filepath.Join(t.TempDir(), jobcache.File)
	cfg := subscriber.Config{Bus: bus(t, eventtest.Options{Hangup: true}, ping(1), ping(2)), Store: store}
	sent := time.Date(2026, 11, 22, 7, 38, 29, 410047000, time.UTC)
	follow(t, cfg, func(s jobcache.Status) bool {
		return s.Events >= 6 && s.Reconnects >= 2 && s.LastEvent.Equal(sent)
	})
	if n := jobsIn(t, store); n != 2 {
		t.Errorf("%d jobs", n)
	}
}

// What does not fit in front of the disk is counted, and the rest is stored.
func TestOverrun(t *testing.T) {
	store := filepath.Join(t.TempDir(), jobcache.File)
	big := eventtest.Frame("big/one", value.NewMap("x", string(make([]byte, 10_000))), event.FormStream)
	cfg := subscriber.Config{Bus: bus(t, eventtest.Options{}, ping(1), big, ping(2)), Store: store, Queue: event.NewQueue(5000)}
	follow(t, cfg, func(s jobcache.Status) bool { return s.Events == 2 && s.Skipped["overrun"] == 1 })
	if n := jobsIn(t, store); n != 2 {
		t.Errorf("%d jobs", n)
	}
}

func TestSkipped(t *testing.T) {
	store := filepath.Join(t.TempDir(), jobcache.File)
	odd := eventtest.Envelope([]byte("salt/job/x\n\nnot a map"), event.FormStream)
	cfg := subscriber.Config{Bus: bus(t, eventtest.Options{}, ping(1), odd, ping(2)), Store: store}
	follow(t, cfg, func(s jobcache.Status) bool { return s.Events == 3 && s.Skipped["malformed"] == 1 })
	if n := jobsIn(t, store); n != 2 {
		t.Errorf("%d jobs", n)
	}
}
