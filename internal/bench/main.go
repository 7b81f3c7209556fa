// Command bench measures gorun beside the salt-run that it stands in for, and what its
// subscriber costs, on a real Salt master that it starts for the purpose:
//
//	go run ./internal/bench -gorun bin/gorun -write docs/benchmarks.md
//
// Both sides answer about the same jobs, and no time counts before they have answered with
// the same bytes.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	gorun   string // the program to measure
	version string // Salt's release
	jobs    int    // in both job caches
	rounds  int    // of each question
	events  int    // of each flood
	growth  int    // jobs of the largest store
	beside  int    // events that both subscribers follow
	idle    time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.gorun, "gorun", "bin/gorun", "the program to measure")
	flag.StringVar(&o.version, "version", "3008.3", "Salt's release")
	flag.IntVar(&o.jobs, "jobs", 100_000, "jobs in both job caches")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each question: one salt-run and five gorun")
	flag.IntVar(&o.events, "events", 100_000, "events of each flood")
	flag.IntVar(&o.growth, "growth", 1_000_000, "jobs of the largest store")
	flag.IntVar(&o.beside, "beside", 20_000, "events that gorun and Salt's own subscriber follow")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long an idle subscriber is watched")
	write := flag.String("write", "", "the file to write; none: stdout")
	readme := flag.String("readme", "", "the README that takes some of the times; none: none does")
	drained := flag.String("drain", "", "only read that unix socket to its end, into the file that -write names: the limit of a flood")
	flag.Parse()
	if *drained != "" {
		if err := drain(*drained, *write); err != nil {
			slog.Error("drain", "error", err)
			os.Exit(1)
		}
		return
	}
	if flag.NArg() > 0 || o.jobs < minJobs || o.rounds < 1 || o.events < 1000 || o.growth < 1000 || o.beside < 1000 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := run(ctx, o, *write, *readme); err != nil {
		slog.Error("bench", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, path, readme string) error {
	var err error
	if o.gorun, err = filepath.Abs(o.gorun); err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := r.print(&page); err != nil {
		return err
	}
	if path == "" {
		_, err = os.Stdout.Write(page.Bytes())
		return err
	}
	for i, g := range r.Growths {
		name := filepath.Join(filepath.Dir(path), chartName(i))
		if err := os.WriteFile(name, []byte(chart(g.Title, g.Unit, g.Lines())), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil || readme == "" {
		return err
	}
	return writeReadme(readme, page.Bytes())
}

// measure takes all measurements, one after the other: each has the machine for itself.
func measure(ctx context.Context, o options) (r *report, err error) {
	r = &report{Version: o.version, Jobs: o.jobs, Rounds: o.rounds, Machine: readMachine(), Date: time.Now().UTC()}
	version, err := runProcess(exec.CommandContext(ctx, o.gorun, "--version"))
	if err != nil {
		return nil, err
	}
	r.Gorun = strings.TrimSpace(string(version.stdout))
	// A short path: the names of unix sockets have a limit.
	dir, err := os.MkdirTemp("/tmp", "gorun-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if r.Nothing, err = nothing(ctx); err != nil {
		return nil, err
	}
	if err := stage("beside a Salt "+o.version, func() error { return r.answers(ctx, o) }); err != nil {
		return nil, err
	}
	if err := r.alone(ctx, o, dir); err != nil {
		return nil, err
	}
	r.LoadAfter, r.Took = load(), time.Since(r.Date)
	return r, nil
}

// alone measures what needs no Salt, each below dir.
func (r *report) alone(ctx context.Context, o options, dir string) error {
	for _, flood := range floods(o.events) {
		err := stage("a flood of "+flood.name, func() error {
			f, err := flood.measure(ctx, o.gorun, filepath.Join(dir, flood.name), true)
			r.Floods = append(r.Floods, f)
			return err
		})
		if err != nil {
			return err
		}
	}
	for i, scale := range scales(o.growth) {
		err := stage("growth: "+scale.title, func() error {
			g, err := scale.measure(ctx, o.gorun, filepath.Join(dir, fmt.Sprint("growth", i)))
			r.Growths = append(r.Growths, g)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name    string
		measure func() error
	}{
		{"idle", func() (err error) {
			r.Idle, err = measureIdle(ctx, o.gorun, filepath.Join(dir, "idle"), o.idle)
			return err
		}},
		{"scrapes", func() (err error) {
			r.Scrapes, err = measureScrapes(ctx, o.gorun, filepath.Join(dir, "scrapes"), o.events)
			return err
		}},
		{"latency", func() (err error) {
			r.Latency, err = measureLatency(ctx, o.gorun, filepath.Join(dir, "latency"))
			return err
		}},
		{"go benchmarks", func() (err error) {
			r.GoBenchmarks, err = goBenchmarks(ctx)
			return err
		}},
	} {
		if err := stage(s.name, s.measure); err != nil {
			return err
		}
	}
	return nil
}

// stage says on stderr what is being measured, and how long that took.
func stage(name string, measure func() error) error {
	start := time.Now()
	slog.Info(name)
	if err := measure(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	slog.Info(name, "took", time.Since(start).Round(time.Second/10))
	return nil
}
