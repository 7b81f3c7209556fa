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
	&cli.StringFlag{Name: "log-level", Aliases: []string{"l"}, Usage: "log to stderr from this `LEVEL` on: debug, info, warning, error, quiet", Value: "warning"},
	&cli.BoolFlag{Name: "version", Usage: "print the version, the commit and the Go release"},
}
