package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// latency is the time from an event's way onto an idle bus until a reader sees its job.
type latency struct {
	First, Median, Worst time.Duration // First: the first event of a connection
	Events               int
}

func measureLatency(ctx context.Context, gorun, dir string) (l latency, err error) {
	s, err := newSite(dir)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.listener.Close()) }()
	sub, conn, err := s.subscribe(ctx, gorun)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, sub.stop(), conn.Close()) }()
	const events = 101
	var all []time.Duration
	for i := range events {
		j := newJob(i, value.List{"web-00000"})
		frame := j.announcement()
		start := time.Now()
		if _, err := conn.Write(frame); err != nil {
			return l, err
		}
		err := poll(ctx, 50*time.Microsecond, func() (bool, error) {
			_, err := sub.reader.Job(ctx, j.jid)
			if errors.Is(err, jobcache.ErrUnknownJob) {
				return false, nil
			}
			return err == nil, err
		})
		if err != nil {
			return l, err
		}
		all = append(all, time.Since(start))
		time.Sleep(10 * time.Millisecond)
	}
	l.First, all = all[0], all[1:]
	slices.Sort(all)
	l.Median, l.Worst, l.Events = all[len(all)/2], all[len(all)-1], len(all)
	return l, nil
}
