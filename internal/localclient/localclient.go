// Package localclient sends commands through the running master and gathers what comes
// back, as salt.client.LocalClient and salt.client.mixins do: it listens on the event bus
// before it asks, so that no answer can be missed.
package localclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorun/event"
	"gorun/value"
)

var (
	// ErrNoBus is returned when the master's event bus cannot be listened to: without it
	// no answer would ever be heard.
	ErrNoBus = errors.New("cannot listen to the master's event bus")
	// ErrLost is returned when the master went away while answers were awaited, and did
	// not come back.
	ErrLost = errors.New("the master went away")
	// ErrSilent is returned when the bus told nothing of a job, not even the master's own
	// announcement: nobody is down for that.
	ErrSilent = errors.New("the master's event bus is silent")
	// ErrTarget is returned when a target names a nodegroup that there is not.
	ErrTarget = errors.New("target")
	// ErrReply is returned when the master's answer lacks what it must have.
	ErrReply = errors.New("the master's answer makes no sense")
)

// An Asker puts a load to the master and returns the reply (internal/master.Client).
type Asker interface {
	Ask(ctx context.Context, load *value.Map) (value.Value, error)
}

// A Client sends commands through one master. The names are those of Salt's settings.
type Client struct {
	Bus    event.Config
	Master Asker
	// Timeout is how long minions have, GatherJobTimeout how long those that have not
	// returned have to say whether they are still at it.
	Timeout, GatherJobTimeout time.Duration
	// OrderMasters is set for a master of syndics, to which SyndicWait gives the time to
	// tell of their minions.
	OrderMasters bool
	SyndicWait   time.Duration
	Nodegroups   *value.Map
	// ExtJobCache is the returner that minions are told of.
	ExtJobCache string
	Log         *slog.Logger // nil: no log
}

func (c *Client) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// A Job is what minions are to do.
type Job struct {
	Tgt     value.Value
	TgtType string
	Fun     string
	Arg     value.List
	// Timeout and GatherJobTimeout are the client's where they are 0.
	Timeout, GatherJobTimeout time.Duration
	// Metadata travels with the job and is kept with it, nil for none.
	Metadata value.Value
	// Repeatable is set where it does no harm if a minion does it twice. A master that is
	// started anew may have lost the job or a return: such a job is then sent again to
	// those that have not returned.
	Repeatable bool
}

// An Outcome is what became of a minion's part of a job, as Salt judges it.
type Outcome int

// The outcomes.
const (
	// Silent: neither a return nor an answer to the newest question after it.
	Silent Outcome = iota
	// Returned: within the time-out.
	Returned
	// ReturnedLate: after it had been asked whether it was still at it.
	ReturnedLate
	// NotAtIt: it answered that it was not at it (any more), and never returned.
	NotAtIt
)

var outcomeNames = [...]string{"silent", "returned", "returned late", "not at it"}

func (o Outcome) String() string { return outcomeNames[o] }

// A Reply is what one minion returned.
type Reply struct {
	Minion string
	Event  *value.Map // the whole return event
}

// A Result is what came of a job.
type Result struct {
	// JID is empty where the target matched no minion: nothing was sent.
	JID string
	// Minions are those that the master sent the job to, as it names them.
	Minions []string
	// Replies are the returns, in the order in which they came: minions that nobody
	// expected are among them where they returned.
	Replies []Reply
	// Outcomes has each minion that was expected, those of syndics as well.
	Outcomes map[string]Outcome
}

// minRequest is how long the master has to take a request, however short the time-out of
// minions: it has nothing to do with them. A variable for tests.
var minRequest = 5 * time.Second

// Run sends a job and gathers its returns, until all have returned or nobody is at it any
// more. Errors are ErrNoBus, ErrLost, ErrSilent, ErrTarget, ErrReply, those of the Asker, and
// that of ctx.
func (c *Client) Run(ctx context.Context, job Job) (*Result, error) {
	if job.Timeout == 0 {
		job.Timeout = c.Timeout
	}
	if job.GatherJobTimeout == 0 {
		job.GatherJobTimeout = c.GatherJobTimeout
	}
	var err error
	if job.Tgt, job.TgtType, err = c.resolve(job.Tgt, job.TgtType); err != nil {
		return nil, err
	}
	l, err := listen(ctx, c.Bus, max(job.Timeout, minRequest))
	if err != nil {
		return nil, err
	}
	defer l.close()
	p, err := c.publish(ctx, l, job)
	if err != nil {
		return nil, err
	}
	result := &Result{Minions: p.minions, Outcomes: make(map[string]Outcome)}
	if len(p.minions) == 0 && !c.OrderMasters {
		return result, nil
	}
	result.JID = p.jid
	g := newGathering(c, l, job, p, result)
	if err := g.run(ctx); err != nil {
		return nil, err
	}
	return result, nil
}

// Publish sends a job and waits for nothing but the master's word that it has: what comes of it
// is for those who listen anyway. Its errors are those of Run.
func (c *Client) Publish(ctx context.Context, job Job) (jid string, err error) {
	if job.Timeout == 0 {
		job.Timeout = c.Timeout
	}
	if job.Tgt, job.TgtType, err = c.resolve(job.Tgt, job.TgtType); err != nil {
		return "", err
	}
	p, err := c.publish(ctx, nil, job)
	return p.jid, err
}

// published is what the master says to a job.
type published struct {
	jid     string
	minions []string
}

// publish sends a job, having l keep what may be about it until its jid is known.
func (c *Client) publish(ctx context.Context, l *listener, job Job) (published, error) {
	load := value.NewMap(
		"cmd", "publish", "tgt", job.Tgt, "fun", job.Fun, "arg", job.Arg, "tgt_type", job.TgtType,
		"ret", c.ExtJobCache, "jid", "")
	if job.Arg == nil {
		load.Set("arg", value.List{})
	}
	if job.Metadata != nil {
		load.Set("kwargs", value.NewMap("metadata", job.Metadata))
	}
	if c.OrderMasters {
		load.Set("to", int64(job.Timeout/time.Second))
	}
	l.expectAll(true)
	defer l.expectAll(false)
	ctx, cancel := context.WithTimeout(ctx, max(job.Timeout, minRequest))
	defer cancel()
	reply, err := c.Master.Ask(ctx, load)
	if err != nil {
		return published{}, err
	}
	p, err := readPublished(reply)
	if err == nil && p.jid != "" {
		c.log().Debug("sent a job", "fun", job.Fun, "jid", p.jid, "minions", len(p.minions))
		l.expect("salt/job/" + p.jid + "/")
	}
	return p, err
}

func readPublished(reply value.Value) (p published, err error) {
	m, _ := reply.(*value.Map)
	v, _ := m.Get("load")
	load, ok := v.(*value.Map)
	if !ok {
		return p, fmt.Errorf("%w: it says nothing of the job", ErrReply)
	}
	v, _ = load.Get("minions")
	list, _ := v.(value.List)
	for _, id := range list {
		if s, ok := text(id); ok {
			p.minions = append(p.minions, s)
		}
	}
	v, _ = load.Get("jid")
	if v == nil { // nobody matched
		return published{}, nil
	}
	if p.jid, ok = text(v); !ok {
		return p, fmt.Errorf("%w: the job has no jid", ErrReply)
	}
	return p, nil
}

func text(v value.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case value.Bytes:
		return string(v), true
	}
	return "", false
}
