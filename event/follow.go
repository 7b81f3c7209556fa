package event

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A Handler is told what happens on a bus. Its methods are called by one goroutine,
// which reads nothing meanwhile: newer masters drop a reader that is slow, and older
// ones keep in memory what it has not read.
type Handler interface {
	// Connected is called when a connection stands, with FormUnknown on a stream bus that
	// has been silent so far, and then again when its first message has shown the form.
	Connected(Form)
	// Message is called with the body of each message, for Decode; it is valid until
	// Message returns.
	Message(body []byte)
	// Skipped is called for each message that could not be read, with ErrTooLarge or
	// ErrMalformed.
	Skipped(reason error)
	// Disconnected is called when a connection has ended, other than by the context;
	// events are missed from then on until Connected. It is called as well when no
	// connection comes about, once for each reason in a row.
	Disconnected(err error)
}

// Follow keeps a connection to the bus and hands h what comes. It takes a lost
// connection up again, after waits that grow up to 5 seconds; a socket that is not there
// yet, or may not be read, is waited for likewise. It returns nil when ctx ends, and
// ErrConfig at once.
func Follow(ctx context.Context, cfg Config, h Handler) error {
	var wait backoff
	reason := "" // why there is no connection, as h was told last
	for {
		src, err := Dial(ctx, cfg)
		switch {
		case ctx.Err() != nil:
			if src != nil {
				_ = src.Close()
			}
			return nil
		case errors.Is(err, ErrConfig):
			return err
		case err == nil:
			reason = ""
			h.Connected(src.Form())
			err = deliver(src, cfg, h, &wait)
			if ctx.Err() != nil {
				return nil
			}
			h.Disconnected(err)
		case err.Error() != reason:
			reason = err.Error()
			h.Disconnected(err)
		}
		if wait.sleep(ctx) != nil {
			return nil
		}
	}
}

// deliver hands messages over until the connection ends, and returns why it did. Waits
// start anew once a connection has shown itself to be good: by a message, or by lasting.
func deliver(src Source, cfg Config, h Handler, wait *backoff) error {
	defer func() { _ = src.Close() }() // it has ended already
	since := time.Now()
	form, told := FormUnknown, src.Form()
	for {
		body, err := src.Next()
		switch {
		case err == nil:
			if form == FormUnknown {
				form = src.Form()
				cfg.log().Debug("event bus speaks", "form", form.String())
				wait.reset()
				if form != told {
					h.Connected(form)
				}
			}
			h.Message(body)
		case passedOver(err):
			h.Skipped(err)
		default:
			if time.Since(since) > maxWait {
				wait.reset()
			}
			return err
		}
	}
}

const (
	minWait = 100 * time.Millisecond
	maxWait = 5 * time.Second
)

// backoff is the wait between two attempts. The zero value starts with the shortest.
type backoff struct {
	last time.Duration
}

func (b *backoff) reset() { b.last = 0 }

// next returns the next wait: it doubles up to maxWait, less up to a half by chance, so
// that the followers of a restarted master do not come all at once.
func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, minWait), maxWait)
	return b.last - rand.N(b.last/2)
}

// sleep waits, and returns the error of ctx if that ends first.
func (b *backoff) sleep(ctx context.Context) error {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
