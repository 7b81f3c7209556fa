package main

import "github.com/urfave/cli/v2"

// flags are the options of salt-run that mean here what they mean there.
var flags = []cli.Flag{
	&cli.StringFlag{Name: "config-dir", Aliases: []string{"c"}, Usage: "read the master's configuration in `DIR`", Value: "/etc/salt", EnvVars: []string{"SALT_CONFIG_DIR"}},
	&cli.BoolFlag{Name: "doc", Aliases: []string{"d", "documentation"}, Usage: "print the help of all functions, of a runner or of a function"},
	&cli.StringFlag{Name: "out", Aliases: []string{"output"}, Usage: "print with this `OUTPUTTER`"},
	&cli.StringFlag{Name: "out-indent", Aliases: []string{"output-indent"}, Usage: "indent by `N` columns; below zero: all in one line"},
	&cli.StringFlag{Name: "out-file", Aliases: []string{"output-file"}, Usage: "write the answer to `FILE`"},
	&cli.BoolFlag{Name: "out-file-append", Aliases: []string{"output-file-append"}, Usage: "append to that file"},
	&cli.BoolFlag{Name: "no-color", Aliases: []string{"no-colour"}, Usage: "print without colours"},
	&cli.BoolFlag{Name: "force-color", Aliases: []string{"force-colour"}, Usage: "print with colours, be it into a pipe"},
	&cli.StringFlag{Name: "state-output", Aliases: []string{"state_output"}, Usage: "full, terse, mixed, changes or filter, for `HOW` states are shown"},
	&cli.StringFlag{Name: "state-verbose", Aliases: []string{"state_verbose"}, Usage: "`BOOL`: show states that changed nothing"},
	&cli.BoolFlag{Name: "quiet", Usage: "print no answer"},
	&cli.StringFlag{Name: "no-parse", Usage: "comma-separated `NAMES` of arguments that stay text"},
	&cli.BoolFlag{Name: "args-stdin", Usage: "read further arguments from stdin, one a line"},
	&cli.StringFlag{Name: "saltfile", Usage: "take options from this `FILE`; otherwise ./Saltfile or ~/.salt/Saltfile, if there"},
	&cli.IntFlag{Name: "timeout", Aliases: []string{"t"}, Usage: "`SECONDS` that minions, or the master, have to answer; the cache needs none"},
	&cli.StringFlag{Name: "log-file", Usage: "log to this `FILE` as well"},
	&cli.StringFlag{Name: "log-file-level", Usage: "log to that file from this `LEVEL` on", Value: "warning"},
	&cli.StringFlag{Name: "log-level", Aliases: []string{"l"}, Usage: "log to stderr from this `LEVEL` on: debug, info, warning, error, quiet", Value: "warning"},
	&cli.BoolFlag{Name: "versions-report", Aliases: []string{"V"}, Usage: "print the versions of all that gorun is made of"},
	&cli.BoolFlag{Name: "version", Usage: "print the version, the commit and the Go release"},

	// What is for the running master.
	&cli.BoolFlag{Name: "async", Usage: "have the master start a runner and return at once"},
	&cli.StringFlag{Name: "eauth", Aliases: []string{"a", "auth", "external-auth"}, Usage: "have the master answer, for who is known to this `SYSTEM` of external authentication"},
	&cli.BoolFlag{Name: "make-token", Aliases: []string{"T"}, Usage: "with -a: make a token and keep it, for calls to come"},
	&cli.StringFlag{Name: "username", Usage: "`NAME` for external authentication"},
	&cli.StringFlag{Name: "password", Usage: "`PASSWORD` for external authentication"},

	// What salt-run has and cannot mean anything here: taken, without effect.
	&cli.StringFlag{Name: "jid", Usage: "without effect: gorun makes no job", Hidden: true},
	&cli.BoolFlag{Name: "hard-crash", Usage: "without effect", Hidden: true},
	&cli.BoolFlag{Name: "skip-grains", Usage: "without effect: gorun loads none", Hidden: true},
	&cli.StringFlag{Name: "profiling-path", Usage: "without effect", Hidden: true},
	&cli.BoolFlag{Name: "enable-profiling", Usage: "without effect", Hidden: true},
}
