package localclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorun/value"
)

// ErrTimeout is returned when a runner has not ended in the time that it had.
var ErrTimeout = errors.New("the runner has not ended in time")

// A Runner is a call of a runner on the running master.
type Runner struct {
	Fun   string
	Arg   value.List
	Kwarg *value.Map
	// RequestTimeout is how long the master has to take the call.
	RequestTimeout time.Duration
	// Timeout bounds the runner itself; 0: it may take as long as it likes, as salt-run
	// lets it.
	Timeout time.Duration
	// Progress is told each event that the runner fires: what follows its tag, and the
	// data. nil: nobody is.
	Progress func(suffix string, data *value.Map)
	// Unheard, where set, is called once if the runner has told nothing for a while after
	// the master took it: up to 3008 at least, one that is no function never will. An error
	// ends the call.
	Unheard func(ctx context.Context) error
	// Ended, where set, tells whether a runner is no longer at work, and what it has
	// returned (its ret event), nil where that is not known. It is asked when the bus has
	// been silent for long, or was lost for a while.
	Ended func(jid string) (ended bool, ret *value.Map)
}

// Start has the master start a runner, and returns its jid and tag at once.
func (c *Client) Start(ctx context.Context, r Runner) (jid, tag string, err error) {
	kwarg := r.Kwarg
	if kwarg == nil {
		kwarg = value.NewMap()
	}
	arg := r.Arg
	if arg == nil {
		arg = value.List{}
	}
	load := value.NewMap("cmd", "runner", "fun", r.Fun, "kwarg", value.NewMap("arg", arg, "kwarg", kwarg))
	ctx, cancel := context.WithTimeout(ctx, r.RequestTimeout)
	defer cancel()
	reply, err := c.Master.Ask(ctx, load)
	if err != nil {
		return "", "", err
	}
	m, _ := reply.(*value.Map)
	v, _ := m.Get("jid")
	jid, _ = text(v)
	v, _ = m.Get("tag")
	tag, _ = text(v)
	if jid == "" || tag == "" {
		return "", "", fmt.Errorf("%w: the runner has no jid", ErrReply)
	}
	return jid, tag, nil
}

const (
	// unheardFor is how long a runner needs, on a busy master, to tell of its beginning.
	unheardFor = time.Second
	// silence is after which time without an event of the runner it is looked after.
	silence = 5 * time.Second
)

// Call has the master run a runner and returns its ret event. Errors are ErrNoBus,
// ErrLost (it has ended, and what it returned cannot be had), ErrTimeout, ErrReply, those
// of the Asker, and that of ctx.
func (c *Client) Call(ctx context.Context, r Runner) (jid string, ret *value.Map, err error) {
	l, err := listen(ctx, c.Bus, r.RequestTimeout)
	if err != nil {
		return "", nil, err
	}
	defer l.close()
	l.expectAll(true)
	jid, tag, err := c.Start(ctx, r)
	if err != nil {
		return "", nil, err
	}
	l.expect(tag + "/")
	l.expectAll(false)
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Timeout, ErrTimeout)
		defer cancel()
	}
	ret, err = follow(ctx, l, r, jid, tag)
	return jid, ret, err
}

// follow hands on what a runner tells until it has ended.
func follow(ctx context.Context, l *listener, r Runner, jid, tag string) (*value.Map, error) {
	look := time.NewTicker(silence)
	defer look.Stop()
	unheard := time.NewTimer(unheardFor)
	defer unheard.Stop()
	gone := 0 // how often it was found to have ended without a word
	for {
		for _, m := range l.take() {
			gone = 0
			unheard.Stop()
			if ret := r.told(m, tag); ret != nil {
				return ret, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-l.ready:
			continue
		case <-unheard.C:
			if r.Unheard == nil {
				continue
			}
			if err := r.Unheard(ctx); err != nil {
				return nil, err
			}
			continue
		case <-look.C:
		}
		if r.Ended == nil {
			continue
		}
		ended, ret := r.Ended(jid)
		if ret != nil {
			return ret, nil
		}
		// A runner leaves the list of those at work before it tells of its end.
		if gone++; !ended {
			gone = 0
		}
		if gone >= 3 {
			return nil, fmt.Errorf("%w: runner %s has ended, and nobody knows what it returned", ErrLost, jid)
		}
	}
}

// told hands one event on; it returns the data of the last one.
func (r *Runner) told(m message, tag string) *value.Map {
	suffix, ok := strings.CutPrefix(m.tag, tag+"/")
	v, err := m.data.Decode()
	data, isMap := v.(*value.Map)
	if !ok || err != nil || !isMap || m.syndics > 0 {
		return nil
	}
	if suffix == "ret" {
		return data
	}
	if suffix != "new" && r.Progress != nil { // Salt shows no beginnings
		r.Progress(suffix, data)
	}
	return nil
}
