package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/value"
)

func (p *program) cacheCommand() *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "ask about the job cache itself",
		Subcommands: []*cli.Command{
			{
				Name:   "info",
				Usage:  "show what the job cache holds, and up to when it is current",
				Action: p.aboutCache(cacheInfo),
			},
			{
				Name:   "repair",
				Usage:  "take from salt's own job cache what this one lacks",
				Action: p.runRepair,
			},
			{
				Name:   "check",
				Usage:  "look through the whole file of the job cache for damage",
				Action: p.aboutCache(cacheCheck),
			},
			{
				Name:   "minions",
				Usage:  "show for each accepted minion the evidence of whether it is up",
				Action: p.aboutCache(cacheMinions),
			},
		},
	}
}

// aboutCache answers a question about the cache itself.
func (p *program) aboutCache(
	ask func(context.Context, *jobcache.Reader, *master.Config) (value.Value, error),
) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		q, err := p.newQuestion(c)
		if err != nil {
			return err
		}
		defer closing(q.out, &err)
		reader, err := jobcache.OpenReader(storePath(q.conf))
		if err != nil {
			return err
		}
		defer closing(reader, &err)
		answer, err := ask(c.Context, reader, q.conf)
		if err != nil {
			return err
		}
		return q.print(c.String("out"), answer)
	}
}

func cacheInfo(ctx context.Context, reader *jobcache.Reader, conf *master.Config) (value.Value, error) {
	status, err := reader.Status(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	jobs, returns, err := reader.Count(ctx)
	if err != nil {
		return nil, err
	}
	spans, holes, err := reader.Coverage(ctx)
	if err != nil {
		return nil, err
	}
	extent, err := reader.Extent(ctx)
	if err != nil {
		return nil, err
	}
	skipped := value.NewMap()
	for _, name := range slices.Sorted(maps.Keys(status.Skipped)) {
		skipped.Set(name, status.Skipped[name])
	}
	listened := value.List{}
	for _, s := range spans {
		listened = append(listened, value.NewMap("from", timeText(s.Start), "until", timeText(s.Until)))
	}
	missing := value.List{}
	for _, h := range holes {
		if h.Reason == jobcache.Asked { // no hole, but a wish
			continue
		}
		missing = append(missing, value.NewMap("from", timeText(h.Start), "until", timeText(h.Until),
			"reason", h.Reason, "events", h.Events, "looked", timeText(h.Looked), "filled", timeText(h.Filled)))
	}
	return value.NewMap(
		"path", storePath(conf),
		"listening", status.Listening,
		"pid", int64(status.PID),
		"heartbeat", timeText(status.Heartbeat),
		"presence", timeText(status.PresenceAt),
		"last_event", timeText(status.LastEvent),
		"reconnects", status.Reconnects,
		"events", status.Events,
		"skipped", skipped,
		"waiting", status.Waiting,
		"jobs", jobs,
		"returns", returns,
		"repaired_jobs", status.Repaired,
		"bytes", extent.File+extent.Log,
		"log_bytes", extent.Log,
		"oldest", timeText(extent.Oldest),
		"listened", listened,
		"holes", missing,
		"open_holes", int64(len(status.Holes)),
	), nil
}

func cacheCheck(ctx context.Context, reader *jobcache.Reader, conf *master.Config) (value.Value, error) {
	if err := reader.Check(ctx); err != nil {
		return nil, err
	}
	return value.NewMap("whole", storePath(conf)), nil
}

func cacheMinions(ctx context.Context, reader *jobcache.Reader, conf *master.Config) (value.Value, error) {
	now := time.Now()
	status, err := reader.Status(ctx, now)
	if err != nil {
		return nil, err
	}
	minions, err := reader.Minions(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := conf.AcceptedKeys()
	if err != nil {
		return nil, err
	}
	answer := value.NewMap()
	for _, id := range ids {
		m := minions[id]
		v := m.Judge(now, status.PresenceAt, conf.GatherJobTimeout)
		answer.Set(id, value.NewMap(
			"state", v.State.String(), "since", timeText(v.Since), "why", v.Why,
			"alive", timeText(m.AliveAt), "alive_by", m.AliveBy, "asked", timeText(m.AskedFirst)))
	}
	return answer, nil
}

// timeText writes a time in UTC, nil for none.
func timeText(t time.Time) value.Value {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
