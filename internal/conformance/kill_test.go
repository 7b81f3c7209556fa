package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/internal/saltlab/scenario"
	"gorun/jobcache"
	"gorun/value"
)

// flood is a bus of n jobs, each announced and returned by two minions.
func flood(n int) *eventtest.Recording {
	var events [][]byte
	text := string(bytes.Repeat([]byte("a line of output\n"), 100))
	for i := range n {
		jid := fmt.Sprintf("20261122%06d%06d", i/1000%240000, i%1000)
		events = append(events, eventtest.Frame("salt/job/"+jid+"/new", value.NewMap(
			"jid", jid, "fun", "cmd.run", "arg", value.List{"x"}, "tgt", "*", "tgt_type", "glob", "user", "root",
			"minions", value.List{"m1", "m2"}, "_stamp", "2026-11-22T07:38:29.410047"), event.FormStream))
		for _, id := range []string{"m1", "m2"} {
			events = append(events, eventtest.Frame("salt/job/"+jid+"/ret/"+id, value.NewMap(
				"jid", jid, "id", id, "return", text, "retcode", int64(0), "success", true, "fun", "cmd.run",
				"fun_args", value.List{"x"}, "_stamp", "2026-11-22T07:38:29.510047"), event.FormStream))
		}
	}
	return eventtest.New(event.FormStream, events...)
}

// A subscriber is killed again and again in the middle of a flood: the store opens each
// time, what it has is whole, and in the end it has everything.
func TestKilled(t *testing.T) {
	const jobs = 5_000
	binary := build(t)
	root, err := os.MkdirTemp("", "gorun-kill-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	config, socket, err := scenario.Master{ID: "lab_master"}.Configure(root)
	if err != nil {
		t.Fatal(err)
	}
	server, err := eventtest.Serve(context.Background(), socket, flood(jobs), eventtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	g := gorun{binary: binary, config: config}
	store := filepath.Join(root, "cache/gorun", jobcache.File)
	torn := 0
	for range 4 {
		cmd := g.command(t.Context(), "subscribe")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := g.status(t).Events
		until(t, "some of the flood is in the cache", func() bool { return g.status(t).Events > before })
		time.Sleep(rand.N(100 * time.Millisecond)) // anywhere in a transaction
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		n, _ := whole(t, store)
		if n < jobs {
			torn++
		}
	}
	if torn == 0 {
		t.Error("no kill came in the middle of the flood")
	}
	before := g.status(t).Events
	g.subscribe(t)
	untilReached(t, "the whole flood is in the cache", func() int { return g.status(t).Events - before }, 3*jobs)
	if n, returns := whole(t, store); n != jobs || returns != 2*jobs {
		t.Errorf("%d jobs and %d returns", n, returns)
	}
}

// whole reads every job and return of a store to its last byte, and counts them.
func whole(t *testing.T, path string) (jobs, returns int) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := t.Context()
	err = r.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		jobs++
		if _, err := job.Load.Decode(); err != nil {
			return fmt.Errorf("load of %s: %w", job.JID, err)
		}
		whole, err := r.Job(ctx, job.JID)
		if err == nil && len(whole.Minions) != 2 && job.Source == jobcache.FromNew {
			err = fmt.Errorf("minions of %s: %v", job.JID, whole.Minions)
		}
		return errors.Join(err, r.Returns(ctx, job.JID, func(ret *jobcache.Return) error {
			returns++
			_, err := ret.Event.Decode()
			return err
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return jobs, returns
}
