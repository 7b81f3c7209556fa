package localclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gorun/event"
	"gorun/value"
)

// listener keeps what the bus tells of some jobs. It reads always and stores what nobody
// has asked for yet: a master drops a reader that is slow.
type listener struct {
	end     context.CancelFunc
	running sync.WaitGroup
	// ready has an element when there is something new: a message, or the connection.
	ready chan struct{}

	mu        sync.Mutex
	prefixes  []string // of the tags that are kept
	all       bool     // keep whatever may become wanted
	queue     []message
	connected bool
	gaps      int // how often the connection was lost and came back
	err       error
}

// message is an event that is kept.
type message struct {
	tag     string
	syndics int // how many masters it came through
	data    value.Raw
}

// maybe begins the tags that a job or a runner not yet known by its jid can have.
var maybe = []string{"salt/job/", "salt/run/"}

// listen connects to the bus within the given time.
func listen(ctx context.Context, bus event.Config, within time.Duration) (*listener, error) {
	own, cancel := context.WithCancel(ctx)
	l := &listener{end: cancel, ready: make(chan struct{}, 1)}
	l.running.Go(func() {
		if err := event.Follow(own, bus, l); err != nil {
			l.Disconnected(err)
		}
	})
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-l.ready:
	case <-timer.C:
		l.close()
		return nil, fmt.Errorf("%w: no connection within %s", ErrNoBus, within)
	case <-ctx.Done():
		l.close()
		return nil, ctx.Err()
	}
	if connected, _, err := l.state(); !connected {
		l.close()
		return nil, fmt.Errorf("%w: %w", ErrNoBus, err)
	}
	return l, nil
}

// close ends the connection and waits until it has ended.
func (l *listener) close() {
	l.end()
	l.running.Wait()
}

func (l *listener) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// expect keeps events whose tag begins so. A nil listener expects nothing.
func (l *listener) expect(prefix string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prefixes = append(l.prefixes, prefix)
}

// expectAll keeps every event of jobs and runners while the jid of one is not known yet;
// then those that nobody expects are let go. A nil listener expects nothing.
func (l *listener) expectAll(all bool) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = all
	if !all {
		l.queue = slices.DeleteFunc(l.queue, func(m message) bool { return !begins(m.tag, l.prefixes) })
	}
}

func begins(tag string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(tag, p) })
}

// take returns what has come since.
func (l *listener) take() []message {
	l.mu.Lock()
	defer l.mu.Unlock()
	messages := l.queue
	l.queue = nil
	return messages
}

// state tells whether the bus is connected, how often it was lost before, and why it is
// not.
func (l *listener) state() (connected bool, gaps int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected, l.gaps, l.err
}

// Connected, Message, Skipped and Disconnected are called by event.Follow.

// Connected notes a connection; on a stream bus it is told again when its form is known.
func (l *listener) Connected(event.Form) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && !l.connected {
		l.gaps++
	}
	l.connected = true
	l.wake()
}

// Disconnected notes that there is none.
func (l *listener) Disconnected(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connected, l.err = false, err
	l.wake()
}

// Message keeps an event that is wanted.
func (l *listener) Message(body []byte) {
	ev, err := event.Decode(body)
	if err != nil {
		return
	}
	tag, syndics := ev.Tag, len(event.ParseTag(ev.Tag).Syndics)
	for range syndics { // syndic/<id>/
		_, tag, _ = strings.Cut(tag, "/")
		_, tag, _ = strings.Cut(tag, "/")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if begins(tag, l.prefixes) || l.all && begins(tag, maybe) {
		l.queue = append(l.queue, message{tag, syndics, slices.Clone(ev.Data)})
		l.wake()
	}
}

// Skipped is told of what could not be read: no event that is waited for.
func (l *listener) Skipped(error) {}

var _ event.Handler = (*listener)(nil)
