// Command soak runs a subscriber for long, on a bus that it makes up, and writes down what
// that takes: memory, files, time of the processor. Jobs come at a steady rate and leave when
// they are as old as retention says; the bus hangs up now and then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gorun/event/eventtest"
	"gorun/internal/saltlab/scenario"
	"gorun/jobcache"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := soak{}
	flag.StringVar(&s.gorun, "gorun", "bin/gorun", "the program")
	flag.DurationVar(&s.length, "for", time.Hour, "how long")
	flag.IntVar(&s.rate, "rate", 20, "jobs a second, of three events each")
	flag.DurationVar(&s.keep, "keep", 10*time.Minute, "how long jobs stay")
	flag.DurationVar(&s.every, "every", time.Minute, "between two measurements")
	flag.StringVar(&s.write, "write", "", "the file of the report; stdout if empty")
	flag.Parse()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type soak struct {
	gorun, write        string
	length, keep, every time.Duration
	rate                int

	samples []sample
	hangups int
}

// sample is what the subscriber takes at one moment.
type sample struct {
	after          time.Duration
	memory         int64 // resident, bytes
	cpu            time.Duration
	file, log      int64 // bytes
	jobs, events   int64
	holes, skipped int64
}

func (s *soak) run(ctx context.Context) (err error) {
	root, err := os.MkdirTemp("", "gorun-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	master := scenario.Master{ID: "soak_master"}
	config, socket, err := master.Configure(root)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("keep_jobs_seconds: %d\n", int(s.keep.Seconds()))
	if err := os.MkdirAll(filepath.Join(config, "master.d"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(config, "master.d/keep.conf"), []byte(text), 0o644); err != nil {
		return err
	}
	bus, err := eventtest.Listen(ctx, socket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bus.Close()) }()
	cmd := exec.CommandContext(ctx, s.gorun, "-c", config, "-l", "error", "subscribe")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return err
	}
	err = s.play(ctx, bus, cmd.Process.Pid, filepath.Join(root, "cache/gorun", jobcache.File))
	return errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait(), s.report())
}

// play lets jobs come, and measures.
func (s *soak) play(ctx context.Context, bus *eventtest.Live, pid int, store string) error {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	start := time.Now()
	measure, hangup := s.every, 5*time.Minute
	due := 0.0
	for n := 0; ; {
		var now time.Time
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
		var frames []byte
		for due += float64(s.rate) * step.Seconds(); due >= 1; due-- {
			frames = append(frames, job(now, n)...)
			n++
		}
		bus.Say(frames)
		after := now.Sub(start)
		if after >= hangup {
			hangup += 5 * time.Minute
			s.hangups++
			if err := bus.HangUp(); err != nil {
				return err
			}
		}
		if after >= measure {
			measure += s.every
			if err := s.measure(ctx, after, pid, store); err != nil {
				return err
			}
			if s.write != "" { // so that there is something, however this ends
				if err := s.report(); err != nil {
					return err
				}
			}
		}
		if after >= s.length {
			return nil
		}
	}
}

func (s *soak) measure(ctx context.Context, after time.Duration, pid int, store string) (err error) {
	m := sample{after: after}
	if m.memory, m.cpu, err = process(pid); err != nil {
		return err
	}
	for name, into := range map[string]*int64{store: &m.file, store + "-wal": &m.log} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		*into = info.Size()
	}
	reader, err := jobcache.OpenReader(store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	status, err := reader.Status(ctx, time.Now())
	if err != nil {
		return err
	}
	m.events, m.holes = status.Events, int64(len(status.Holes))
	for _, n := range status.Skipped {
		m.skipped += n
	}
	m.jobs, _, err = reader.Count(ctx)
	s.samples = append(s.samples, m)
	return err
}

func (s *soak) report() error {
	var b strings.Builder
	fmt.Fprintf(&b, "# A long run\n\nA subscriber on a bus that `make soak` makes up: %d jobs a second of three events each, kept for %v;\n"+
		"the bus has hung up %d times, each a hole.\n\n", s.rate, s.keep, s.hangups)
	fmt.Fprintf(&b, "| after | resident memory | CPU time | file | log | jobs | events | open holes | skipped |\n")
	fmt.Fprintf(&b, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, m := range s.samples {
		fmt.Fprintf(&b, "| %v | %.1f MB | %.1f s | %.1f MB | %.1f MB | %d | %d | %d | %d |\n", m.after.Round(time.Second),
			mb(m.memory), m.cpu.Seconds(), mb(m.file), mb(m.log), m.jobs, m.events, m.holes, m.skipped)
	}
	if s.write == "" {
		_, err := fmt.Print(b.String())
		return err
	}
	return os.WriteFile(s.write, []byte(b.String()), 0o644)
}

func mb(n int64) float64 { return float64(n) / 1e6 }
