package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/master"
	"gorun/internal/subscriber"
)

func (p *program) subscribeCommand() *cli.Command {
	return &cli.Command{
		Name:   "subscribe",
		Usage:  "keep the job cache current from the master's event bus, until SIGTERM; SIGHUP reads the configuration again",
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
	if err := becomeUser(conf.User, filepath.Dir(storePath(conf))); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	manager := serviceManager{log}
	context.AfterFunc(ctx, manager.stopping)
	cfg := subscription(conf, log)
	cfg.Ready = func() {
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
		return subscription(next, log), nil
	})
	return subscriber.Run(ctx, cfg)
}

func subscription(conf *master.Config, log *slog.Logger) subscriber.Config {
	socket := conf.EventSocket()
	return subscriber.Config{
		Bus:           event.Config{Path: socket.Path, TCP: socket.TCP, Transport: conf.Gorun.Transport, Log: log},
		Store:         storePath(conf),
		MasterID:      conf.ID(),
		RunnerReturns: conf.RunnerReturns,
		Keep:          conf.KeepJobs,
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
