package saltlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Master is the name of the daemon that is the master; a minion's is its id.
const Master = "master"

// ErrDied is returned when a daemon that should be running has ended.
var ErrDied = errors.New("daemon has ended")

// programs are those of daemons that are no minion.
var programs = map[string]string{Master: "salt-master", Syndic: "salt-syndic"}

// home is the folder of a daemon, which holds its configuration in etc.
func (l *Lab) home(name string) string {
	switch name {
	case Master:
		return l.Dir
	case Syndic:
		return filepath.Join(l.Dir, Syndic)
	}
	return filepath.Join(l.Dir, "minions", name)
}

// StartDaemon starts the master (and waits for its event bus to take connections)
// or a minion that StartMinions has made before.
func (l *Lab) StartDaemon(ctx context.Context, name string) error {
	program, ok := programs[name]
	if !ok {
		program = "salt-minion"
	}
	log, err := os.OpenFile(filepath.Join(l.Dir, "log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := l.Command(context.WithoutCancel(ctx), program, "-c", filepath.Join(l.home(name), "etc"), "-l", "warning")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	l.daemons[name] = cmd
	pid := strconv.Itoa(cmd.Process.Pid)
	if err := os.WriteFile(filepath.Join(l.Dir, "pid", name), []byte(pid), 0o644); err != nil {
		return err
	}
	if name != Master {
		return nil
	}
	err = poll(ctx, func() (bool, error) {
		conn, err := net.Dial("unix", l.Socket())
		if err != nil {
			return false, l.alive()
		}
		return true, conn.Close()
	})
	if err != nil {
		return fmt.Errorf("the master's event bus: %w\n%s", err, l.logs())
	}
	return nil
}

// Command is one of Salt's programs, not started yet, in a session of its own.
func (l *Lab) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	bin := filepath.Join(l.venv, "bin")
	// The interpreter is named, so that an environment may be moved.
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "python"), append([]string{filepath.Join(bin, program)}, args...)...)
	cmd.Dir = l.Dir
	cmd.Env = l.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// environ keeps the machine's language, place and proxies out of the lab.
func (l *Lab) environ() []string {
	return []string{
		"PATH=" + filepath.Join(l.venv, "bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + l.Dir, "LC_ALL=C.UTF-8", "TZ=UTC", "PYTHONWARNINGS=ignore",
	}
}

// Kill ends a daemon and all its children as a crash would, by SIGKILL. It does
// nothing when the daemon does not run.
func (l *Lab) Kill(name string) {
	cmd := l.daemons[name]
	if cmd == nil {
		return
	}
	killSession(cmd.Process.Pid)
	_ = cmd.Wait() // it was killed: the error says no more
	delete(l.daemons, name)
	// A daemon that finds the pid of a dead one, still a zombie, takes it for running.
	pidfiles, _ := filepath.Glob(filepath.Join(l.home(name), "*.pid"))
	for _, name := range append(pidfiles, filepath.Join(l.Dir, "pid", name)) {
		os.Remove(name)
	}
}

// Stop freezes a daemon with all its children (SIGSTOP): it is there and does not
// answer.
func (l *Lab) Stop(name string) error { return l.signal(name, syscall.SIGSTOP) }

// Continue lets a stopped daemon go on.
func (l *Lab) Continue(name string) error { return l.signal(name, syscall.SIGCONT) }

func (l *Lab) signal(name string, sig syscall.Signal) error {
	cmd := l.daemons[name]
	if cmd == nil {
		return fmt.Errorf("%s: %w", name, ErrDied)
	}
	return syscall.Kill(-cmd.Process.Pid, sig)
}

// alive returns ErrDied when a daemon ended by itself.
func (l *Lab) alive() error {
	for name, cmd := range l.daemons {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return fmt.Errorf("%s: %w", name, ErrDied)
		}
	}
	return nil
}

// logs returns the end of what each daemon wrote, for an error's text.
func (l *Lab) logs() string {
	const most = 2000
	var text strings.Builder
	files, _ := filepath.Glob(filepath.Join(l.Dir, "log", "*.log"))
	for _, name := range files {
		data, _ := os.ReadFile(name)
		if len(data) > 0 {
			fmt.Fprintf(&text, "--- %s\n%s\n", filepath.Base(name), data[max(0, len(data)-most):])
		}
	}
	return text.String()
}

// killSession kills a session's leader with its group, and then who else is of
// that session: what a minion runs may be in a group of its own. It returns when none
// is left: they may hold ports and files.
func killSession(leader int) {
	_ = syscall.Kill(-leader, syscall.SIGKILL) // it may be gone
	for {
		left := session(leader)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// session returns the processes of a session that are not dead.
func session(leader int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it is gone
		}
		// pid (name) state ppid pgrp session …; the name may hold anything.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && len(fields) > 3 && fields[0] != "Z" && fields[0] != "X" && fields[3] == strconv.Itoa(leader) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A reaper kills the daemons when this process ends without having done so, however
// it ends: it waits for the other end of its standard input to close.
type reaper struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

func startReaper(pids string) (*reaper, error) {
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null
for f in "$1"/*; do [ -f "$f" ] && kill -s KILL -- "-$(cat "$f")"; done`, "reaper", pids)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of the terminal's Ctrl-C
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	return &reaper{cmd, pipe}, nil
}

func (r *reaper) close() {
	if r == nil {
		return
	}
	r.pipe.Close()
	_ = r.cmd.Wait() // it has nothing left to kill
}

// HangWorkers stops (SIGSTOP) the master's worker processes, which take what minions return, and
// nothing else of it; or lets them go on. Only a Salt that names its processes can be asked.
func (l *Lab) HangWorkers(hang bool) error {
	cmd := l.daemons[Master]
	if cmd == nil {
		return fmt.Errorf("%s: %w", Master, ErrDied)
	}
	sig, found := syscall.SIGCONT, false
	if hang {
		sig = syscall.SIGSTOP
	}
	for _, pid := range session(cmd.Process.Pid) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !bytes.Contains(line, []byte(" MWorker-")) { // it is gone, or another
			continue
		}
		found = true
		if err := syscall.Kill(pid, sig); err != nil {
			return fmt.Errorf("worker %d: %w", pid, err)
		}
	}
	if !found {
		return errors.New("the master has no processes named MWorker")
	}
	return nil
}
