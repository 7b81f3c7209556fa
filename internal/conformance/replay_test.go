package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorun/event/eventtest"
	"gorun/internal/saltlab/scenario"
	"gorun/runners"
)

const recordings = "../../testdata/recordings"

// later are functions whose answers are recorded and which gorun does not have yet;
// as soon as it has one, its answers are compared.
var later = map[string]bool{
	"jobs.print_job": true, "jobs.exit_success": true, "jobs.last_run": true, "jobs.list_jobs_filter": true,
}

// TestReplay plays each recorded bus to a subscriber, and asks gorun what salt-run
// was asked when the bus was recorded.
func TestReplay(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(recordings, "*", "master.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no recordings")
	}
	binary := build(t)
	for _, name := range found {
		dir := filepath.Dir(name)
		t.Run(filepath.Base(dir), func(t *testing.T) { replay(t, binary, dir) })
	}
}

func replay(t *testing.T, binary, dir string) {
	rec, err := scenario.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	bus, err := eventtest.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := gorun{binary: binary, config: masterOf(t, rec.Master)}
	server, err := eventtest.Serve(context.Background(), filepath.Join(g.config, "../run/master_event_pub.ipc"), bus, eventtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	g.subscribe(t)
	until(t, "the whole bus is in the cache", func() bool { return g.status(t).Events >= bus.Frames() })
	if s := g.status(t); len(s.Skipped) > 0 {
		t.Errorf("messages of a real master were skipped: %v", s.Skipped)
	}
	n := newTally(rec.Master.Version)
	for _, answer := range rec.Answers {
		fun := answer.Args[0]
		if _, known := runners.Lookup(fun); !known && later[fun] {
			n.waiting[fun]++
			continue
		}
		n.compare(t, g, answer.Args, answer.Bytes())
	}
	n.report(t)
	for _, reason := range n.stale() {
		t.Errorf("nothing differs any more because %s", reason)
	}
}

// masterOf makes what gorun reads of the recorded master, and returns its
// configuration's folder. The path is short, as those of unix sockets must be.
func masterOf(t *testing.T, m scenario.Master) (config string) {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "gorun-replay-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	config = filepath.Join(root, "etc")
	keys := filepath.Join(config, "pki/master/minions")
	for _, dir := range []string{keys, filepath.Join(root, "run"), filepath.Join(root, "cache")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range m.Minions {
		if err := os.WriteFile(filepath.Join(keys, id), []byte("a key\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The jobs are as old as the recording: none is to leave for its age.
	text := fmt.Sprintf("root_dir: %[1]s\npki_dir: %[1]s/etc/pki/master\ncachedir: %[1]s/cache\nsock_dir: %[1]s/run\n"+
		"keep_jobs: 0\nkeep_jobs_seconds: 0\n", root) + strings.Join(append(m.Config, ""), "\n")
	if err := os.WriteFile(filepath.Join(config, "master"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return config
}
