package event_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// What real masters sent, over a real socket.
func TestRecorded(t *testing.T) {
	want := map[string]struct {
		form event.Form
		tags []string
	}{
		"3008.3": {event.FormStream, []string{
			"salt/presence/present",
			"salt/job/20261122073829407758/new",
			"salt/job/20261122073829407758/publish",
			"salt/job/20261122073829407758/ret/minion-1",
			"salt/job/20261122073829407758/ret/minion-2",
			"salt/run/20261122073830231979/new",
			"salt/job/20261122073830596973/new",
			"salt/job/20261122073830596973/publish",
			"salt/job/20261122073830596973/ret/minion-2",
			"salt/job/20261122073830596973/ret/minion-1",
			"salt/run/20261122073830231979/ret",
			"salt/presence/present",
			"salt/job/20261122073831742778/new",
			"salt/job/20261122073831742778/publish",
			"salt/job/20261122073831742778/ret/minion-1",
			"salt/job/20261122073831742778/ret/minion-2",
		}},
		"3006.26": {event.FormPrefixed, []string{
			"salt/presence/present",
			"20261122081401369793",
			"salt/job/20261122081401369793/new",
			"salt/job/20261122081401369793/ret/minion-2",
			"salt/job/20261122081401369793/ret/minion-1",
			"salt/presence/present",
			"salt/run/20261122081404314525/new",
			"salt/run/20261122081404314525/ret",
		}},
		"2019.2.8": {event.FormOld, []string{
			"20261122081556043934",
			"salt/job/20261122081556043934/new",
			"salt/job/20261122081556043934/ret/minion-1",
			"salt/presence/present",
			"salt/run/20261122081604756362/new",
			"salt/presence/present",
			"salt/run/20261122081604756362/ret",
		}},
		"2014.7.7": {event.FormZMQ, []string{
			"20261122081453487629",
			"new_job",
			"salt/job/20261122081453487629/new",
			"salt/auth",
			"salt/presence/present",
			"20261122081453487629",
			"salt/job/20261122081453487629/ret/minion-1",
			"20261122081453487629",
			"salt/job/20261122081453487629/ret/minion-2",
			"salt/presence/present",
		}},
	}
	recs := recordings(t)
	if len(recs) != len(want) {
		t.Errorf("%d recordings, %d expected", len(recs), len(want))
	}
	for version, rec := range recs {
		t.Run(version, func(t *testing.T) {
			want := want[version]
			if rec.Form != want.form {
				t.Errorf("loaded as %v, want %v", rec.Form, want.form)
			}
			src := dial(t, t.Context(), serve(t, rec, eventtest.Options{Hangup: true, Chunk: 100}))
			got, skipped, end := read(t, src)
			if skipped != nil || !errors.Is(end, io.EOF) {
				t.Errorf("skipped %v, ends with %v", skipped, end)
			}
			if src.Form() != want.form {
				t.Errorf("form %v, want %v", src.Form(), want.form)
			}
			var tags []string
			for _, body := range got {
				e, err := event.Decode(body)
				if err != nil {
					t.Errorf("%q: %v", body, err)
				}
				if _, err := e.Data.Decode(); err != nil {
					t.Errorf("%s: %v", e.Tag, err)
				}
				tags = append(tags, e.Tag)
			}
			if !slices.Equal(tags, want.tags) {
				t.Errorf("tags\n%s\nwant\n%s", strings.Join(tags, "\n"), strings.Join(want.tags, "\n"))
			}
		})
	}
}

func TestTCP(t *testing.T) {
	for _, form := range forms {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		rec := eventtest.New(form, eventtest.Frame("a", value.NewMap("k", "v"), form))
		s := eventtest.ServeListener(t.Context(), l, rec, eventtest.Options{Hangup: true})
		got, skipped, end := read(t, dial(t, t.Context(), event.Config{TCP: l.Addr().String()}))
		if want := eventtest.Body("a", value.NewMap("k", "v"), form); len(got) != 1 || !bytes.Equal(got[0], want) || skipped != nil || !errors.Is(end, io.EOF) {
			t.Errorf("%v: read %q, %v, %v, want %q", form, got, skipped, end, want)
		}
		s.Close()
	}
}

// Cancelling ends a Next that waits, on a bus that has said something and on one that
// has not.
func TestCancel(t *testing.T) {
	for _, form := range forms {
		for _, said := range []int{0, 1} {
			rec := eventtest.New(form, slices.Repeat([][]byte{eventtest.Frame("a", value.NewMap(), form)}, said)...)
			ctx, cancel := context.WithCancel(t.Context())
			src := dial(t, ctx, serve(t, rec, eventtest.Options{}))
			for range said {
				if _, err := src.Next(); err != nil {
					t.Fatal(err)
				}
			}
			end := make(chan error)
			go func() {
				_, err := src.Next()
				end <- err
			}()
			cancel()
			if err := <-end; !errors.Is(err, context.Canceled) {
				t.Errorf("%v after %d messages: Next ends with %v", form, said, err)
			}
		}
	}
}

func TestClose(t *testing.T) {
	src := dial(t, t.Context(), serve(t, eventtest.New(event.FormStream, good), eventtest.Options{}))
	if _, err := src.Next(); err != nil {
		t.Fatal(err)
	}
	end := make(chan error)
	go func() {
		_, err := src.Next()
		end <- err
	}()
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if err := <-end; !errors.Is(err, event.ErrLost) {
		t.Errorf("Next ends with %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		cfg  event.Config
		want error
	}{
		"nothing":           {event.Config{}, event.ErrConfig},
		"both":              {event.Config{Path: "a", TCP: "127.0.0.1:1"}, event.ErrConfig},
		"no port":           {event.Config{TCP: "127.0.0.1"}, event.ErrConfig},
		"unknown transport": {event.Config{Path: "a", Transport: "raet"}, event.ErrConfig},
		"negative size":     {event.Config{Path: "a", MaxMessage: -1}, event.ErrConfig},
		"path too long":     {event.Config{Path: "/" + strings.Repeat("x", 107)}, event.ErrConfig},
		"not there":         {event.Config{Path: filepath.Join(dir, "bus")}, fs.ErrNotExist},
	} {
		if src, err := event.Dial(t.Context(), test.cfg); !errors.Is(err, test.want) {
			t.Errorf("%s: Dial = %v, %v, want %v", name, src, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if src, err := event.Dial(ctx, event.Config{Path: filepath.Join(dir, "bus")}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: Dial = %v, %v", src, err)
	}
}

// Each way to misbehave, over each sort of bus: what is read, and how it ends.
func TestMisbehaviour(t *testing.T) {
	const messages = 5
	body := func(form event.Form, i int) []byte {
		return eventtest.Body("salt/run/"+jid+"/new", value.NewMap("n", int64(i)), form)
	}
	sorted := []int{0, 1, 2, 3, 4}
	for name, test := range map[string]struct {
		mangle eventtest.Mangle
		chunk  int
		want   []int // messages, in order
		any    bool  // of their order
		end    error
	}{
		"none":          {want: sorted, end: io.EOF},
		"small chunks":  {chunk: 1, want: sorted, end: io.EOF},
		"double":        {mangle: eventtest.Double, want: []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}, end: io.EOF},
		"shuffle":       {mangle: eventtest.Shuffle(1), want: sorted, any: true, end: io.EOF},
		"noise":         {mangle: eventtest.Insert(2, eventtest.Noise(2, 100)), want: sorted[:2], end: event.ErrLost},
		"stop half way": {mangle: eventtest.Stop(3, 10), want: sorted[:3], end: event.ErrLost},
		"stop between":  {mangle: eventtest.Stop(3, 0), want: sorted[:3], end: io.EOF},
		"cut":           {mangle: eventtest.Cut(4, 20), want: sorted[:4], end: event.ErrLost},
	} {
		for _, form := range forms {
			t.Run(name+"/"+form.String(), func(t *testing.T) {
				rec := eventtest.New(form)
				for i := range messages {
					rec.Messages = append(rec.Messages, eventtest.Envelope(body(form, i), form))
				}
				src := dial(t, t.Context(), serve(t, rec, eventtest.Options{Mangle: test.mangle, Chunk: test.chunk, Hangup: true}))
				bodies, skipped, end := read(t, src)
				if !errors.Is(end, test.end) || skipped != nil {
					t.Errorf("ends with %v, skipped %v, want %v", end, skipped, test.end)
				}
				var got []int
				for _, b := range bodies {
					got = append(got, slices.IndexFunc(sorted, func(i int) bool { return bytes.Equal(b, body(form, i)) }))
				}
				if test.any {
					if slices.IsSorted(got) {
						t.Errorf("%v is in order", got)
					}
					slices.Sort(got)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("read %v, want %v", got, test.want)
				}
			})
		}
	}
}
