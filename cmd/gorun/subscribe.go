package main

import (
	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/subscriber"
)

func (p *program) subscribeCommand() *cli.Command {
	return &cli.Command{
		Name:   "subscribe",
		Usage:  "keep the job cache current from the master's event bus, until SIGTERM",
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
	socket := conf.EventSocket()
	return subscriber.Run(c.Context, subscriber.Config{
		Bus:           event.Config{Path: socket.Path, TCP: socket.TCP, Transport: conf.Gorun.Transport, Log: log},
		Store:         storePath(conf),
		MasterID:      conf.ID(),
		RunnerReturns: conf.RunnerReturns,
		Keep:          conf.KeepJobs,
		Log:           log,
		Ready:         func() { p.say("following the bus at %s into %s", socket, storePath(conf)) },
	})
}
