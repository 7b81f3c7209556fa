package localclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorun/value"
)

// gathering is the wait for the returns to one job, as
// salt.client.LocalClient.get_iter_returns has it.
type gathering struct {
	client *Client
	bus    *listener
	job    Job
	result *Result

	jids     []string            // of the job: it may have been sent again
	question string              // the jid of the newest find_job
	newest   string              // the jid of what was sent last
	heard    bool                // whether the bus has told anything of that
	asked    bool                // whether there was one
	expected map[string]struct{} // minions that should return
	found    map[string]bool     // that have; of a resource of a minion, its own id
	patience map[string]time.Time

	roundEnds time.Time // of the time-out, then of each round of questions
	working   bool      // somebody has answered that it is at it; before the first round, all are
	syndics   time.Time // until when further minions of syndics may be told of
	gaps      int       // of the bus, as far as they were made good
	lostSince time.Time // since when the master cannot be asked; zero: it can
}

func newGathering(c *Client, l *listener, job Job, p published, result *Result) *gathering {
	now := time.Now()
	g := &gathering{
		client: c, bus: l, job: job, result: result, jids: []string{p.jid}, newest: p.jid, heard: p.jid == "",
		expected: make(map[string]struct{}), found: make(map[string]bool), patience: make(map[string]time.Time),
		roundEnds: now.Add(job.Timeout), working: true, syndics: now.Add(c.SyndicWait),
	}
	for _, id := range p.minions {
		g.expected[id] = struct{}{}
		result.Outcomes[id] = Silent
	}
	return g
}

// run waits until all have returned, or nobody is at it any more.
func (g *gathering) run(ctx context.Context) error {
	for {
		for _, m := range g.bus.take() {
			g.take(m)
		}
		now := time.Now()
		if g.complete(now) {
			return nil
		}
		for id := range g.expected {
			if _, ok := g.patience[id]; !ok {
				g.patience[id] = now.Add(g.job.Timeout)
			}
		}
		up, err := g.connection(now)
		if err != nil {
			return err
		}
		if up && now.After(g.roundEnds) && g.working {
			if err := g.ask(ctx, now); err != nil {
				return err
			}
		}
		if up && g.over(now) {
			if !g.heard { // the master itself announces what it sends
				return fmt.Errorf("%w: not even that %s was sent", ErrSilent, g.newest)
			}
			return nil
		}
		if err := g.wait(ctx, now); err != nil {
			return err
		}
	}
}

// pending lists who has not returned.
func (g *gathering) pending() []string {
	var ids []string
	for id := range g.expected {
		if !g.found[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// complete tells whether all have returned. Syndics may have more to come.
func (g *gathering) complete(now time.Time) bool {
	if len(g.pending()) > 0 {
		return false
	}
	return !g.client.OrderMasters || len(g.expected) > 0 && now.After(g.syndics)
}

// over tells whether the last round of questions has ended with nobody at it.
func (g *gathering) over(now time.Time) bool {
	if g.working || !now.After(g.roundEnds) {
		return false
	}
	return !slices.ContainsFunc(g.pending(), func(id string) bool { return now.Before(g.patience[id]) })
}

// wait lasts until something comes, or something is due.
func (g *gathering) wait(ctx context.Context, now time.Time) error {
	due := g.roundEnds
	if !now.Before(due) { // what is left is the patience with one or the other
		due = now.Add(time.Second)
		for _, id := range g.pending() {
			if p := g.patience[id]; p.After(now) && p.Before(due) {
				due = p
			}
		}
	}
	if g.client.OrderMasters && g.syndics.After(now) && g.syndics.Before(due) {
		due = g.syndics
	}
	timer := time.NewTimer(due.Sub(now) + time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.bus.ready:
	case <-timer.C:
	}
	return nil
}

// connection follows whether the bus is there. When it is back from a gap, the job itself
// or the question about it is due at once. It is ErrLost when it stays away.
func (g *gathering) connection(now time.Time) (up bool, err error) {
	connected, gaps, cause := g.bus.state()
	if !connected {
		return false, g.lost(now, cause)
	}
	if gaps > g.gaps {
		g.gaps = gaps
		g.lostSince = time.Time{}
		g.working, g.roundEnds = true, now.Add(-time.Millisecond)
	}
	return true, nil
}

// lost is ErrLost when the master has been away for longer than minions would be waited
// for.
func (g *gathering) lost(now time.Time, cause error) error {
	if g.lostSince.IsZero() {
		g.lostSince = now
	}
	if now.Sub(g.lostSince) > max(g.job.Timeout+g.job.GatherJobTimeout, minRequest) {
		return fmt.Errorf("%w: %w", ErrLost, cause)
	}
	return nil
}

// ask begins a round: those that have not returned are asked whether they are at it.
func (g *gathering) ask(ctx context.Context, now time.Time) error {
	ids := value.List{}
	for _, id := range g.pending() {
		ids = append(ids, id)
	}
	question := Job{
		Tgt: ids, TgtType: "list", Fun: "saltutil.find_job", Arg: value.List{g.jids[len(g.jids)-1]},
		Timeout: g.job.GatherJobTimeout, Metadata: g.job.Metadata,
	}
	again := g.gaps > 0 && g.job.Repeatable
	if again {
		question = g.job
		question.Tgt, question.TgtType = ids, "list"
	}
	g.roundEnds = now.Add(g.job.GatherJobTimeout)
	if g.client.OrderMasters {
		g.roundEnds = g.roundEnds.Add(g.client.SyndicWait)
	}
	g.working = false
	if len(ids) == 0 {
		return nil
	}
	p, err := g.client.publish(ctx, g.bus, question)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // a master that is being started anew
		g.working, g.roundEnds = true, time.Now().Add(retryAfter)
		return g.lost(now, err)
	}
	g.lostSince, g.asked = time.Time{}, true
	if p.jid != "" {
		g.newest, g.heard = p.jid, false
	}
	if p.jid != "" && again {
		g.jids = append(g.jids, p.jid)
	} else if p.jid != "" {
		g.question = p.jid
	}
	return nil
}

// retryAfter is how soon a master that could not be asked is asked again.
const retryAfter = 500 * time.Millisecond

// take takes one event in.
func (g *gathering) take(m message) {
	jid, what, _ := strings.Cut(strings.TrimPrefix(m.tag, "salt/job/"), "/")
	g.heard = g.heard || jid == g.newest
	isReturn := strings.HasPrefix(what, "ret/") && m.syndics == 0
	v, err := m.data.Decode()
	data, ok := v.(*value.Map)
	if err != nil || !ok {
		g.client.log().Warn("an event cannot be read", "tag", m.tag, "error", err)
		return
	}
	switch {
	case slices.Contains(g.jids, jid):
		g.ofJob(data, isReturn)
	case jid == g.question:
		g.ofQuestion(data, isReturn)
	}
}

// ofJob takes a return, or who is to return.
func (g *gathering) ofJob(data *value.Map, isReturn bool) {
	if minions, ok := data.Get("minions"); ok {
		g.expect(minions)
		return
	}
	if _, ok := data.Get("return"); !ok || !isReturn {
		return
	}
	id := displayID(data)
	if id == "" || g.found[id] {
		return
	}
	g.found[id] = true
	g.result.Replies = append(g.result.Replies, Reply{id, data})
	g.result.Outcomes[id] = Returned
	if g.asked {
		g.result.Outcomes[id] = ReturnedLate
	}
}

// displayID is the minion's id, or that of a resource that a minion has returned for.
func displayID(data *value.Map) string {
	for _, key := range []string{"resource_id", "id"} {
		v, _ := data.Get(key)
		if id, _ := text(v); id != "" {
			return id
		}
	}
	return ""
}

func (g *gathering) expect(minions value.Value) {
	list, _ := minions.(value.List)
	for _, v := range list {
		if id, ok := text(v); ok {
			g.expected[id] = struct{}{}
			if _, known := g.result.Outcomes[id]; !known {
				g.result.Outcomes[id] = Silent
			}
		}
	}
}

// ofQuestion takes the answer to a find_job: a map of the job, empty where the minion is
// not at it.
func (g *gathering) ofQuestion(data *value.Map, isReturn bool) {
	id := displayID(data)
	if minions, ok := data.Get("minions"); ok {
		g.expect(minions)
		return
	}
	answer, ok := data.Get("return")
	if !ok || !isReturn || id == "" {
		return
	}
	if retcode, _ := data.Get("retcode"); value.Truth(retcode) && !negative(retcode) {
		g.client.log().Warn("a minion fails to say whether it is still at the job", "minion", id)
		delete(g.expected, id)
		return
	}
	if m, ok := answer.(*value.Map); !ok || m.Len() == 0 || emptyReturn(m) {
		if !g.found[id] {
			g.result.Outcomes[id] = NotAtIt
		}
		return
	}
	g.expected[id] = struct{}{}
	g.patience[id] = time.Now().Add(g.job.Timeout)
	g.working = true
}

func negative(v value.Value) bool {
	n, ok := v.(int64)
	return ok && n < 0
}

func emptyReturn(m *value.Map) bool {
	v, ok := m.Get("return")
	inner, isMap := v.(*value.Map)
	return ok && isMap && inner.Len() == 0
}
