package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// flood is a number of events that come as fast as they can be stored.
type flood struct {
	name   string
	frames func() [][]byte
	// ask are questions to the store that it leaves.
	ask [][]string
}

func floods(n int) []flood {
	return []flood{
		{"announcements", func() [][]byte { return announcements(n, 2) }, [][]string{
			{"jobs.list_jobs"}, {"--out=json", "jobs.list_jobs"}, {"jobs.list_jobs", "search_function=no.such"},
			{"jobs.list_jobs_filter", "20"}, {"jobs.last_run", "function=cmd.run"},
		}},
		{"small returns", func() [][]byte { return returns(n, 0) }, nil},
		{"state returns", func() [][]byte { return returns(n, 2) }, nil},
	}
}

// announcements are n jobs to that many minions each.
func announcements(n, minions int) [][]byte {
	frames, ids := make([][]byte, n), names(minions)
	for i := range n {
		frames[i] = newJob(i, ids).announcement()
	}
	return frames
}

// returns are n events of jobs to 99 minions each, all of one kind of newJob.
func returns(n, kind int) [][]byte {
	minions := names(99)
	frames := make([][]byte, 0, n+100)
	for i := 1; len(frames) < n; i++ {
		frames = append(frames, newJob(4*i+kind, minions).events()...)
	}
	return frames[:n]
}

// floodResult is what a flood cost the subscriber.
type floodResult struct {
	Name          string
	Events        int
	EventBytes    float64 // mean, with its framing
	PerSecond     float64
	CPUPerEvent   time.Duration
	PeakMemory    int64 // bytes, of the process
	BytesPerEvent float64
	Answers       []answerTime
	// Limit is what a process takes that reads the same bytes and writes them to a file.
	Limit struct {
		PerSecond   float64
		CPUPerEvent time.Duration
	}
}

// answerTime is the median of whole processes.
type answerTime struct {
	Question  string
	Wall, CPU time.Duration
	Bytes     int
	Memory    int64 // the most, of one more run
	// Limit is what `cat` takes to start and to write the same bytes.
	Limit time.Duration
}

// Ratio is how many times the limit it took.
func (a answerTime) Ratio() float64 { return float64(a.Wall) / float64(a.Limit) }

// measure plays the flood to a subscriber and asks about it; limited asks for the limit as well.
func (f flood) measure(ctx context.Context, gorun, dir string, limited bool) (_ floodResult, err error) {
	frames := f.frames()
	r := floodResult{Name: f.name, Events: len(frames)}
	for _, frame := range frames {
		r.EventBytes += float64(len(frame)) / float64(len(frames))
	}
	s, err := newSite(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.listener.Close()) }()
	sub, conn, err := s.subscribe(ctx, gorun)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sub.stop(), conn.Close()) }()
	start := time.Now()
	if err := play(ctx, conn, sub, frames); err != nil {
		return r, err
	}
	wall := time.Since(start)
	if r.Answers, err = askAll(ctx, gorun, s.config, dir, f.ask); err != nil {
		return r, err
	}
	if r.PeakMemory, err = peakMemory(sub.cmd.Process.Pid); err != nil {
		return r, err
	}
	if err := sub.stop(); err != nil {
		return r, err
	}
	r.PerSecond = float64(r.Events) / wall.Seconds()
	r.CPUPerEvent = cpuOf(sub.cmd.ProcessState) / time.Duration(r.Events)
	if limited {
		took, cpu, err := transport(ctx, frames, dir)
		if err != nil {
			return r, err
		}
		r.Limit.PerSecond, r.Limit.CPUPerEvent = float64(r.Events)/took.Seconds(), cpu/time.Duration(r.Events)
	}
	size, err := diskUsage(filepath.Dir(sub.store))
	r.BytesPerEvent = float64(size.Bytes) / float64(r.Events)
	return r, errors.Join(err, os.RemoveAll(s.cachedir))
}

// askRounds is how often each of a flood's questions is put.
const askRounds = 5

func askAll(ctx context.Context, gorun, config, dir string, questions [][]string) ([]answerTime, error) {
	var all []answerTime
	for _, q := range questions {
		var walls, cpus []time.Duration
		a := answerTime{Question: question{args: q}.String()}
		command := func() *exec.Cmd {
			return exec.CommandContext(ctx, gorun, append([]string{"-c", config}, q...)...)
		}
		answer, err := runProcess(command(), statusStale) // for the time before the flood
		if err != nil {
			return nil, err
		}
		for range askRounds {
			c, err := timeProcess(command(), unread{}, statusStale)
			if err != nil {
				return nil, err
			}
			walls, cpus = append(walls, c.wall), append(cpus, c.cpu)
		}
		a.Wall, a.CPU, a.Bytes = median(walls), median(cpus), len(answer.stdout)
		if a.Limit, err = limit(ctx, answer.stdout, dir); err != nil {
			return nil, err
		}
		watched := command()
		if err := watched.Start(); err != nil {
			return nil, err
		}
		peak := watchMemory(watched.Process.Pid)
		if err := watched.Wait(); err != nil && watched.ProcessState.ExitCode() != statusStale {
			return nil, fmt.Errorf("%s: %w", watched, err)
		}
		a.Memory = <-peak
		all = append(all, a)
	}
	return all, nil
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}
