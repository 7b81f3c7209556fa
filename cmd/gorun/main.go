// Command gorun answers what salt-run's runners manage and jobs answer, from a local job
// cache that its subscriber keeps current from the Salt master's event bus.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: stdout carries the answer alone, everything else is stderr.
// It returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	t := openTerminal(stdout)
	if t == nil {
		return p.report(p.execute(ctx, args))
	}
	p.stdout = t
	err := p.execute(ctx, args)
	return p.report(errors.Join(err, t.flush()))
}
