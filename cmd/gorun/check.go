package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/internal/check"
	"gorun/jobcache"
	"gorun/runners"
)

const checkDescription = `For cron, Nagios, Icinga and Sensu: one line with performance data, and the exit
status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. What is not known is UNKNOWN.

A RANGE is that of the plugin guidelines: 5 alerts above 5, 10: below 10, 2:4 outside
of 2 to 4, @2:4 inside; each number may be a percentage of what is checked (10%).
--out=json prints the same as data. --quiet prints nothing when all is well. -t is how
many seconds minions have to answer, where they must be asked.`

func (p *program) checkCommand() *cli.Command {
	target := []cli.Flag{
		&cli.StringFlag{Name: "tgt", Usage: "check the accepted minions that `TARGET` names", Value: "*"},
		&cli.StringFlag{Name: "tgt-type", Usage: "`TYPE` of the target: glob, list, pcre, nodegroup, …", Value: "glob"},
	}
	return &cli.Command{
		Name:        "check",
		Usage:       "check minions, jobs, returns or the subscriber, as a monitoring plugin",
		Description: checkDescription,
		Action: func(c *cli.Context) error {
			if isVersion(c) {
				return p.printVersion()
			}
			return fmt.Errorf("%w: check minions, jobs, returns or subscriber", errUsage)
		},
		Subcommands: []*cli.Command{
			{
				Name:   "minions",
				Usage:  "how many minions are down; thresholds count minions",
				Flags:  append(thresholdFlags("0", "0"), target...),
				Action: p.check("MINIONS", checkMinions),
			},
			{
				Name:  "jobs",
				Usage: "a function's last run on each minion: failed, missing, too old; thresholds count minions",
				Flags: append(append(thresholdFlags("0", "0"), target...),
					&cli.StringFlag{Name: "function", Aliases: []string{"f"}, Usage: "`NAME` of the function, or globs with commas", Value: "state.apply,state.highstate,state.sls"},
					&cli.DurationFlag{Name: "max-age", Usage: "a last run older than `TIME` (26h) is too old"},
					&cli.DurationFlag{Name: "grace", Usage: "`TIME` a minion has for its return", Value: time.Hour}),
				Action: p.check("JOBS", checkJobs),
			},
			{
				Name:  "returns",
				Usage: "new jobs that nobody returns, as when the master's workers hang; thresholds count jobs",
				Flags: append(thresholdFlags("0", "50%"),
					&cli.DurationFlag{Name: "window", Usage: "look at the jobs of the last `TIME`", Value: 15 * time.Minute},
					&cli.DurationFlag{Name: "grace", Usage: "`TIME` a job has for its first return", Value: time.Minute}),
				Action: p.check("RETURNS", checkReturns),
			},
			{
				Name:  "subscriber",
				Usage: "whether gorun subscribe is running and connected, and has missed nothing; thresholds are the heartbeat's age in seconds",
				Flags: append(thresholdFlags("10", "15"),
					&cli.StringFlag{Name: "holes-warning", Usage: "WARNING where the number of open holes is outside of `RANGE`", Value: "0"},
					&cli.StringFlag{Name: "holes-critical", Usage: "CRITICAL where the number of open holes is outside of `RANGE`"}),
				Action: p.check("SUBSCRIBER", checkSubscriber),
			},
		},
	}
}

func thresholdFlags(warn, crit string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "warning", Aliases: []string{"w"}, Usage: "WARNING outside of `RANGE`", Value: warn},
		&cli.StringFlag{Name: "critical", Aliases: []string{"c"}, Usage: "CRITICAL outside of `RANGE`", Value: crit},
	}
}

// checkFunc answers a check from the job cache.
type checkFunc func(context.Context, *cli.Context, *runners.Env, check.Thresholds) (*check.Result, error)

// check runs a check and prints its result. Whatever goes wrong on the way makes it
// unknown, in the one line that a monitoring system shows.
func (p *program) check(name string, ask checkFunc) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		if isVersion(c) {
			return p.printVersion()
		}
		q, err := p.newQuestion(c)
		if err != nil {
			return p.printCheck(nil, check.NotKnown(name, err))
		}
		defer closing(q.out, &err)
		result, err := q.check(c, ask)
		if err != nil {
			result = check.NotKnown(name, err)
		}
		return p.printCheck(q, result)
	}
}

// isVersion tells whether the version is asked for, with the plugin guidelines' -V as well.
func isVersion(c *cli.Context) bool { return c.Bool("version") || c.Bool("versions-report") }

func (q *question) check(c *cli.Context, ask checkFunc) (_ *check.Result, err error) {
	if c.Args().Present() {
		return nil, fmt.Errorf("%w: surplus argument %s", errUsage, c.Args().First())
	}
	limits, err := thresholds(c, "warning", "critical")
	if err != nil {
		return nil, err
	}
	env, cache, err := q.open(c.Context)
	if err != nil {
		return nil, err
	}
	defer closing(cache, &err)
	return ask(c.Context, c, env, limits)
}

// thresholds reads the options of these names.
func thresholds(c *cli.Context, warning, critical string) (limits check.Thresholds, err error) {
	if limits.Warn, err = check.ParseRange(c.String(warning)); err != nil {
		return limits, fmt.Errorf("--%s: %w", warning, err)
	}
	if limits.Crit, err = check.ParseRange(c.String(critical)); err != nil {
		return limits, fmt.Errorf("--%s: %w", critical, err)
	}
	return limits, nil
}

// printCheck prints the line, or with --out the same as data, and returns what ends the
// program with the check's status.
func (p *program) printCheck(q *question, r *check.Result) error {
	var err error
	switch {
	case q != nil && q.cli.Bool("quiet") && r.Status == check.OK:
	case q != nil && q.cli.String("out") != "":
		err = q.print(q.cli.String("out"), r.Value())
	case q != nil:
		_, err = fmt.Fprintln(q.out, r.Line())
	default:
		_, err = fmt.Fprintln(p.stdout, r.Line())
	}
	if err != nil {
		return checked{check.Unknown, err}
	}
	return checked{r.Status, nil}
}

// checked is returned when a check has been printed, or could not be.
type checked struct {
	status check.Status
	err    error
}

func (c checked) Error() string {
	if c.err != nil {
		return c.err.Error()
	}
	return "checked: " + c.status.String()
}

func (c checked) Unwrap() error { return c.err }

func targetOf(c *cli.Context) check.Target {
	return check.Target{Tgt: c.String("tgt"), Type: c.String("tgt-type")}
}

func checkMinions(ctx context.Context, c *cli.Context, env *runners.Env, limits check.Thresholds) (*check.Result, error) {
	return check.Minions(ctx, env, targetOf(c), limits)
}

func checkJobs(ctx context.Context, c *cli.Context, env *runners.Env, limits check.Thresholds) (*check.Result, error) {
	return check.Jobs(ctx, env, check.JobsOptions{
		Function: c.String("function"), Target: targetOf(c), MaxAge: c.Duration("max-age"), Grace: c.Duration("grace"), Limits: limits,
	})
}

func checkReturns(ctx context.Context, c *cli.Context, env *runners.Env, limits check.Thresholds) (*check.Result, error) {
	return check.Returns(ctx, env, check.ReturnsOptions{Window: c.Duration("window"), Grace: c.Duration("grace"), Limits: limits})
}

// checkSubscriber looks at gorun's own store alone: where Salt's is read in its place,
// nobody listens.
func checkSubscriber(ctx context.Context, c *cli.Context, env *runners.Env, heartbeat check.Thresholds) (*check.Result, error) {
	holes, err := thresholds(c, "holes-warning", "holes-critical")
	if err != nil {
		return nil, err
	}
	var known jobcache.Status
	if _, salts := env.Cache.(*jobcache.SaltCache); !salts {
		known, err = env.Cache.Status(ctx, env.Now)
		if err != nil && !errors.Is(err, jobcache.ErrNoStore) {
			return nil, err
		}
	}
	return check.Subscriber(known, env.Now, check.SubscriberLimits{Heartbeat: heartbeat, Holes: holes}), nil
}

// isCheck tells whether a line that may make no sense was meant for a monitoring system: an
// exit status of 2 would be CRITICAL there.
func isCheck(args []string, app *cli.App) bool {
	for _, word := range args {
		if command := find(app.Commands, word); command != nil {
			return command.Name == "check"
		}
	}
	return false
}
