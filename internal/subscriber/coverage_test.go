package subscriber

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

// A station is a bus, a store, and Salt's job cache.
type station struct {
	*testing.T
	cfg  Config
	salt *master

	mu    sync.Mutex
	ahead time.Duration // of the clock
}

func newStation(t *testing.T) *station {
	t.Helper()
	dir, err := os.MkdirTemp("", "gorun-bus-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &station{T: t, salt: &master{root: t.TempDir()}}
	if err := os.Mkdir(filepath.Join(s.salt.root, "jobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s.cfg = Config{
		Bus: event.Config{Path: filepath.Join(dir, "pub.ipc")}, Store: filepath.Join(t.TempDir(), jobcache.File),
		MasterID: "lab_master", RunnerReturns: true, Log: log,
		Kept: func() (*jobcache.SaltCache, error) { return jobcache.OpenSalt(s.salt.root, "sha256", log) },
		now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return time.Now().Add(s.ahead)
		},
	}
	t.Cleanup(s.whole)
	return s
}

// whole looks through the whole store, as after every test.
func (s *station) whole() {
	s.Helper()
	r, err := jobcache.OpenReader(s.cfg.Store)
	if errors.Is(err, jobcache.ErrNoStore) {
		return
	}
	if err != nil {
		s.Error(err)
		return
	}
	if err := errors.Join(r.Check(context.Background()), r.Close()); err != nil {
		s.Error(err)
	}
}

// set puts the clock ahead of the true time, or behind it.
func (s *station) set(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

// play starts a bus that says something to each who connects.
func (s *station) play(frames ...[]byte) *eventtest.Server {
	s.Helper()
	server, err := eventtest.Serve(s.Context(), s.cfg.Bus.Path, eventtest.New(event.FormStream, frames...), eventtest.Options{})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(server.Close)
	return server
}

// listen runs a subscriber until done says so.
func (s *station) listen(done func(jobcache.Status, []jobcache.Hole) bool) {
	s.Helper()
	if err := s.trying(done); err != nil {
		s.Fatal(err)
	}
}

// trying is listen with an error where the subscriber ends by itself.
func (s *station) trying(done func(jobcache.Status, []jobcache.Hole) bool) error {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s.cfg) }()
	for end := time.Now().Add(time.Minute); ; {
		status, _, holes, err := s.look()
		switch {
		case err == nil && done(status, holes):
			stop()
			return <-ended
		case errors.Is(err, jobcache.ErrNoStore), err == nil:
		default: // perhaps damaged, which the subscriber will notice
			holes = nil
		}
		if time.Now().After(end) {
			s.Fatalf("not within a minute: %+v %+v, %v", status, holes, err)
		}
		select {
		case err := <-ended:
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *station) look() (status jobcache.Status, spans []jobcache.Span, holes []jobcache.Hole, err error) {
	r, err := jobcache.OpenReader(s.cfg.Store)
	if err != nil {
		return status, nil, nil, err
	}
	status, err = r.Status(s.Context(), time.Now())
	spans, holes, err2 := r.Coverage(s.Context())
	return status, spans, holes, errors.Join(err, err2, r.Close())
}

// reasons are those of the holes, with a mark at those that are filled.
func reasons(holes []jobcache.Hole) string {
	var all []string
	for _, h := range holes {
		text := h.Reason
		if !h.Filled.IsZero() {
			text += "+"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func (s *station) wantHoles(want string) []jobcache.Hole {
	s.Helper()
	_, _, holes, err := s.look()
	if err != nil || reasons(holes) != want {
		s.Errorf("holes %q, wanted %q, %v", reasons(holes), want, err)
	}
	return holes
}

func frame(body []byte) []byte { return eventtest.Envelope(body, event.FormStream) }

func heard(n int64) func(jobcache.Status, []jobcache.Hole) bool {
	return func(s jobcache.Status, _ []jobcache.Hole) bool {
		return s.Listening && s.Events >= n && len(s.Holes) == 0
	}
}

// The first start leaves a hole before it, which Salt's cache fills; the time between two
// subscribers is one as well.
func TestHolesBetweenRuns(t *testing.T) {
	s := newStation(t)
	s.salt.publish(t, jid1, "test.ping", true, "m1", "m2")
	s.salt.ret(t, jid1, "m1", true, false)
	s.play(frame(newJob("20261122073900000000", "test.ping", 1, "m1")))
	s.listen(heard(1))
	holes := s.wantHoles("never listened+, not running")
	if !holes[1].Until.IsZero() {
		t.Errorf("the hole after the end has ended: %+v", holes[1])
	}
	if got := asked(t, s.cfg.Store); !strings.Contains(got, "job "+jid1) || !strings.Contains(got, "return of m1") {
		t.Errorf("not taken from Salt's cache:\n%s", got)
	}
	s.listen(heard(2))
	holes = s.wantHoles("never listened+, not running+, not running")
	_, spans, _, err := s.look()
	if err != nil || len(spans) != 2 {
		t.Fatalf("spans %v, %v", spans, err)
	}
	if h := holes[1]; !h.Start.Equal(spans[0].Until.Add(-lag)) || !h.Until.Equal(spans[1].Start) {
		t.Errorf("the hole %+v does not lie between %+v", h, spans)
	}
}

// A hole of which Salt's cache tells nothing stays open and named.
func TestHoleStays(t *testing.T) {
	s := newStation(t)
	s.cfg.Kept = func() (*jobcache.SaltCache, error) { return nil, errors.New("master_job_cache is mysql") }
	s.play(frame(newJob(jid1, "test.ping", 1, "m1")))
	s.listen(func(s jobcache.Status, _ []jobcache.Hole) bool { return s.Events == 1 && s.Listening })
	s.wantHoles("never listened, not running")
	status, _, _, err := s.look()
	if err != nil || len(status.Holes) != 2 {
		t.Errorf("open holes %+v, %v", status.Holes, err)
	}
}

// A master that hangs up leaves a hole each time; those of one reason that touch are one.
func TestHoleOfDisconnect(t *testing.T) {
	s := newStation(t)
	server := s.play(frame(newJob(jid1, "test.ping", 1, "m1")))
	again := false
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		if heard(1)(status, holes) && !again {
			again = true
			server.Close()
			s.play(frame(newJob(jid1, "test.ping", 1, "m1")))
		}
		return heard(2)(status, holes)
	})
	s.wantHoles("never listened+, disconnected+, not running")
}

// What does not fit before the disk is a hole, counted to the event; so is what cannot be
// read.
func TestHolesOfLoss(t *testing.T) {
	s := newStation(t)
	s.cfg.Queue = event.NewQueue(5000)
	s.cfg.Bus.MaxMessage = 50_000
	large := func(n int) []byte {
		return eventtest.Frame("big/one", value.NewMap("x", string(make([]byte, n))), event.FormStream)
	}
	s.play(frame(newJob(jid1, "test.ping", 1, "m1")), large(10_000), large(10_000), large(60_000),
		eventtest.Envelope([]byte("salt/job/x\n\nnot a map"), event.FormStream), frame(newJob(jid1, "test.ping", 2, "m1")))
	s.listen(func(s jobcache.Status, _ []jobcache.Hole) bool { return s.Events == 3 && len(s.Holes) == 0 })
	events := map[string]int64{}
	_, _, holes, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range holes {
		events[h.Reason] += h.Events
	}
	if events[jobcache.Overrun] != 2 || events[jobcache.Unreadable] != 2 {
		t.Errorf("holes %+v", holes)
	}
}

// Salt writes late: what is not there at the first look is there at a later one, and the
// hole is open until then.
func TestRepairWaitsForSalt(t *testing.T) {
	s := newStation(t)
	s.cfg.Settle = 300 * time.Millisecond
	s.play(frame(newJob(jid1, "test.ping", 1, "m1")))
	written := false
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		if !written && len(holes) == 1 && !holes[0].Looked.IsZero() {
			if !holes[0].Filled.IsZero() {
				t.Error("filled before Salt could have written")
			}
			written = true
			s.salt.publish(t, "20261122073800000000", "test.ping", false, "m1")
			now := time.Now()
			dir, _ := filepath.Glob(filepath.Join(s.salt.root, "jobs/*/*/*"))
			dirs, _ := filepath.Glob(filepath.Join(s.salt.root, "jobs/*/*/.*"))
			for _, name := range append(dir, dirs...) {
				if err := os.Chtimes(name, now, now); err != nil {
					t.Error(err)
				}
			}
		}
		return written && heard(1)(status, holes)
	})
	if got := asked(t, s.cfg.Store); !strings.Contains(got, "job 20261122073800000000") {
		t.Errorf("the late one is not there:\n%s", got)
	}
}

// A return that the bus carries cut is taken whole from Salt's cache as soon as that has it.
func TestCutIsFetched(t *testing.T) {
	s := newStation(t)
	s.salt.publish(t, jid1, "cmd.run", false, "m1")
	s.salt.ret(t, jid1, "m1", strings.Repeat("long ", 500), true)
	hidden := filepath.Join(t.TempDir(), "jobs")
	if err := os.Rename(filepath.Join(s.salt.root, "jobs"), hidden); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.salt.root, "jobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	frames := [][]byte{}
	for _, e := range s.salt.events {
		frames = append(frames, frame(e))
	}
	s.play(frames...)
	shown := false
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		if !heard(2)(status, holes) {
			return false
		}
		if !shown {
			shown = true
			if got := asked(t, s.cfg.Store); !strings.Contains(got, "return of m1, cut true") {
				t.Errorf("not cut at first:\n%s", got)
			}
			err := errors.Join(os.Remove(filepath.Join(s.salt.root, "jobs")), os.Rename(hidden, filepath.Join(s.salt.root, "jobs")))
			if err != nil {
				t.Error(err)
			}
		}
		return strings.Contains(asked(t, s.cfg.Store), "return of m1, cut false")
	})
}

// A clock that was set back while nobody listened makes all of Salt's cache to be looked at.
func TestClockSetBack(t *testing.T) {
	s := newStation(t)
	s.set(time.Hour)
	s.play(frame(newJob(jid1, "test.ping", 1, "m1")))
	s.listen(func(s jobcache.Status, _ []jobcache.Hole) bool { return s.Events >= 1 && len(s.Holes) == 0 })
	s.set(0)
	s.salt.publish(t, "20261122073800000000", "test.ping", false, "m1") // long ago
	s.listen(heard(2))
	s.wantHoles("never listened+, not running+, not running")
	if got := asked(t, s.cfg.Store); !strings.Contains(got, "job 20261122073800000000") {
		t.Errorf("not looked at:\n%s", got)
	}
}
