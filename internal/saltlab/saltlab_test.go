package saltlab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestAtLeast(t *testing.T) {
	for _, test := range []struct {
		version, since string
		want           bool
	}{
		{"3008.3", "3008.3", true},
		{"3008.3", "3008", true},
		{"3008", "3008.3", false},
		{"3006.26", "3006.3", true},
		{"2019.2.8", "2016", true},
		{"2014.7.7", "2016", false},
		{"3008.3", "2016", true},
		{"3008.0rc1", "3008", true},
		{"2014.7.7", "", true},
	} {
		if got := AtLeast(test.version, test.since); got != test.want {
			t.Errorf("AtLeast(%q, %q) = %v", test.version, test.since, got)
		}
	}
}

func TestRecipeFor(t *testing.T) {
	for version, python := range map[string]string{
		"2014.7.7": "2.7", "2015.8.13": "2.7", "2019.2.8": "2.7", "3004.2": "3.8", "3006.26": "3", "3008.3": "3",
	} {
		if got := recipeFor(version).python; got != python {
			t.Errorf("Salt %s runs on Python %s, not %s", version, got, python)
		}
	}
}

// TestKillSession starts a process whose child is in a group of its own.
func TestKillSession(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "set -m; sleep 1000 & echo started; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if n := len(session(cmd.Process.Pid)); n != 2 {
		t.Errorf("%d processes in the session, not 2", n)
	}
	killSession(cmd.Process.Pid)
	if left := session(cmd.Process.Pid); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended by itself")
	}
}

// TestReaper lets go of the reaper's pipe as a process does that dies.
func TestReaper(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids := t.TempDir()
	if err := os.WriteFile(filepath.Join(pids, Master), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := startReaper(pids)
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the daemon ended with %v", err)
	}
}

// TestCapture plays a stream bus of one announcement and its end, in pieces.
func TestCapture(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "gorun-capture-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l := &Lab{Version: "3008.3", Dir: dir}
	if err := os.MkdirAll(filepath.Dir(l.Socket()), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", l.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := l.Capture()
	if err != nil {
		t.Fatal(err)
	}
	bus, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if _, err := bus.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	const jid = "20261122081338618402"
	say("salt/run/" + jid + "/n")
	say("ew\n\n")
	if err := c.WaitFor(t.Context(), jid+"/new"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.WaitForRuns(ctx); err == nil {
		t.Error("a run that goes on was taken for ended")
	}
	say("salt/run/" + jid + "/ret\n\n")
	if err := c.WaitForRuns(t.Context()); err != nil {
		t.Error(err)
	}
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitFor(t.Context(), "more"); err == nil {
		t.Error("the end of the bus was not noticed")
	}
	want := fmt.Sprintf("salt/run/%[1]s/new\n\nsalt/run/%[1]s/ret\n\n", jid)
	if got := c.Bytes(); !bytes.Equal(got, []byte(want)) {
		t.Errorf("captured %q", got)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
