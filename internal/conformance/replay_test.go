package conformance

import (
	"context"
	"os"
	"path/filepath"
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
	root, err := os.MkdirTemp("/tmp", "gorun-replay-") // short, as the paths of unix sockets must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	config, socket, err := rec.Master.Configure(root)
	if err != nil {
		t.Fatal(err)
	}
	g := gorun{binary: binary, config: config}
	server, err := eventtest.Serve(context.Background(), socket, bus, eventtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	g.subscribe(t)
	untilReached(t, "the whole bus is in the cache", func() int { return g.status(t).Events }, bus.Frames())
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
