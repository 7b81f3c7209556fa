//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gorun/internal/saltlab"
	"gorun/internal/saltlab/scenario"
)

// output is what a program that still runs has written so far.
type output struct {
	mu   sync.Mutex
	data []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data = append(o.data, p...)
	return len(p), nil
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.data)
}

// running is a program that listens until it is stopped.
type running struct{ stdout, stderr output }

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := new(running)
	cmd.Stdout, cmd.Stderr = &r.stdout, &r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", strings.Join(cmd.Args, " "), r.stderr.bytes())
		}
	})
	return r
}

// TestLiveEvents listens beside Salt on one bus, and follows jobs to their end.
func TestLiveEvents(t *testing.T) {
	binary := build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{Version: "3008.3", Config: scenario.Config()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := lab.StartMinions(ctx, scenario.First, scenario.Second); err != nil {
		t.Fatal(err)
	}
	l := &eventsTest{lab: lab, gorun: gorun{binary: binary, config: lab.ConfigDir()}}
	t.Run("state.event", func(t *testing.T) { l.stateEvent(t, "") })
	t.Run("state.event pretty", func(t *testing.T) { l.stateEvent(t, "pretty=True") })
	t.Run("events -f", l.count)
	t.Run("minion", l.minion)
	t.Run("watch salt's cache", func(t *testing.T) { l.watch(t, "true", 0) })
	l.gorun.subscribe(t)
	t.Run("watch a failure", func(t *testing.T) { l.watch(t, "false", 1) })
	t.Run("watch a minion die", l.watchDeath)
}

type eventsTest struct {
	lab   *saltlab.Lab
	gorun gorun
}

func (l *eventsTest) salt(t *testing.T, args ...string) {
	t.Helper()
	if _, err := l.lab.Salt(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// heard sends events until a listener of Salt's, which takes its time, has heard one.
func (l *eventsTest) heard(t *testing.T, by *output) {
	t.Helper()
	until(t, "salt listens", func() bool {
		l.salt(t, scenario.First, "event.send", "gorun/probe")
		return len(by.bytes()) > 0
	})
}

// stateEvent compares salt-run state.event with gorun's, which listens first.
func (l *eventsTest) stateEvent(t *testing.T, option string) {
	args := []string{"state.event", "salt/job/.*/(new|ret/.*)|gorun/.*"}
	if option != "" {
		args = append(args, option)
	}
	ours := start(t, l.gorun.command(t.Context(), args...))
	salts := start(t, l.lab.Command(t.Context(), "salt-run", append([]string{"-c", l.lab.ConfigDir()}, args...)...))
	l.heard(t, &salts.stdout)
	l.salt(t, "*", "test.arg", "é\x01", "2015-03-19", "{a: [1, 2.5, null]}", "12345678901234567890")
	l.salt(t, scenario.Second, "event.send", "gorun/last")
	last := []byte("gorun/last\t")
	until(t, "gorun prints what salt-run does", func() bool {
		want := salts.stdout.bytes()
		return bytes.Contains(want, last) && bytes.HasSuffix(want, []byte("}\n")) && bytes.HasSuffix(ours.stdout.bytes(), want)
	})
	fmt.Printf("%s: %d bytes of events equal\n", t.Name(), len(salts.stdout.bytes()))
}

// count compares who replied, as Salt's event library has it.
func (l *eventsTest) count(t *testing.T) {
	ours := start(t, l.gorun.command(t.Context(), "events", "-f", "test.ping"))
	script, err := filepath.Abs("../../testdata/events/count.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := l.lab.Command(t.Context(), "salt")
	cmd.Args = []string{cmd.Path, script, filepath.Dir(l.lab.Socket()), "test.ping"}
	salts := start(t, cmd)
	l.heard(t, &salts.stderr)
	l.salt(t, scenario.Second, "test.ping")
	l.salt(t, "*", "test.ping")
	until(t, "both have counted two", func() bool {
		want := salts.stdout.bytes()
		return bytes.Contains(want, []byte("now: [2].\n")) && bytes.Equal(ours.stdout.bytes(), want)
	})
	if first := "Reply received from [" + scenario.Second + "]. Total replies now: [1].\n"; !strings.HasPrefix(string(ours.stdout.bytes()), first) {
		t.Errorf("%s", ours.stdout.bytes())
	}
}

// minion listens to a minion's own bus.
func (l *eventsTest) minion(t *testing.T) {
	dir := filepath.Join(l.lab.Dir, "minions", scenario.Second, "run")
	ours := start(t, l.gorun.command(t.Context(), "events", "-n", "minion", "-s", dir, "-i", scenario.Second, "--count", "1", "gorun/local"))
	until(t, "the minion's event is heard", func() bool {
		l.salt(t, scenario.Second, "event.fire", "{n: 7}", "gorun/local")
		return bytes.Contains(ours.stdout.bytes(), []byte(`{"tag": "gorun/local", "data": {"n": 7,`))
	})
}

// leave starts a job on all minions and leaves it by Ctrl-C; it returns its jid once gorun
// knows it.
func (l *eventsTest) leave(t *testing.T, command string) (jid string) {
	t.Helper()
	// A signal that the test ignores would be ignored by what it starts as well.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	cmd := l.lab.Command(t.Context(), "salt", "-c", l.lab.ConfigDir(), "*", "cmd.run", command)
	capture, err := l.lab.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	start(t, cmd)
	announced := regexp.MustCompile(`(?s)salt/job/(\d{20})/new\n\n.{1,400}?` + regexp.QuoteMeta(command))
	err = capture.Wait(t.Context(), func(data []byte) bool {
		found := announced.FindSubmatch(data)
		if found != nil {
			jid = string(found[1])
		}
		return found != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	until(t, "gorun knows the job", func() bool {
		out, _ := l.gorun.run(t, "jobs.list_job", jid)
		return bytes.Contains(out, []byte("Minions:"))
	})
	return jid
}

// An ending is how gorun says that a job has ended.
type ending struct {
	status, returns int    // how many minions returned
	said            string // on stderr
}

// follow follows a job to its end, and tells whether that was the one that was wanted.
func (l *eventsTest) follow(t *testing.T, want ending, args ...string) (as bool, saw string) {
	t.Helper()
	watch := l.gorun.command(t.Context(), args...)
	var out, errs bytes.Buffer
	watch.Stdout, watch.Stderr = &out, &errs
	if err := watch.Run(); watch.ProcessState == nil {
		t.Fatal(err)
	}
	status := watch.ProcessState.ExitCode()
	as = status == want.status && strings.Count(out.String(), ":\n    over\n") == want.returns &&
		regexp.MustCompile(want.said).Match(errs.Bytes())
	return as, fmt.Sprintf("%q: status %d, wanted %+v\n%s%s", args, status, want, &out, &errs)
}

// watch leaves a job, and follows it to its end. On a busy machine a minion may be late for
// find_job and count as silent: then another job is left.
func (l *eventsTest) watch(t *testing.T, command string, status int) {
	var jid, saw string
	var want ending
	as := false
	settle(t, "watch", func() bool {
		started := time.Now()
		jid = l.leave(t, "sleep 20; echo over; "+command)
		want = ending{status, 2, "job " + jid + ": 2 of 2 returned(, 2 failed)?\n"}
		if as, saw = l.follow(t, want, "watch"); time.Since(started) < 19*time.Second {
			t.Error("the job is followed to an end before its end")
		}
		return as
	})
	if !as {
		t.Error(saw)
	}
	if as, saw := l.follow(t, want, "jobs.watch", jid); !as { // which finds it ended
		t.Error(saw)
	}
}

// watchDeath leaves a job that one minion does not live to end: nobody but gorun asks for it.
func (l *eventsTest) watchDeath(t *testing.T) {
	var saw string
	as, dead := false, false
	settle(t, "watch a minion die", func() bool {
		if dead {
			ctx := t.Context()
			if err := errors.Join(l.lab.StartDaemon(ctx, scenario.Second), l.lab.Answering(ctx, scenario.First, scenario.Second)); err != nil {
				t.Fatal(err)
			}
		}
		jid := l.leave(t, "sleep 20; echo over")
		l.lab.Kill(scenario.Second)
		dead = true
		as, saw = l.follow(t, ending{1, 1, "job " + jid + ": 1 of 2 returned, 1 silent\ngorun: " +
			scenario.Second + ": silent: did not answer find_job "}, "watch")
		return as
	})
	if !as {
		t.Error(saw)
	}
}
