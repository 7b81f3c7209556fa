package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"gorun/internal/live"
	"gorun/jobcache"
)

const liveDescription = `A view of minions, running jobs, the newest jobs and returns, which follows the job
cache. It asks nobody and changes nothing. Where no subscriber keeps the cache current,
the second line says so.

Keys: arrows or j and k move, enter opens a job, a minion or a return, esc goes back,
/ filters by text, 1 to 4 or tab change the list, q ends.`

func (p *program) liveCommand() *cli.Command {
	return &cli.Command{
		Name:        "live",
		Usage:       "show minions, running jobs and the newest returns on a terminal, once a second",
		Description: liveDescription,
		Action:      p.runLive,
	}
}

func (p *program) runLive(c *cli.Context) (err error) {
	if c.Args().Present() {
		return fmt.Errorf("%w: surplus argument %s", errUsage, c.Args().First())
	}
	in, ok := p.stdin.(*os.File)
	out, shown := p.stdout.(*terminal)
	if !ok || !shown || !term.IsTerminal(int(in.Fd())) {
		return fmt.Errorf("%w: gorun live needs a terminal", errUsage)
	}
	q, err := p.newQuestion(c)
	if err != nil {
		return err
	}
	defer closing(q.out, &err)
	color := q.options.Color
	q.options.Color = false                       // what a return has of escapes is shown, not obeyed
	q.options.Log = slog.New(slog.DiscardHandler) // stderr is the same terminal
	env, _ := q.env()
	env.ExtJobCache, env.MasterJobCache = "", "" // what came over the bus is shown, wherever it went besides
	return live.Run(c.Context, in, out.out, live.Config{
		Title:     q.conf.ID(),
		Open:      func() (live.Store, error) { return jobcache.OpenReader(storePath(q.conf)) },
		Env:       env,
		Output:    q.options,
		Outputter: q.outputter,
		Color:     color,
	})
}
