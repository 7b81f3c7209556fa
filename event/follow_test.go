package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// notes is a Handler that writes down what it is told.
type notes struct {
	up   bool // Connected came, and no Disconnected yet
	all  chan string
	errs chan error // of Disconnected
}

func newNotes() *notes {
	return &notes{all: make(chan string, 1000), errs: make(chan error, 1000)}
}

func (n *notes) Message(body []byte)  { n.all <- string(body) }
func (n *notes) Skipped(reason error) { n.all <- fmt.Sprintf("skipped: %v", reason) }

func (n *notes) Connected(event.Form) {
	if !n.up { // the second time it tells the form alone
		n.all <- "connected"
	}
	n.up = true
}

func (n *notes) Disconnected(err error) {
	n.up = false
	n.errs <- err
	n.all <- "disconnected"
}

// want takes the next notes and compares them.
func (n *notes) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, <-n.all)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("notes are %q, want %q", got, want)
	}
}

// wantErr takes the next error of Disconnected.
func (n *notes) wantErr(t *testing.T, want error) {
	t.Helper()
	if err := <-n.errs; !errors.Is(err, want) {
		t.Errorf("disconnected with %v, want %v", err, want)
	}
}

// follow runs Follow until the test ends, and checks that it ends well.
func follow(t *testing.T, cfg event.Config) *notes {
	t.Helper()
	n := newNotes()
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error)
	go func() { end <- event.Follow(ctx, cfg, n) }()
	t.Cleanup(func() {
		cancel()
		if err := <-end; err != nil {
			t.Errorf("Follow ends with %v", err)
		}
	})
	return n
}

func three(form event.Form) *eventtest.Recording {
	rec := eventtest.New(form)
	for _, body := range []string{"one", "two", "three"} {
		rec.Messages = append(rec.Messages, eventtest.Envelope([]byte(body), form))
	}
	return rec
}

// A lost stream is taken up again, and the next connection starts with a clean slate.
func TestFollowReconnects(t *testing.T) {
	for _, form := range forms {
		for name, test := range map[string]struct {
			mangle eventtest.Mangle
			want   error
		}{
			"noise":         {eventtest.First(eventtest.Insert(1, eventtest.Noise(2, 50))), event.ErrLost},
			"dies half way": {eventtest.First(eventtest.Stop(1, 2)), event.ErrLost},
			"dies between":  {eventtest.First(eventtest.Stop(1, 0)), io.EOF},
		} {
			t.Run(name+"/"+form.String(), func(t *testing.T) {
				n := follow(t, serve(t, three(form), eventtest.Options{Mangle: test.mangle, Hangup: true}))
				n.want(t, "connected", "one", "disconnected")
				n.wantErr(t, test.want)
				n.want(t, "connected", "one", "two", "three", "disconnected")
				n.wantErr(t, io.EOF)
			})
		}
	}
}

// A master that dies and comes again is found again, even as another release.
func TestFollowRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	n := follow(t, event.Config{Path: path})
	n.want(t, "disconnected")
	n.wantErr(t, fs.ErrNotExist)
	for _, form := range forms {
		s := serveAt(t, path, three(form), eventtest.Options{})
		n.want(t, "connected", "one", "two", "three")
		s.Close()
		n.want(t, "disconnected", "disconnected")
		n.wantErr(t, io.EOF)
		n.wantErr(t, fs.ErrNotExist)
	}
}

func TestFollowSkips(t *testing.T) {
	rec := three(event.FormStream)
	rec.Messages[0] = pack("\x80")
	rec.Messages[1] = eventtest.Envelope(bytes.Repeat([]byte("x"), 11), event.FormStream)
	cfg := serve(t, rec, eventtest.Options{})
	cfg.MaxMessage = 10
	follow(t, cfg).want(t, "connected", "skipped: "+event.ErrMalformed.Error(), "skipped: "+event.ErrTooLarge.Error(), "three")
}

// Why there is no connection is told once, however often it is tried.
func TestFollowTellsReasonsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	synctest.Test(t, func(t *testing.T) {
		n := newNotes()
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- event.Follow(ctx, event.Config{Path: path}, n) }()
		time.Sleep(time.Hour)
		n.wantErr(t, fs.ErrNotExist)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		n.wantErr(t, syscall.ECONNREFUSED)
		cancel()
		if err := <-end; err != nil {
			t.Errorf("Follow ends with %v", err)
		}
		if len(n.errs) > 0 {
			t.Errorf("told again: %v", <-n.errs)
		}
	})
}

func TestFollowConfig(t *testing.T) {
	if err := event.Follow(t.Context(), event.Config{}, newNotes()); !errors.Is(err, event.ErrConfig) {
		t.Errorf("Follow ends with %v", err)
	}
}

func TestBackoff(t *testing.T) {
	var b event.Backoff
	for want := event.MinWait; ; want *= 2 {
		limit := min(want, event.MaxWait)
		if got := event.NextWait(&b); got > limit || got < limit/2 {
			t.Errorf("wait %v, want %v at most and a half at least", got, limit)
		}
		if want > 4*event.MaxWait {
			break
		}
	}
	event.ResetWait(&b)
	if got := event.NextWait(&b); got > event.MinWait {
		t.Errorf("after a reset: %v", got)
	}
}

// Messages go to the handler in order while a subscriber of real data keeps them.
func TestFollowFlood(t *testing.T) {
	const messages = 10_000
	for _, form := range forms {
		rec := eventtest.New(form)
		for i := range messages {
			rec.Messages = append(rec.Messages, eventtest.Frame("n", value.NewMap("n", int64(i)), form))
		}
		ctx, cancel := context.WithCancel(t.Context())
		c := &counter{t: t, cancel: cancel, last: messages - 1}
		if err := event.Follow(ctx, serve(t, rec, eventtest.Options{}), c); err != nil {
			t.Errorf("%v: %v", form, err)
		}
		if c.next != messages {
			t.Errorf("%v: %d messages", form, c.next)
		}
	}
}

// counter is a Handler that expects messages to be numbered from 0, and ends with the
// last.
type counter struct {
	t          *testing.T
	cancel     func()
	next, last int64
}

func (c *counter) Connected(event.Form)   {}
func (c *counter) Skipped(reason error)   { c.t.Errorf("skipped: %v", reason) }
func (c *counter) Disconnected(err error) { c.t.Errorf("disconnected: %v", err) }
func (c *counter) Message(body []byte) {
	e, err := event.Decode(body)
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := e.Data.Decode()
	if err != nil || !value.Equal(v, value.NewMap("n", c.next)) {
		c.t.Fatalf("message %d is %v, %v", c.next, v, err)
	}
	if c.next == c.last {
		c.cancel()
	}
	c.next++
}
