package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/internal/subscriber"
	"gorun/jobcache"
)

// runRepair looks through the whole of Salt's job cache: the subscriber does it, or, where
// none runs, this process.
func (p *program) runRepair(c *cli.Context) error {
	log, err := p.logger(c)
	if err != nil {
		return err
	}
	conf, err := p.load(c, log)
	if err != nil {
		return err
	}
	if _, err := keptCache(conf, log); err != nil {
		return err
	}
	before, err := repaired(c.Context, storePath(conf))
	if errors.Is(err, jobcache.ErrNoStore) {
		p.say("nothing to repair: no subscriber has ever run, and jobs.* read salt's job cache itself")
		return nil
	}
	if err != nil {
		return err
	}
	if err := becomeUser(conf.User, filepath.Dir(storePath(conf))); err != nil { // as the subscriber does
		return err
	}
	err = subscriber.Repair(c.Context, p.subscription(conf, log))
	if errors.Is(err, jobcache.ErrLocked) {
		err = p.askForRepair(c.Context, storePath(conf))
	}
	if err != nil {
		return err
	}
	after, err := repaired(c.Context, storePath(conf))
	if err != nil {
		return err
	}
	p.say("%d jobs were mended from salt's job cache", after.Repaired-before.Repaired)
	for _, h := range after.Holes {
		p.say("events are missing %s", h)
		if !h.Until.IsZero() { // one that lasts is no fault of the repair
			err = errStale
		}
	}
	return err
}

// repaired is what the store says.
func repaired(ctx context.Context, path string) (s jobcache.Status, err error) {
	reader, err := jobcache.OpenReader(path)
	if err != nil {
		return s, err
	}
	defer closing(reader, &err)
	return reader.Status(ctx, time.Now())
}

// askForRepair has the running subscriber repair, and waits until it has.
func (p *program) askForRepair(ctx context.Context, path string) error {
	asked := time.Now()
	pid, err := jobcache.Holder(path)
	if err != nil {
		return err
	}
	if pid == 0 {
		return fmt.Errorf("%w: by whom is not known", jobcache.ErrLocked)
	}
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		return fmt.Errorf("ask the subscriber, pid %d: %w", pid, err)
	}
	progress := p.showProgress()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
		done, now, err := fulfilled(ctx, path, asked)
		if err != nil {
			return err
		}
		if progress != nil && now.All > 0 {
			progress(now)
		}
		if done {
			return nil
		}
		if holder, err := jobcache.Holder(path); err == nil && holder != pid {
			return fmt.Errorf("the subscriber, pid %d, has ended meanwhile", pid)
		}
	}
}

// fulfilled tells whether a wish of that time has been, and how far it is.
func fulfilled(ctx context.Context, path string, asked time.Time) (done bool, now jobcache.Repair, err error) {
	reader, err := jobcache.OpenReader(path)
	if err != nil {
		return false, now, err
	}
	defer closing(reader, &err)
	_, holes, err := reader.Coverage(ctx)
	for _, h := range holes {
		done = done || h.Reason == jobcache.Asked && !h.Filled.IsZero() && !h.Until.Before(asked.Truncate(time.Microsecond))
	}
	if err != nil {
		return false, now, err
	}
	status, err := reader.Status(ctx, time.Now())
	return done, status.Repair, err
}
