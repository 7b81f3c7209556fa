package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gorun/event"
	"gorun/internal/localclient"
	"gorun/internal/master"
	"gorun/runners"
	"gorun/value"
)

// runningMaster asks the running master in the name of a question. Nothing of it is
// opened before something is asked.
type runningMaster struct {
	q *question
	// transport is what the event bus is known to speak, or empty.
	transport string
}

var _ runners.Master = (*runningMaster)(nil)

// startTime is how long the master has to take the call of a runner: it starts a process
// for it.
const startTime = 30 * time.Second

// client is made anew for each question: it keeps nothing open in between.
func (m *runningMaster) client() (*localclient.Client, error) {
	conf := m.q.conf
	asker := conf.Client()
	if err := m.q.authenticate(asker); err != nil {
		return nil, err
	}
	client := clientOf(conf, asker, m.q.options.Log)
	client.Bus.Transport = m.transport
	client.Timeout = m.q.timeout(conf.Timeout)
	return client, nil
}

// clientOf sends commands through a configured master.
func clientOf(conf *master.Config, asker *master.Client, log *slog.Logger) *localclient.Client {
	socket := conf.EventSocket()
	return &localclient.Client{
		Bus:              event.Config{Path: socket.Path, TCP: socket.TCP, Transport: conf.Gorun.Transport, Log: log},
		Master:           asker,
		Timeout:          conf.Timeout,
		GatherJobTimeout: conf.GatherJobTimeout,
		OrderMasters:     conf.OrderMasters,
		SyndicWait:       conf.SyndicWait,
		Nodegroups:       conf.Nodegroups,
		ExtJobCache:      conf.ExtJobCache,
		Log:              log,
	}
}

// timeout is what --timeout says, or else.
func (q *question) timeout(otherwise time.Duration) time.Duration {
	if seconds := q.cli.Int("timeout"); seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return otherwise
}

// Ask sends a question to minions and gathers what they return.
func (m *runningMaster) Ask(ctx context.Context, question runners.Question) (*runners.Replies, error) {
	client, err := m.client()
	if err != nil {
		return nil, err
	}
	result, err := client.Run(ctx, localclient.Job{
		Tgt: question.Tgt, TgtType: question.TgtType, Fun: question.Fun,
		Timeout: question.Timeout, GatherJobTimeout: question.GatherJobTimeout, Repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	replies := &runners.Replies{Asked: result.Minions, Returned: make(map[string]value.Value, len(result.Replies))}
	for _, r := range result.Replies {
		replies.Returned[r.Minion], _ = r.Event.Get("return")
	}
	for id, outcome := range result.Outcomes {
		if outcome == localclient.NotAtIt {
			replies.Answered = append(replies.Answered, id)
		}
	}
	return replies, nil
}

// findJob asks minions whether they are at a job, and waits for no answer.
func (m *runningMaster) findJob(ctx context.Context, jid string, ids []string) error {
	client, err := m.client()
	if err != nil {
		return err
	}
	tgt := make(value.List, len(ids))
	for i, id := range ids {
		tgt[i] = id
	}
	_, err = client.Publish(ctx, localclient.Job{Tgt: tgt, TgtType: "list", Fun: "saltutil.find_job", Arg: value.List{jid}})
	return err
}

// DeleteKeys has the master's wheel delete keys, each by its whole name: what
// salt.runners.manage.down hands to key.delete is a glob.
func (m *runningMaster) DeleteKeys(ctx context.Context, ids []string) error {
	asker := m.q.conf.Client()
	if err := m.q.authenticate(asker); err != nil {
		return err
	}
	list := make(value.List, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	ctx, cancel := context.WithTimeout(ctx, m.q.timeout(startTime))
	defer cancel()
	reply, err := asker.Ask(ctx, value.NewMap("cmd", "wheel", "fun", "key.delete_dict",
		"arg", value.List{}, "kwarg", value.NewMap("match", value.NewMap(string(master.Accepted), list))))
	if err != nil {
		return err
	}
	answer, _ := reply.(*value.Map)
	v, _ := answer.Get("data")
	data, _ := v.(*value.Map)
	if success, _ := data.Get("success"); success != true {
		said, _ := data.Get("return")
		return fmt.Errorf("%w: key.delete_dict: %v", errRunner, said)
	}
	return nil
}

// Call has the master run a function of a runner.
func (m *runningMaster) Call(ctx context.Context, fun string, args []value.Value, kwargs *value.Map) (*runners.Answer, error) {
	client, err := m.client()
	if err != nil {
		return nil, err
	}
	call := localclient.Runner{
		Fun: fun, Arg: args, Kwarg: kwargs, RequestTimeout: m.q.timeout(startTime), Ended: m.ended,
		Progress: m.q.fired,
		Unheard: func(ctx context.Context) error {
			if fun == docRunner {
				return nil
			}
			if known, similar := m.docs(ctx, fun); !known {
				return &unavailableError{fun, similar}
			}
			return nil
		},
	}
	if m.q.cli.IsSet("eauth") { // as salt-run does, which then only waits for the end
		call.Progress = nil
		call.Timeout = m.q.timeout(restTimeout(m.q.conf))
	}
	jid, ret, err := client.Call(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("runner %s: %w", fun, err)
	}
	if trimmed(ret) {
		if _, whole := m.ended(jid); whole != nil {
			ret = whole
		}
	}
	a := runnerAnswer(ret)
	if unavailable(fun, a) {
		_, similar := m.docs(ctx, fun)
		return nil, &unavailableError{fun, similar}
	}
	return a, nil
}

// restTimeout is Salt's rest_timeout, for runners under external authentication.
func restTimeout(conf *master.Config) time.Duration {
	v, _ := conf.Get("rest_timeout")
	if seconds, ok := v.(int64); ok && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return 300 * time.Second
}

// ended tells whether a runner is no longer among those at work, and its ret event as
// Salt's own job cache has it.
func (m *runningMaster) ended(jid string) (bool, *value.Map) {
	running, err := m.q.conf.Running()
	if err != nil {
		return false, nil
	}
	for _, proc := range running {
		if at, _ := proc.Get("jid"); at == jid {
			return false, nil
		}
	}
	kept, err := m.q.saltCache()
	if err != nil {
		return true, nil
	}
	r, err := kept.Return(jid, m.q.conf.ID())
	if err != nil || r == nil {
		return true, nil
	}
	var ret *value.Map
	_ = value.Fields(r.Event, func(key string, val value.Raw) error {
		if key == "return" {
			v, err := val.Decode()
			ret, _ = v.(*value.Map)
			return err
		}
		return nil
	})
	return true, ret
}

// trimmed tells whether the master cut the event for the bus.
func trimmed(v value.Value) bool {
	switch v := v.(type) {
	case string:
		return v == "VALUE_TRIMMED"
	case *value.Map:
		for _, e := range v.Entries {
			if trimmed(e.Val) {
				return true
			}
		}
	case value.List:
		for _, e := range v {
			if trimmed(e) {
				return true
			}
		}
	}
	return false
}

// runnerAnswer is what salt-run prints of a runner's ret event, and whether it failed: by
// its success, by a retcode in the places where salt-run looks for one, and where it says
// that the arguments did not fit, for which the master calls it a success.
func runnerAnswer(ret *value.Map) *runners.Answer {
	a := new(runners.Answer)
	a.Value, _ = ret.Get("return")
	if trimmed(a.Value) {
		a.Stale = true
		a.Notes = append(a.Notes, "the master has cut the answer for the bus (max_event_size), and Salt's job cache does not have it")
	}
	success, _ := ret.Get("success")
	retcode, _ := ret.Get("retcode")
	a.Failed = success == false || value.Truth(retcode) || misfits(a.Value)
	v, _ := ret.Get("outputter")
	a.Outputter, _ = v.(string)
	inner, ok := a.Value.(*value.Map)
	if !ok {
		return a
	}
	data, hasData := inner.Get("data")
	v, hasOutputter := inner.Get("outputter")
	if a.Outputter == "" {
		a.Outputter, _ = v.(string)
	}
	code, _ := inner.Get("retcode")
	if m, ok := data.(*value.Map); ok && code == nil {
		code, _ = m.Get("retcode")
	}
	a.Failed = a.Failed || value.Truth(code)
	if hasData && hasOutputter && inner.Len() == 2 {
		a.Value = data
		a.Outputter, _ = v.(string)
	}
	return a
}

// misfits tells whether a runner says that it does not take these arguments: it raised a
// TypeError, whoever's fault that was.
func misfits(said value.Value) bool {
	text, ok := said.(string)
	return ok && strings.HasPrefix(text, "\nPassed invalid arguments: ")
}

// An unavailableError is returned when the master has no function of a name.
type unavailableError struct {
	fun string
	// similar are the helps of those whose names begin so.
	similar *value.Map
}

func (e *unavailableError) Error() string { return "the master has no function " + e.fun }

// unavailable tells whether a runner's answer is that there is no such function. Up to
// 3007 some masters answer so, others are silent.
func unavailable(fun string, a *runners.Answer) bool {
	said, ok := a.Value.(string)
	return ok && a.Failed && strings.HasPrefix(said, "Exception occurred in runner "+fun+": ") &&
		strings.Contains(said, "'"+fun+"' is not available.")
}

// docRunner is the runner function that knows all others.
const docRunner = "doc.runner"

// docs asks the master for the helps of its runner functions whose names begin like fun,
// and tells whether fun is one; where that cannot be known, it may be.
func (m *runningMaster) docs(ctx context.Context, fun string) (known bool, similar *value.Map) {
	similar = value.NewMap()
	a, err := m.Call(ctx, docRunner, nil, nil)
	if err != nil {
		return true, similar
	}
	all, ok := a.Value.(*value.Map)
	if !ok || a.Failed {
		return true, similar
	}
	for _, e := range all.Entries {
		name, _ := e.Key.(string)
		known = known || name == fun
		if strings.HasPrefix(name, fun) {
			similar.Entries = append(similar.Entries, e)
		}
	}
	return known, similar
}
