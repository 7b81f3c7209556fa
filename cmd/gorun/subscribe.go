package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"gorun/event"
	"gorun/internal/master"
	"gorun/internal/subscriber"
	"gorun/jobcache"
)

func (p *program) subscribeCommand() *cli.Command {
	return &cli.Command{
		Name:  "subscribe",
		Usage: "keep the job cache current from the master's event bus, until SIGTERM; SIGHUP reads the configuration again",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "metrics", Usage: "serve Prometheus metrics at `ADDRESS`, host:port or a port of the loopback interface; above the setting of that name"},
		},
		Action: p.runSubscribe,
	}
}

func (p *program) runSubscribe(c *cli.Context) error {
	log, err := p.logger(c)
	if err != nil {
		return err
	}
	conf, err := p.load(c, log)
	if err != nil {
		return err
	}
	if _, _, err := metricsAddress(c, conf); err != nil {
		return err
	}
	if err := becomeUser(conf.User, filepath.Dir(storePath(conf))); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	manager := serviceManager{log}
	context.AfterFunc(ctx, manager.stopping)
	// The queue, as much again until it is collected, and what the store needs.
	debug.SetMemoryLimit(3*conf.Gorun.QueueSize + 64<<20)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1) // gorun cache repair
	defer signal.Stop(asked)
	cfg := p.subscription(conf, log)
	cfg.Queue = event.NewQueue(int(conf.Gorun.QueueSize))
	cfg.Asked = asked
	exporter := newExporter(ctx, c, log, cfg.Queue)
	defer exporter.wait()
	cfg.Ready = func() {
		exporter.use(conf)
		p.say("following the bus at %s into %s", conf.EventSocket(), storePath(conf))
		manager.ready()
	}
	cfg.Pulse = manager.pulse
	cfg.Reload = reloads(ctx, log, manager, func() (subscriber.Config, error) {
		next, err := p.load(c, log)
		if err != nil {
			return subscriber.Config{}, err
		}
		for _, name := range fixedSettings(conf, next) {
			log.Warn("takes effect when the subscriber is started anew", "setting", name)
		}
		exporter.use(next)
		return p.subscription(next, log), nil
	})
	var pinging sync.WaitGroup
	pinging.Go(func() { newPinger(conf, log).run(ctx) })
	defer pinging.Wait()
	defer stop()
	return subscriber.Run(ctx, cfg)
}

// subscription is what the configuration says of the way into the job cache.
func (p *program) subscription(conf *master.Config, log *slog.Logger) subscriber.Config {
	socket := conf.EventSocket()
	return subscriber.Config{
		Bus: event.Config{
			Path: socket.Path, TCP: socket.TCP, Transport: conf.Gorun.Transport,
			MaxMessage: int(conf.Gorun.MaxEventSize), Log: log,
		},
		Store:         storePath(conf),
		MasterID:      conf.ID(),
		RunnerReturns: conf.RunnerReturns,
		Keep:          conf.KeepJobs,
		Kept:          func() (*jobcache.SaltCache, error) { return keptCache(conf, log) },
		Settle:        conf.Gorun.Settle,
		MaxReturn:     conf.Gorun.MaxReturnSize,
		MaxMinions:    int(conf.Gorun.MaxMinions),
		MaxSize:       conf.Gorun.MaxSize,
		MaxJobs:       conf.Gorun.MaxJobs,
		Progress:      p.showProgress(),
		Log:           log,
	}
}

// fixedSettings names what differs and cannot change while a subscriber runs.
func fixedSettings(old, now *master.Config) (names []string) {
	for _, s := range []struct {
		name     string
		old, now any
	}{
		{"user", old.User, now.User},
		{"cachedir", old.CacheDir, now.CacheDir},
		{"sock_dir, ipc_mode or tcp_master_pub_port", old.EventSocket(), now.EventSocket()},
		{"gorun: transport", old.Gorun.Transport, now.Gorun.Transport},
		{"gorun: ping_interval", old.Gorun.PingInterval, now.Gorun.PingInterval},
	} {
		if s.old != s.now {
			names = append(names, s.name)
		}
	}
	return names
}

// reloads reads the configuration at each SIGHUP until ctx ends. One that cannot be read
// leaves the old one in place.
func reloads(
	ctx context.Context, log *slog.Logger, manager serviceManager, load func() (subscriber.Config, error),
) <-chan subscriber.Config {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(hangups) })
	configs := make(chan subscriber.Config)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			manager.reloading()
			cfg, err := load()
			if err != nil {
				log.Error("the configuration stays as it was", "error", err)
			} else {
				select {
				case <-ctx.Done():
					return
				case configs <- cfg:
					log.Info("the configuration was read again")
				}
			}
			manager.ready()
		}
	}()
	return configs
}

// errNotKept is returned where the master keeps its jobs elsewhere, or not at all.
var errNotKept = errors.New("the master keeps no returns in its local job cache")

// keptCache opens Salt's own job cache, if all that the bus carries goes into it.
func keptCache(conf *master.Config, log *slog.Logger) (*jobcache.SaltCache, error) {
	switch {
	case conf.MasterJobCache != "local_cache":
		return nil, fmt.Errorf("%w: master_job_cache is %s", errNotKept, conf.MasterJobCache)
	case conf.ExtJobCache != "":
		return nil, fmt.Errorf("%w: ext_job_cache is %s", errNotKept, conf.ExtJobCache)
	case !conf.JobCache:
		return nil, fmt.Errorf("%w: job_cache is False", errNotKept)
	}
	return jobcache.OpenSalt(conf.CacheDir, conf.HashType, log)
}

// showProgress tells on a terminal how far a look through Salt's cache is; nil elsewhere.
func (p *program) showProgress() func(jobcache.Repair) {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(r jobcache.Repair) {
		if r.All == 0 { // an error on a terminal has nowhere to be told
			_, _ = fmt.Fprintf(f, "\r\x1b[Kgorun: %d jobs taken from salt's job cache\n", r.Jobs)
			return
		}
		_, _ = fmt.Fprintf(f, "\r\x1b[Kgorun: reading salt's job cache: %d%%, %d jobs", 100*r.Done/r.All, r.Jobs)
	}
}
