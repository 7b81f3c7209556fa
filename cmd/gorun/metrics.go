package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/master"
	"gorun/internal/metrics"
)

const metricsDescription = `The numbers that gorun subscribe serves at /metrics, for Prometheus. As a file for
node_exporter's textfile collector it is put in the place of PATH as a whole; without one, or
with -, it goes to stdout. Status 3 says that no subscriber listens (gorun_subscriber_up is
0), or that something could not be read; what could be is there.`

func (p *program) metricsCommand() *cli.Command {
	return &cli.Command{
		Name:        "metrics",
		Usage:       "print the job cache's metrics for Prometheus, or write them for node_exporter",
		Description: metricsDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "textfile", Usage: "write to the file `PATH`, which should end in .prom; -: to stdout"},
		},
		Action: p.runMetrics,
	}
}

func (p *program) runMetrics(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("%w: surplus argument %s", errUsage, c.Args().First())
	}
	log, err := p.logger(c)
	if err != nil {
		return err
	}
	conf, err := p.load(c, log)
	if err != nil {
		return err
	}
	sample := metrics.Read(c.Context, metricsConfig(conf, nil), time.Now())
	if path := c.String("textfile"); path == "" || path == "-" {
		err = sample.Write(p.stdout)
	} else {
		err = sample.WriteFile(path)
	}
	if err != nil {
		return err
	}
	for _, missing := range sample.Missing {
		p.say("%v", missing)
		if text := hint(missing); text != "" {
			p.say("hint: %s", text)
		}
	}
	if sample.Down {
		p.say("no subscriber listens to the bus: the metrics are not current")
	}
	if sample.Down || len(sample.Missing) > 0 {
		return errStale
	}
	return nil
}

// metricsConfig is what the configuration says of metrics; queue is that of a subscriber in
// this process, nil where there is none.
func metricsConfig(conf *master.Config, queue *event.Queue) metrics.Config {
	cfg := metrics.Config{
		Store: storePath(conf), Gather: conf.GatherJobTimeout, MaxSize: conf.Gorun.MaxSize, Minions: conf.Gorun.MetricsMinions,
		Keys: func(state string) ([]string, error) {
			return conf.Keys(map[string]master.KeyState{
				"accepted": master.Accepted, "pending": master.Pending, "rejected": master.Rejected, "denied": master.Denied,
			}[state])
		},
	}
	if queue != nil {
		cfg.Queue = queue.Size
	}
	cfg.Version, cfg.Commit, cfg.Go = builtOf()
	return cfg
}

// metricsAddress is where metrics are to be served, by which setting.
func metricsAddress(c *cli.Context, conf *master.Config) (address, setting string, err error) {
	if !c.IsSet("metrics") {
		return conf.Gorun.Metrics, "gorun: metrics", nil
	}
	address, err = master.ListenAddress(c.String("metrics"))
	if err != nil {
		return "", "", fmt.Errorf("%w: --metrics: %w", errUsage, err)
	}
	return address, "--metrics", nil
}

// exporter is the part of a subscriber that Prometheus asks. It ends with the subscriber.
type exporter struct {
	cli    *cli.Context
	log    *slog.Logger
	queue  *event.Queue
	mu     sync.Mutex // the end may come while the configuration is read again
	ended  bool
	server *metrics.Server
	done   chan struct{}
}

// newExporter answers from the first use on until ctx ends.
func newExporter(ctx context.Context, c *cli.Context, log *slog.Logger, queue *event.Queue) *exporter {
	e := &exporter{cli: c, log: log, queue: queue, server: metrics.NewServer(log), done: make(chan struct{})}
	context.AfterFunc(ctx, func() {
		defer close(e.done)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.ended = true
		e.server.Close()
	})
	return e
}

// use goes on by conf: where it answers, and what.
func (e *exporter) use(conf *master.Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	address, setting, err := metricsAddress(e.cli, conf)
	if err == nil && !e.ended { // the option was read at the start
		e.server.Use(address, setting, metricsConfig(conf, e.queue))
	}
}

// wait returns when nobody is answered any more; the context must have ended.
func (e *exporter) wait() { <-e.done }
