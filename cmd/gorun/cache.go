package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"gorun/jobcache"
	"gorun/output"
	"gorun/value"
)

func (p *program) cacheCommand() *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "ask about the job cache itself",
		Subcommands: []*cli.Command{{
			Name:   "info",
			Usage:  "show what the job cache holds, and up to when it is current",
			Action: p.runCacheInfo,
		}},
	}
}

func (p *program) runCacheInfo(c *cli.Context) (err error) {
	log, err := p.logger(c)
	if err != nil {
		return err
	}
	conf, err := p.load(c, log)
	if err != nil {
		return err
	}
	path := storePath(conf)
	reader, err := jobcache.OpenReader(path)
	if err != nil {
		return err
	}
	defer closing(reader, &err)
	now := time.Now()
	status, err := reader.Status(c.Context, now)
	if err != nil {
		return err
	}
	jobs, returns, err := reader.Count(c.Context)
	if err != nil {
		return err
	}
	skipped := value.NewMap()
	for name, n := range status.Skipped {
		skipped.Set(name, n)
	}
	info := value.NewMap(
		"path", path,
		"listening", status.Listening,
		"pid", int64(status.PID),
		"heartbeat", timeText(status.Heartbeat),
		"presence", timeText(status.PresenceAt),
		"events", status.Events,
		"skipped", skipped,
		"jobs", jobs,
		"returns", returns,
	)
	o, err := p.outputOptions(c, conf, log)
	if err != nil {
		return err
	}
	return output.Print(p.stdout, c.String("out"), info, o)
}

// timeText writes a time in UTC, nil for none.
func timeText(t time.Time) value.Value {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
