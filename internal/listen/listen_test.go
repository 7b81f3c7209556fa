package listen_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/internal/listen"
	"gorun/value"
)

// bus plays events to whoever listens.
func bus(t *testing.T, opts eventtest.Options, frames ...[]byte) event.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pub.ipc")
	server, err := eventtest.Serve(t.Context(), path, eventtest.New(event.FormStream, frames...), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return event.Config{Path: path}
}

func frame(tag string, pairs ...value.Value) []byte {
	return eventtest.Frame(tag, value.NewMap(pairs...), event.FormStream)
}

// facts are what is told of a connection.
type facts struct {
	mu  sync.Mutex
	all []string
}

func (f *facts) tell(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, fmt.Sprintf(format, args...))
}

// collect listens until n events have come.
func collect(t *testing.T, cfg listen.Config, n int) (tags []string, heard listen.Heard) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg.Each = func(e listen.Event) (bool, error) {
		tags = append(tags, e.Tag)
		return len(tags) == n, nil
	}
	heard, err := listen.Run(ctx, cfg)
	if err != nil || ctx.Err() != nil {
		t.Fatalf("%v, %v after %q", err, ctx.Err(), tags)
	}
	return tags, heard
}

func TestRun(t *testing.T) {
	var told facts
	cfg := listen.Config{Bus: bus(t, eventtest.Options{}, frame("a"), frame("b", "k", true), frame("c")), Tell: told.tell}
	tags, heard := collect(t, cfg, 3)
	if want := []string{"a", "b", "c"}; !slices.Equal(tags, want) || heard != (listen.Heard{Connected: true}) || len(told.all) > 0 {
		t.Errorf("%q, %+v, %q", tags, heard, told.all)
	}
}

// A connection that ends is a gap, and is told; so is a message that cannot be read.
func TestRunGaps(t *testing.T) {
	var told facts
	broken := eventtest.Envelope([]byte("tag\n\n\x81\xa1k\xc1"), event.FormStream)
	cfg := listen.Config{Bus: bus(t, eventtest.Options{Hangup: true}, frame("a"), broken), Tell: told.tell}
	tags, heard := collect(t, cfg, 3) // each connection gives one
	all := strings.Join(told.all, "\n")
	if len(tags) != 3 || !heard.Connected || heard.Missed < 4 ||
		!strings.Contains(all, "events are missed until it is back") || !strings.Contains(all, "listening again") ||
		!strings.Contains(all, "left out a message: event tag: ") {
		t.Errorf("%q, %+v, %s", tags, heard, all)
	}
}

// What there is no room for is counted and told once, and nothing blocks.
func TestRunOverrun(t *testing.T) {
	var told facts
	frames := [][]byte{frame("first")}
	for range 100 {
		frames = append(frames, frame("more", "text", strings.Repeat("x", 100)))
	}
	cfg := listen.Config{Bus: bus(t, eventtest.Options{}, frames...), Tell: told.tell, QueueBytes: 300}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	left := func() bool {
		told.mu.Lock()
		defer told.mu.Unlock()
		return len(told.all) > 0
	}
	cfg.Each = func(listen.Event) (bool, error) {
		for !left() && ctx.Err() == nil { // busy until the reading side had to leave some out
			time.Sleep(time.Millisecond)
		}
		return true, nil
	}
	heard, err := listen.Run(ctx, cfg)
	if err != nil || heard.Missed == 0 || len(told.all) != 1 {
		t.Errorf("%+v, %v, %q", heard, err, told.all)
	}
}

func TestRunErrors(t *testing.T) {
	var told facts
	broken := errors.New("no room on the disk")
	cfg := listen.Config{
		Bus: bus(t, eventtest.Options{}, frame("a")), Tell: told.tell,
		Each: func(listen.Event) (bool, error) { return false, broken },
	}
	if _, err := listen.Run(t.Context(), cfg); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := listen.Run(t.Context(), listen.Config{Tell: told.tell}); !errors.Is(err, event.ErrConfig) {
		t.Errorf("got %v", err)
	}
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		expr, tag string
		want, ok  bool
	}{
		{"*", "salt/job/1/new", true, true},
		{"salt/job/*", "salt/job/1/ret/m1", true, true},
		{"salt/job/*/new", "salt/job/1/ret/m1", false, true},
		{"salt/job/[0-9]+/new", "salt/job/12/new", true, true},
		{"salt/job", "salt/job/1", false, true},
		{"salt/job", "salt/job", true, true},
		{`salt/job/\d+/ret/(m1|m2)`, "salt/job/1/ret/m2", true, true},
		{"a|b", "ax", true, true}, // Python's \A stands before the first alternative, \Z behind the last
		{"a|b", "bx", false, true},
		{"m[", "m[", true, false},
		{"(?=x)x", "x", false, false},
	} {
		matches, ok := listen.Pattern(test.expr)
		if got := matches(test.tag); got != test.want || ok != test.ok {
			t.Errorf("%s of %s: %t, %t", test.expr, test.tag, got, ok)
		}
	}
}

func TestIsFindJob(t *testing.T) {
	const jid = "20261122073829407758"
	for _, test := range []struct {
		tag  string
		data *value.Map
		want bool
	}{
		{"salt/job/" + jid + "/new", value.NewMap("fun", "saltutil.find_job"), true},
		{"salt/job/" + jid + "/ret/m1", value.NewMap("fun", "saltutil.find_job", "return", value.NewMap()), true},
		{"salt/job/" + jid + "/new", value.NewMap("fun", value.List{"test.ping", "saltutil.find_job"}), true},
		{"salt/job/" + jid + "/new", value.NewMap("fun", "test.ping"), false},
		{jid, value.NewMap("minions", value.List{"m1"}), true},
		{jid, value.NewMap("return", true, "fun", "test.ping"), false},
		{"salt/auth", value.NewMap("id", "m1"), false},
	} {
		if got := listen.IsFindJob(listen.Event{Tag: test.tag, Data: test.data}); got != test.want {
			t.Errorf("%s: %t", test.tag, got)
		}
	}
}

func TestPrinter(t *testing.T) {
	at := func() time.Time { return time.Date(2026, 11, 4, 7, 8, 9, 0, time.UTC) }
	e := listen.Event{Tag: "my/tag", Data: value.NewMap("text", "é\x01", "raw", value.Bytes("\xff\x00"), "map", value.NewMap("k.l", "a\tb"))}
	for _, test := range []struct {
		name string
		form listen.Form
		want string
	}{
		{"json", listen.JSON, `{"tag": "my/tag", "data": {"text": "é\u0001", "raw": "/wA=", "map": {"k.l": "a\tb"}}}` + "\n"},
		{"tagged", listen.Tagged(false), "my/tag\t" + `{"text": "é\u0001", "raw": "/wA=", "map": {"k.l": "a\tb"}}` + "\n"},
		{"fields", listen.Fields([]string{"tag", "none", "map.k.l", "map"}), "my/tag\t\ta\\tb\t{\"k.l\": \"a\\tb\"}\n"},
		{"json fields", listen.JSONFields([]string{"none", "map.k.l", "raw"}), `{"map.k.l": "a\tb", "raw": "/wA="}` + "\n"},
		{"listing", listen.Listing(at), "Event fired at Wed Nov  4 07:08:09 2026\n*************************\nTag: my/tag\nData:\n" +
			`{'map': {'k.l': 'a\tb'}, 'raw': b'\xff\x00', 'text': 'é\x01'}` + "\n"},
	} {
		var out bytes.Buffer
		p := listen.Printer{Out: &out, Form: test.form}
		if err := p.Print(e); err != nil || out.String() != test.want {
			t.Errorf("%s: got %q, %v\nwant %q", test.name, out.String(), err, test.want)
		}
	}
}

func TestMinionSocket(t *testing.T) {
	for hashType, want := range map[string]string{ // of m1, by Python's hashlib
		"md5": "ae7be26cda", "sha1": "ae23b94cca", "sha256": "ca0df2c95a", "sha512": "c10ab654c9",
	} {
		got, err := listen.MinionSocket("/run", "m1", hashType)
		if want = "/run/minion_event_" + want + "_pub.ipc"; err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", hashType, got, err, want)
		}
	}
	for _, test := range [][2]string{{"m1", "crc32"}, {"", "sha256"}} {
		if _, err := listen.MinionSocket(t.TempDir(), test[0], test[1]); !errors.Is(err, listen.ErrSocket) {
			t.Errorf("%q: %v", test, err)
		}
	}
}

// Whatever the expression, it can be asked, and * takes every tag beside it.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"*", "salt/job/[0-9]*/ret/*", "(?i)a", "a|b", "[", "(", `\d+`, "\xff"} {
		f.Add(seed, "salt/job/20261122073829407758/ret/m1")
	}
	f.Fuzz(func(t *testing.T, expr, tag string) {
		matches, _ := listen.Pattern(expr)
		matches(tag)
		if all, _ := listen.Pattern("*" + expr); matches(tag) && strings.Trim(expr, "abcdefghijklmnopqrstuvwxyz/*?") == "" && !all(tag) {
			t.Fatalf("%q takes %q, with * before it not", expr, tag)
		}
	})
}
