package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/internal/check"
)

// program is one call of gorun.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// execute puts the line in order, for urfave/cli stops at the first argument and salt-run
// does not, and runs it.
func (p *program) execute(ctx context.Context, args []string) error {
	app := p.app()
	line, err := arrange(args, app)
	if err == nil {
		err = app.RunContext(ctx, append([]string{"gorun"}, line...))
	}
	if !isCheck(args, app) {
		return err
	}
	switch {
	case errors.Is(err, errUsage):
		return p.printCheck(nil, check.NotKnown("CHECK", err))
	case err == nil: // the help, or the version
		return checked{check.Unknown, nil}
	}
	return err
}

const usageText = `gorun [options] <runner>.<function> [arguments]
gorun [options] subscribe|cache|events|watch|live|metrics
gorun [options] check minions|jobs|returns|subscriber`

const description = `A dotted word is a function of a runner, as salt-run has it; a bare word is
gorun's own command. Options may stand before and after the arguments.

Exit status: 0 done; 1 the answer is a failure (an unknown jid); 2 called
wrongly, or no such function; 3 no true answer could be had, or the one that
was given may not be the present truth: stderr says why.`

func (p *program) app() *cli.App {
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help"}
	return &cli.App{
		Name:            "gorun",
		Usage:           "salt-run's manage and jobs, in milliseconds",
		UsageText:       usageText,
		Description:     description,
		HideHelpCommand: true,
		HideVersion:     true,
		Reader:          p.stdin,
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		Flags:           named(flags),
		Before:          applySaltfile,
		Action:          p.runFunction,
		Commands: []*cli.Command{
			p.subscribeCommand(), p.cacheCommand(), p.checkCommand(), p.doctorCommand(), p.completeCommand(), p.eventsCommand(),
			p.watchCommand(), p.liveCommand(), p.metricsCommand(),
		},
		// Errors are reported in one place, and nothing but run ends the process.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return fmt.Errorf("%w: %w", errUsage, err)
		},
	}
}

// version is set by the linker in a release.
var version = "0.1.0-dev"

// printVersions answers --versions-report: gorun and every module in it.
func (p *program) printVersions() error {
	lines := []string{versionText()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			lines = append(lines, fmt.Sprintf("  %s %s", dep.Path, dep.Version))
		}
	}
	_, err := fmt.Fprintln(p.stdout, strings.Join(lines, "\n"))
	return err
}

func (p *program) printVersion() error {
	_, err := fmt.Fprintln(p.stdout, versionText())
	return err
}

// versionText tells the version, the commit and the Go release that gorun is made of.
func versionText() string {
	release, commit, goVersion := builtOf()
	return fmt.Sprintf("gorun %s (commit %s, %s)", release, commit, goVersion)
}

// builtOf is what versionText tells.
func builtOf() (release, commit, goVersion string) {
	commit, goVersion = "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				commit += " and changes"
			}
		}
	}
	return version, commit, goVersion
}
