// Package listen follows an event bus for people and scripts: it picks the events that are
// wanted and writes them. It keeps nothing.
package listen

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gorun/event"
	"gorun/value"
)

// Event is one event, taken apart. Data is what Salt calls so, a *value.Map.
type Event struct {
	Tag  string
	Data *value.Map
}

// Config says what to listen to, and what for.
type Config struct {
	Bus event.Config
	// QueueBytes bounds what may wait for Each; 0 is 64 MiB.
	QueueBytes int
	// Each is handed the events in order, and ends the listening with done or an error.
	Each func(Event) (done bool, err error)
	// Tell is told what happens to the connection, a fact a call.
	Tell func(format string, args ...any)
}

const defaultQueue = 64 << 20

// Heard is what a listening came to.
type Heard struct {
	// Connected is set once the bus was reached.
	Connected bool
	// Missed counts what may have been on the bus and was not handed on: connections that
	// ended, messages that could not be read, messages that there was no room for.
	Missed int
}

// Run hands events to Each until that is done or ctx ends, what was read before its end
// included. It reads on while Each is busy, for a master drops who is slow, or grows. Errors
// are event.ErrConfig and those of Each.
func Run(ctx context.Context, cfg Config) (Heard, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = defaultQueue
	}
	l := &listener{cfg: cfg, queue: event.NewQueue(cfg.QueueBytes)}
	var reading sync.WaitGroup
	var unreachable error
	reading.Go(func() {
		unreachable = event.Follow(ctx, cfg.Bus, l)
		stop()
	})
	err := l.work(ctx)
	stop()
	reading.Wait()
	return l.heard, errors.Join(err, unreachable)
}

type listener struct {
	cfg   Config
	queue *event.Queue

	mu        sync.Mutex
	heard     Heard
	connected bool // now
	full      bool // told that there is no room
}

// work hands on what comes.
func (l *listener) work(ctx context.Context) error {
	for {
		var last bool
		select {
		case <-ctx.Done():
			last = true
		case <-l.queue.Ready():
		}
		for _, msg := range l.queue.Take() {
			if done, err := l.each(msg); done || err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// each takes one message apart and hands it on.
func (l *listener) each(msg []byte) (done bool, err error) {
	e, err := decode(msg)
	if err != nil {
		l.Skipped(err)
		return false, nil
	}
	return l.cfg.Each(e)
}

func decode(msg []byte) (Event, error) {
	ev, err := event.Decode(msg)
	if err != nil {
		return Event{}, err
	}
	v, err := ev.Data.Decode()
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", ev.Tag, err)
	}
	data, ok := v.(*value.Map)
	if !ok {
		return Event{}, fmt.Errorf("event %s: %w", ev.Tag, value.ErrNotMap)
	}
	return Event{Tag: ev.Tag, Data: data}, nil
}

// Connected notes that the bus is reached; it is called once more when its form is known.
func (l *listener) Connected(event.Form) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.connected && l.heard.Missed > 0 {
		l.cfg.Tell("listening again")
	}
	l.connected, l.heard.Connected = true, true
}

// Disconnected notes that it is lost, or not to be had.
func (l *listener) Disconnected(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.connected {
		l.heard.Missed++
		l.cfg.Tell("the bus is lost, events are missed until it is back: %v", err)
	} else {
		l.cfg.Tell("warning: events will not be reported: %v", err)
	}
	l.connected = false
}

// Message queues one message.
func (l *listener) Message(msg []byte) {
	if l.queue.Put(msg) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard.Missed++
	if !l.full {
		l.full = true
		l.cfg.Tell("events come faster than they are read here: some are left out")
	}
}

// Skipped notes a message that could not be read.
func (l *listener) Skipped(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard.Missed++
	l.cfg.Tell("left out a message: %v", reason)
}

var _ event.Handler = (*listener)(nil)
