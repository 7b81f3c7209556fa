package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gorun/jobcache"
)

// cost is what one whole process took.
type cost struct {
	wall, cpu time.Duration
	stdout    []byte
}

// statusStale is gorun's status for an answer that may lack something, which it says on stderr.
const statusStale = 3

// runProcess runs a command to its end; a status other than 0, and than also, is an error.
func runProcess(cmd *exec.Cmd, also ...int) (cost, error) {
	var out bytes.Buffer
	c, err := timeProcess(cmd, &out, also...)
	if err != nil {
		return c, fmt.Errorf("%w\n%s", err, head(out.Bytes()))
	}
	c.stdout = out.Bytes()
	return c, nil
}

// timeProcess does the same for the time alone. What is printed goes to a reader that should
// take no time of its own.
func timeProcess(cmd *exec.Cmd, reader io.Writer, also ...int) (cost, error) {
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = reader, &errs
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil && !slices.Contains(also, cmd.ProcessState.ExitCode()) {
		return cost{}, fmt.Errorf("%s: %w\n%s", cmd, err, head(errs.Bytes()))
	}
	return cost{wall: wall, cpu: cpuOf(cmd.ProcessState)}, nil
}

// unread takes what is printed and keeps nothing: to hold 26 MB is work for a whole core.
type unread struct{}

func (unread) Write(p []byte) (int, error) { return len(p), nil }

func cpuOf(s *os.ProcessState) time.Duration { return s.UserTime() + s.SystemTime() }

// peakMemory is the most memory that a running process has had, in bytes. (The rusage of an
// ended one counts this program's as well, which started it.)
func peakMemory(pid int) (int64, error) {
	text, _ := procField(fmt.Sprintf("/proc/%d/status", pid), "VmHWM")
	kb, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	return kb << 10, nil
}

// subscription is a running `gorun subscribe`.
type subscription struct {
	cmd    *exec.Cmd
	errors bytes.Buffer
	store  string // path of the store
	reader *jobcache.Reader
}

// subscribe starts one on a master's configuration and waits for its store.
func subscribe(ctx context.Context, gorun, config, cachedir string) (*subscription, error) {
	s := &subscription{
		cmd:   exec.CommandContext(ctx, gorun, "-c", config, "subscribe"),
		store: filepath.Join(cachedir, "gorun", jobcache.File),
	}
	s.cmd.Stderr = &s.errors
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	err := poll(ctx, time.Millisecond, func() (bool, error) {
		var err error
		s.reader, err = jobcache.OpenReader(s.store)
		if errors.Is(err, jobcache.ErrNoStore) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stop ends it in order.
func (s *subscription) stop() error {
	var err error
	if s.reader != nil {
		err = s.reader.Close()
		s.reader = nil
	}
	if s.cmd.ProcessState != nil {
		return err
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // Wait says how it ended
	if e := s.cmd.Wait(); e != nil {
		err = errors.Join(err, fmt.Errorf("gorun subscribe: %w\n%s", e, s.errors.Bytes()))
	}
	return err
}

// stored is how many events a reader sees; an event that was passed over is an error.
func (s *subscription) stored(ctx context.Context) (int, error) {
	status, err := s.reader.Status(ctx, time.Now())
	if err == nil && len(status.Skipped) > 0 {
		err = fmt.Errorf("events were skipped: %v", status.Skipped)
	}
	return int(status.Events), err
}

// whole waits for the holes in what the subscriber has heard to be filled from Salt's own cache.
func (s *subscription) whole(ctx context.Context) error {
	return poll(ctx, 100*time.Millisecond, func() (bool, error) {
		status, err := s.reader.Status(ctx, time.Now())
		return len(status.Holes) == 0, err
	})
}

// until waits for a reader to see n events.
func (s *subscription) until(ctx context.Context, n int) error {
	return poll(ctx, time.Millisecond, func() (bool, error) {
		stored, err := s.stored(ctx)
		return stored >= n, err
	})
}

// poll asks until the answer is true, an error, or ctx ends.
func poll(ctx context.Context, every time.Duration, ask func() (bool, error)) error {
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
