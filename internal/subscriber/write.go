package subscriber

import (
	"context"
	"errors"
	"time"

	"gorun/jobcache"
)

// write runs a transaction as insist does.
func (s *subscriber) write(ctx context.Context, f func(*jobcache.Tx) error) error {
	return s.insist(ctx, func() error {
		if s.cfg.stall != nil {
			s.cfg.stall()
		}
		return s.writer.Update(context.WithoutCancel(ctx), f)
	})
}

// insist writes again and again as long as the disk does not take it: what the bus says
// waits in the queue meanwhile, up to its bound.
func (s *subscriber) insist(ctx context.Context, write func() error) error {
	for {
		err := write()
		switch {
		case err == nil:
			if s.blocked {
				s.blocked = false
				s.log.Warn("the job cache can be written again")
			}
			return nil
		case !errors.Is(err, jobcache.ErrBlocked):
			return err
		case !s.blocked:
			s.blocked = true
			s.log.Error("the job cache cannot be written; what the bus says is held up to queue_size", "error", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryEvery):
		}
	}
}

// retryEvery is how long a disk that does not take anything is left alone.
const retryEvery = 500 * time.Millisecond

// filling is what the repairer wants to write.
type filling struct {
	f    func(*jobcache.Tx) error
	done chan error
}

// fill writes when nothing from the bus waits.
func (s *subscriber) fill(ctx context.Context, f func(*jobcache.Tx) error) error {
	done := make(chan error, 1)
	select {
	case s.fills <- filling{f, done}:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}
