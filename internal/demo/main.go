// Command demo shows gorun's main job: bus → job cache → answers. With a Salt master on
// this machine it asks that one; otherwise it plays a recorded real bus through a real unix
// socket into a fresh cache.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gorun/event/eventtest"
	"gorun/internal/master"
	"gorun/internal/saltlab/scenario"
)

func main() {
	binary := flag.String("gorun", "bin/gorun", "the program to show")
	recording := flag.String("recording", "testdata/recordings/3008.3", "folder of a recorded master, for a machine without one")
	flag.Parse()
	if err := demo(*binary, *recording); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(binary, recording string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if conf, err := master.Load(master.DefaultDir()); err == nil {
		if _, err := os.Stat(conf.EventSocket().Path); err == nil {
			fmt.Println("# the master of this machine")
			return onMaster(ctx, shown{binary, conf.Dir})
		}
	}
	fmt.Println("# no master on this machine: a recorded one,", recording)
	return onRecording(ctx, binary, recording)
}

// shown is gorun on one master's configuration.
type shown struct{ binary, config string }

// onMaster asks the running master's cache, which a subscriber keeps for as long as this
// runs if none does already.
func onMaster(ctx context.Context, g shown) error {
	before, _, err := g.info(ctx)
	if err != nil {
		return err
	}
	if !before {
		stop, err := g.subscribe(ctx)
		if err != nil {
			return err
		}
		defer stop()
		fmt.Println("# no subscriber was running: one listens for 20 seconds")
		if err := wait(ctx, 20*time.Second); err != nil {
			return err
		}
	}
	return g.ask(ctx)
}

func onRecording(ctx context.Context, binary, recording string) (err error) {
	rec, err := scenario.Read(recording)
	if err != nil {
		return err
	}
	bus, err := eventtest.Load(recording)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "gorun-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	config, socket, err := rec.Master.Configure(root)
	if err != nil {
		return err
	}
	server, err := eventtest.Serve(ctx, socket, bus, eventtest.Options{})
	if err != nil {
		return err
	}
	defer server.Close()
	g := shown{binary, config}
	stop, err := g.subscribe(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for {
		_, events, err := g.info(ctx)
		if err != nil {
			return err
		}
		if events >= bus.Frames() {
			fmt.Printf("# %d events of a Salt %s are in the cache\n", events, rec.Master.Version)
			return g.ask(ctx)
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// ask puts the main questions, the last one about the newest job that has returns.
func (g shown) ask(ctx context.Context) error {
	for _, question := range [][]string{
		{"manage.up", "source=cache"}, {"manage.down", "source=cache"}, {"jobs.list_jobs", "search_function=test.ping"},
	} {
		if err := g.show(ctx, question...); err != nil {
			return err
		}
	}
	out, err := g.command(ctx, "--out=json", "jobs.last_run", "function=test.ping").Output()
	if err != nil {
		return fmt.Errorf("jobs.last_run: %w", err)
	}
	var last map[string]any
	if json.Unmarshal(out, &last) != nil { // False: there is none
		return nil
	}
	for jid := range last {
		if err := g.show(ctx, "jobs.lookup_jid", jid, "missing=True"); err != nil {
			return err
		}
	}
	return nil
}

// exitNoTruth is gorun's status for an answer that may not be the present truth.
const exitNoTruth = 3

// show prints a question, its answer, and how long that took.
func (g shown) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ gorun %s\n", strings.Join(args, " "))
	cmd := g.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	fmt.Printf("# %.1f ms\n", float64(time.Since(start).Microseconds())/1000)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitNoTruth {
		return nil // a recorded day is over: nothing was heard of its minions since, which it says
	}
	if err != nil {
		return fmt.Errorf("gorun %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (g shown) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, g.binary, append([]string{"-c", g.config}, args...)...)
}

// info tells whether a subscriber listens and how many events are in the cache.
func (g shown) info(ctx context.Context) (listening bool, events int, err error) {
	out, err := g.command(ctx, "--out=json", "cache", "info").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(out) == 0 { // no cache yet
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	var info struct {
		Listening bool
		Events    int
	}
	err = json.Unmarshal(out, &info)
	return info.Listening, info.Events, err
}

// subscribe runs the subscriber until stop is called.
func (g shown) subscribe(ctx context.Context) (stop func(), err error) {
	cmd := g.command(ctx, "subscribe")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("gorun subscribe (is %s built?): %w", filepath.Base(g.binary), err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()
	}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
