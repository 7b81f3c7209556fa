package main

import (
	"context"
	"time"

	"gorun/jobcache"
	"gorun/runners"
)

// noCache answers every question to the job cache with the reason why there is none.
type noCache struct {
	err error
}

var _ runners.Cache = noCache{}

func (n noCache) Job(context.Context, string) (*jobcache.Job, error) { return nil, n.err }

func (n noCache) Jobs(context.Context, jobcache.Selection, func(*jobcache.Job) error) error {
	return n.err
}

func (n noCache) Returns(context.Context, string, func(*jobcache.Return) error) error { return n.err }

func (n noCache) Returned(context.Context, string) ([]string, error) { return nil, n.err }

func (n noCache) Failures(context.Context, string, func(jobcache.Failure)) error { return n.err }

func (n noCache) Minions(context.Context) (map[string]jobcache.Minion, error) { return nil, n.err }

func (n noCache) Status(context.Context, time.Time) (jobcache.Status, error) {
	return jobcache.Status{}, n.err
}

func (n noCache) Close() error { return nil }
