package subscriber

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// fill puts returns into a queue until it takes no more, and tells how many.
func fill(t *testing.T, q *event.Queue) (n int) {
	t.Helper()
	for {
		jid := fmt.Sprintf("20261122%012d", n)
		data, err := value.Encode(value.NewMap("jid", jid, "id", "m1", "return", true, "retcode", int64(0),
			"success", true, "fun", "test.ping", "fun_args", value.List{}, "_stamp", "2026-11-22T07:38:29.510047"))
		if err != nil {
			t.Fatal(err)
		}
		if !q.Put(append([]byte("salt/job/"+jid+"/ret/m1\n\n"), data...)) {
			return n
		}
		n++
	}
}

// A subscriber that is told to end with a full queue loses nothing of it, however little
// time it has: what it does not take apart, the next one does.
func TestEndsWithFullQueue(t *testing.T) {
	for _, test := range []struct {
		name   string
		within time.Duration
		waits  bool
	}{
		{"no time", time.Nanosecond, true},
		{"all the time", time.Hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "gorun", jobcache.File)
			w, err := jobcache.OpenWriter(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg := Config{Store: path, Log: slog.New(slog.DiscardHandler), EndWithin: test.within,
				Bus: event.Config{Path: filepath.Join(t.TempDir(), "none.ipc")}}
			cfg.defaults()
			s := &subscriber{cfg: cfg, log: cfg.Log, writer: w, queue: event.NewQueue(4 << 20), apply: applier{now: time.Now}}
			n := int64(fill(t, s.queue))
			over, end := context.WithCancel(t.Context())
			end()
			if err := s.rest(over); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			jobs, status := contents(t, path)
			if status.Waiting > 0 != test.waits || jobs+status.Waiting != n || status.Events != jobs {
				t.Errorf("%d jobs and %d waiting of %d, %d events", jobs, status.Waiting, n, status.Events)
			}
			ctx, stop := context.WithCancel(t.Context())
			cfg.Pulse = func(bool) { stop() } // ended as soon as it has begun
			if err := Run(ctx, cfg); err != nil {
				t.Fatal(err)
			}
			if _, again := contents(t, path); again.Waiting != status.Waiting {
				t.Errorf("%d waited, then %d", status.Waiting, again.Waiting)
			}
			ctx, stop = context.WithCancel(t.Context())
			cfg.Pulse = nil
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, cfg) }()
			for end := time.Now().Add(time.Minute); status.Waiting > 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				_, status = contents(t, path)
			}
			stop()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			jobs, status = contents(t, path)
			if jobs != n || status.Waiting != 0 || status.Events != n {
				t.Errorf("in the end %d jobs and %d waiting of %d, %d events", jobs, status.Waiting, n, status.Events)
			}
		})
	}
}

func contents(t *testing.T, path string) (jobs int64, status jobcache.Status) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	jobs, _, err = r.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, err = r.Status(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return jobs, status
}
