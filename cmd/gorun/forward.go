package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorun/internal/localclient"
	"gorun/runners"
	"gorun/value"
)

// errRunner is returned when the master could not do what it was asked for.
var errRunner = errors.New("the master could not do it")

// forward has the running master answer, as for every function that gorun has not.
func (q *question) forward(ctx context.Context, fun string, args []string) error {
	positional, kwargs := parseInput(args, strings.Split(q.cli.String("no-parse"), ","))
	m := &runningMaster{q: q, transport: q.conf.Gorun.Transport}
	if q.cli.Bool("async") {
		return q.start(ctx, m, fun, positional, kwargs)
	}
	answer, err := m.Call(ctx, fun, positional, kwargs)
	var none *unavailableError
	if errors.As(err, &none) {
		return q.notAvailable(fun, none.similar)
	}
	if err != nil {
		return err
	}
	if misfits(answer.Value) {
		if err := q.print(q.outputter(answer), answer.Value); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s does not take these arguments", errUsage, fun)
	}
	return q.show(answer)
}

// start has the master start a runner and leaves it to itself: what salt-run says then is
// a warning.
func (q *question) start(ctx context.Context, m *runningMaster, fun string, args []value.Value, kwargs *value.Map) error {
	client, err := m.client()
	if err != nil {
		return err
	}
	_, tag, err := client.Start(ctx, localclient.Runner{Fun: fun, Arg: args, Kwarg: kwargs, RequestTimeout: q.timeout(startTime)})
	if err != nil {
		return fmt.Errorf("runner %s: %w", fun, err)
	}
	q.say("running in asynchronous mode under tag %s: the result is on the event bus, and in the job cache (jobs.lookup_jid %s)",
		tag, strings.TrimPrefix(tag, "salt/run/"))
	return nil
}

// notAvailable answers for a name that is no function, as salt-run does: with the helps of
// those that begin so, or else with a word.
func (q *question) notAvailable(name string, found *value.Map) error {
	var said value.Value = fmt.Sprintf("'%s' is not available.", name)
	if found.Len() > 0 {
		said = found
	}
	if err := q.print(q.outputter(new(runners.Answer)), said); err != nil {
		return err
	}
	if near := nearest(name); near != "" {
		return fmt.Errorf("%w: no function %s; perhaps %s", errUsage, name, near)
	}
	return fmt.Errorf("%w: no function %s", errUsage, name)
}

// fired prints an event that a runner has fired, as salt.client.mixins.print_async_event
// does. It is not the answer: what cannot be written here shows when that is.
func (q *question) fired(suffix string, data *value.Map) {
	if q.cli.Bool("quiet") {
		return
	}
	v, _ := data.Get("outputter")
	outputter, _ := v.(string)
	_ = q.print(q.outputter(&runners.Answer{Outputter: outputter}), value.NewMap("suffix", suffix, "event", data))
}
