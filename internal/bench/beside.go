package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// besides is what following the same bus costs gorun's subscriber, which stores, and Salt's
// own, `salt-run state.event`, which does not.
type besides struct {
	Events      int
	PerSecond   float64 // as the slower of them took them
	Gorun, Salt follower
}

// follower is what one subscriber took, from its connection to the last event.
type follower struct {
	CPUPerEvent time.Duration
	Memory      int64 // the most, in bytes
}

// beside plays events to both at once. Salt's subscriber ends by itself after the last one.
func (s *sides) beside(ctx context.Context, events int, dir string) (b besides, err error) {
	site, err := newSite(dir)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, site.listener.Close()) }()
	sub, conn, err := site.subscribe(ctx, s.gorun)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, sub.stop(), conn.Close()) }()
	frames := returns(events, 0)
	salt := s.python(ctx, filepath.Join(s.venv, "bin", "salt-run"), "-c", s.lab.ConfigDir(), "state.event",
		fmt.Sprintf("count=%d", len(frames)), "quiet=True", "sock_dir="+filepath.Join(dir, "run"))
	if err := salt.Start(); err != nil {
		return b, err
	}
	theirs, err := site.listener.Accept()
	if err != nil {
		return b, errors.Join(err, salt.Process.Kill(), salt.Wait())
	}
	defer func() { err = errors.Join(err, theirs.Close()) }()
	both := fanout{conn, theirs}
	ourCPU, err := cpuSoFar(sub.cmd.Process.Pid)
	if err != nil {
		return b, err
	}
	theirCPU, err := cpuSoFar(salt.Process.Pid)
	if err != nil {
		return b, err
	}
	peak := watchMemory(salt.Process.Pid)
	start := time.Now()
	err = play(ctx, both, sub, frames)
	if err != nil {
		err = errors.Join(err, salt.Process.Kill())
	}
	err = errors.Join(err, salt.Wait())
	b.Salt.Memory = <-peak
	if err != nil {
		return b, err
	}
	n := time.Duration(len(frames))
	b.Events, b.PerSecond = len(frames), float64(len(frames))/time.Since(start).Seconds()
	b.Salt.CPUPerEvent = (cpuOf(salt.ProcessState) - theirCPU) / n
	if b.Gorun.Memory, err = peakMemory(sub.cmd.Process.Pid); err != nil {
		return b, err
	}
	cpu, err := cpuSoFar(sub.cmd.Process.Pid)
	b.Gorun.CPUPerEvent = (cpu - ourCPU) / n
	return b, err
}

// fanout writes to both connections what a bus sends.
type fanout struct{ a, b net.Conn }

func (f fanout) Write(p []byte) (int, error) {
	if n, err := f.a.Write(p); err != nil {
		return n, err
	}
	return f.b.Write(p)
}

// clockTick is the unit of times in /proc: 100 a second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuSoFar is what a running process has taken.
func cpuSoFar(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

// idle is what a subscriber costs that nothing happens to.
type idle struct {
	Memory int64 // bytes, resident
	CPU    time.Duration
	For    time.Duration
}

func measureIdle(ctx context.Context, gorun, dir string, wait time.Duration) (i idle, err error) {
	s, err := newSite(dir)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, s.listener.Close()) }()
	sub, conn, err := s.subscribe(ctx, gorun)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, sub.stop(), conn.Close()) }()
	before, err := cpuSoFar(sub.cmd.Process.Pid)
	if err != nil {
		return i, err
	}
	select {
	case <-ctx.Done():
		return i, ctx.Err()
	case <-time.After(wait):
	}
	after, err := cpuSoFar(sub.cmd.Process.Pid)
	if err != nil {
		return i, err
	}
	i.CPU, i.For = after-before, wait
	i.Memory, err = peakMemory(sub.cmd.Process.Pid)
	return i, err
}

// watchMemory sends the most memory that a process was seen with once it has ended. It looks
// every two milliseconds: what a process takes in its very last ones is not seen.
func watchMemory(pid int) <-chan int64 {
	most := make(chan int64, 1)
	go func() {
		var last int64
		for {
			now, err := peakMemory(pid)
			if err != nil { // it has ended
				most <- last
				return
			}
			last = now
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return most
}

// limit is the least that any program could take: to start, and to write the answer.
func limit(ctx context.Context, answer []byte, dir string) (time.Duration, error) {
	name := filepath.Join(dir, "answer")
	if err := os.WriteFile(name, answer, 0o600); err != nil {
		return 0, err
	}
	var walls []time.Duration
	for range askRounds {
		c, err := timeProcess(exec.CommandContext(ctx, "cat", name), unread{})
		if err != nil {
			return 0, err
		}
		walls = append(walls, c.wall)
	}
	return median(walls), os.Remove(name)
}

// nothing is what the least process takes.
func nothing(ctx context.Context) (time.Duration, error) {
	var walls []time.Duration
	for range 5 * askRounds {
		c, err := runProcess(exec.CommandContext(ctx, "true"))
		if err != nil {
			return 0, err
		}
		walls = append(walls, c.wall)
	}
	return median(walls), nil
}
