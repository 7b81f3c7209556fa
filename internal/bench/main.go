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
	flag.Parse()
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
	if err := r.answers(ctx, o); err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	for _, flood := range floods(o.events) {
		slog.Info("flood", "events", flood.name)
		f, err := flood.measure(ctx, o.gorun, filepath.Join(dir, flood.name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flood.name, err)
		}
		r.Floods = append(r.Floods, f)
	}
	for i, scale := range scales(o.growth) {
		g, err := scale.measure(ctx, o.gorun, filepath.Join(dir, fmt.Sprint("growth", i)))
		if err != nil {
			return nil, fmt.Errorf("growth: %w", err)
		}
		r.Growths = append(r.Growths, g)
	}
	slog.Info("idle")
	if r.Idle, err = measureIdle(ctx, o.gorun, filepath.Join(dir, "idle"), o.idle); err != nil {
		return nil, fmt.Errorf("idle: %w", err)
	}
	slog.Info("scrapes")
	if r.Scrapes, err = measureScrapes(ctx, o.gorun, filepath.Join(dir, "scrapes"), o.events); err != nil {
		return nil, fmt.Errorf("scrapes: %w", err)
	}
	slog.Info("latency")
	if r.Latency, err = measureLatency(ctx, o.gorun, filepath.Join(dir, "latency")); err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	slog.Info("go benchmarks")
	r.GoBenchmarks, err = goBenchmarks(ctx)
	return r, err
}
