package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/internal/subscriber"
	"gorun/jobcache"
	"gorun/value"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gorun": main})
}

// The command line, specified in scripts: stdout, stderr and status.
func TestScripts(t *testing.T) {
	play, asked := playMaster(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SALT_CONFIG_DIR", "")
			env.Setenv("NO_COLOR", "")
			return makeMaster(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bus": playBus, "live": liveBus, "serve": serveBus, "hold": hold, "spoil": spoil, "status": status, "salt": salt,
			"master": play, "asked": asked,
		},
		// Makes the scripts' wanted output anew: go test ./cmd/gorun -run Scripts with
		// GORUN_UPDATE_SCRIPTS=1.
		UpdateScripts: os.Getenv("GORUN_UPDATE_SCRIPTS") != "",
	})
}

// makeMaster configures a master below root, with three accepted minions.
func makeMaster(root string) error {
	keys := filepath.Join(root, "etc/pki/master/minions")
	if err := os.MkdirAll(keys, 0o755); err != nil {
		return err
	}
	for _, id := range []string{"m1", "m2", "m3"} {
		if err := os.WriteFile(filepath.Join(keys, id), nil, 0o644); err != nil {
			return err
		}
	}
	conf := fmt.Sprintf("root_dir: %[1]s\npki_dir: %[1]s/etc/pki/master\ncachedir: %[1]s/cache\nid: lab_master\n", root)
	return os.WriteFile(filepath.Join(root, "etc/master"), []byte(conf), 0o644)
}

// playBus plays a YAML list of [tag, data] on a real socket to a subscriber, which ends
// when it has stored them. A data's _stamp of "now" is now.
func playBus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bus file")
	}
	stop, err := feed(storeOf(ts), func() [][]byte { return framesOf(ts, args[0]) })
	ts.Check(err)
	ts.Check(stop())
}

// liveBus is playBus with a subscriber that listens until the script ends; elsewhere: one that
// finds no job cache of Salt to fill its holes from.
func liveBus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && (len(args) != 2 || args[1] != "elsewhere") {
		ts.Fatalf("usage: live file [elsewhere]")
	}
	start := feed
	if len(args) == 2 {
		start = feedAlone
	}
	stop, err := start(storeOf(ts), func() [][]byte { return framesOf(ts, args[0]) })
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
}

// serveBus is playBus on the configured master's socket, to whoever listens, until the
// script ends.
func serveBus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve file socket")
	}
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	server, err := eventtest.Serve(context.Background(), path, eventtest.New(event.FormStream, framesOf(ts, args[0])...), eventtest.Options{})
	ts.Check(err)
	ts.Defer(server.Close)
}

// framesOf are the messages of a YAML file.
func framesOf(ts *testscript.TestScript, file string) [][]byte {
	v, err := value.FromYAML([]byte(ts.ReadFile(file)))
	ts.Check(err)
	var frames [][]byte
	for _, e := range v.(value.List) {
		pair := e.(value.List)
		data := pair[1].(*value.Map)
		if stamp, _ := data.Get("_stamp"); stamp == "now" {
			data.Set("_stamp", time.Now().UTC().Format("2006-01-02T15:04:05.000000"))
		}
		frames = append(frames, eventtest.Frame(pair[0].(string), data, event.FormStream))
	}
	return frames
}

// feed starts a subscriber, makes frames once that listens, and returns when it has stored
// them and filled its holes; stop ends it.
func feed(store string, frames func() [][]byte) (stop func() error, err error) {
	// Salt's own job cache, in which all is found that was before the first event.
	cache := filepath.Dir(filepath.Dir(store))
	if err := os.MkdirAll(filepath.Join(cache, "jobs"), 0o755); err != nil {
		return nil, err
	}
	kept := func() (*jobcache.SaltCache, error) {
		return jobcache.OpenSalt(cache, "sha256", slog.New(slog.DiscardHandler))
	}
	return feedFrom(store, kept, frames)
}

// feedAlone is feed without a job cache of Salt: the holes stay.
func feedAlone(store string, frames func() [][]byte) (stop func() error, err error) {
	return feedFrom(store, nil, frames)
}

func feedFrom(store string, kept func() (*jobcache.SaltCache, error), frames func() [][]byte) (stop func() error, err error) {
	dir, err := os.MkdirTemp("", "gorun-") // short, as the path of a socket must be
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	path := filepath.Join(dir, "pub.ipc")
	bus, err := eventtest.Listen(ctx, path)
	if err != nil {
		cancel()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	before, err := stored(store)
	ended := make(chan error, 1)
	go func() {
		ended <- subscriber.Run(ctx, subscriber.Config{
			Bus: event.Config{Path: path}, Store: store, MasterID: "lab_master", RunnerReturns: true,
			Log: slog.New(slog.DiscardHandler), Kept: kept,
		})
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, bus.Close(), os.RemoveAll(dir))
	})
	wanted := int64(-1) // nothing yet
	filled := func(s jobcache.Status) bool { return kept == nil || len(s.Holes) == 0 }
	for s := before; err == nil && (wanted < 0 || s.Events < wanted || !filled(s)); s, err = stored(store) {
		if wanted < 0 && s.Listening {
			said := frames()
			wanted = before.Events + int64(len(said))
			bus.Say(slices.Concat(said...))
		}
		select {
		case err := <-ended:
			ended <- err
			return nil, errors.Join(errors.New("the subscriber ended"), stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// stored tells what the cache says of itself.
func stored(path string) (s jobcache.Status, err error) {
	r, err := jobcache.OpenReader(path)
	if errors.Is(err, jobcache.ErrNoStore) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s, err = r.Status(context.Background(), time.Now())
	return s, errors.Join(err, r.Close())
}

// hold takes the job cache as a subscriber does, until the script ends.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: hold")
	}
	w, err := jobcache.OpenWriter(storeOf(ts))
	ts.Check(err)
	ts.Defer(func() { ts.Check(w.Close()) })
}

// spoil damages the last page of the job cache.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: spoil")
	}
	data, err := os.ReadFile(storeOf(ts))
	ts.Check(err)
	const page = 4096
	copy(data[len(data)-page:], bytes.Repeat([]byte{0xff}, page))
	ts.Check(os.WriteFile(storeOf(ts), data, 0o600))
}

func storeOf(ts *testscript.TestScript) string {
	return filepath.Join(ts.Getenv("WORK"), "cache/gorun", jobcache.File)
}

// status runs gorun and compares its exit status: status 3 gorun manage.up.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status n command args…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, wanted %s", got, args[0])
	}
}

// salt keeps a job in Salt's own cache, with the return of one minion: salt jid fun minion.
func salt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: salt jid fun minion")
	}
	jid, fun, id := args[0], args[1], args[2]
	sum := sha256.Sum256([]byte(jid))
	name := hex.EncodeToString(sum[:])
	dir := filepath.Join(ts.Getenv("WORK"), "cache/jobs", name[:2], name[2:])
	ts.Check(os.MkdirAll(filepath.Join(dir, id), 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "jid"), []byte(jid), 0o644))
	for file, v := range map[string]value.Value{
		".load.p": value.NewMap("jid", jid, "fun", fun, "arg", value.List{}, "tgt", "*", "tgt_type", "glob", "user", "root",
			"cmd", "publish", "ret", ""),
		".minions.p":     value.List{id},
		id + "/return.p": value.NewMap("return", true, "retcode", int64(0), "success", true),
	} {
		data, err := value.Encode(v)
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, file), data, 0o644))
	}
}
