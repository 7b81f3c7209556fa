package main

import (
	"context"
	"log/slog"
	"time"

	"gorun/internal/localclient"
	"gorun/internal/master"
	"gorun/runners"
	"gorun/value"
)

// pinger asks all minions at an interval whether they are there, for a master without
// presence events. What comes back is for the subscriber, which hears it on the bus as it
// hears everything; here it is let go.
type pinger struct {
	client *localclient.Client
	every  time.Duration
	log    *slog.Logger
}

func newPinger(conf *master.Config, log *slog.Logger) *pinger {
	return &pinger{clientOf(conf, conf.Client(), log), conf.Gorun.PingInterval, log}
}

// run asks until ctx ends; never with every at 0. A round that takes longer than the
// interval is not overtaken by the next. What fails is logged, once in a row.
func (p *pinger) run(ctx context.Context) {
	if p.every <= 0 {
		return
	}
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	said := ""
	for {
		_, err := p.client.Run(ctx, localclient.Job{
			Tgt: "*", TgtType: "glob", Fun: "test.ping", Metadata: value.NewMap(runners.PingMark, "ping"), Repeatable: true,
		})
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			p.log.Warn("ping_interval: the minions cannot be asked", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
