package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/runners"
	"gorun/value"
)

// printDocs answers -d: the help of all functions, of a runner's, of one, or of those that
// a glob matches, in the layout of salt-run (salt.runner.Runner.print_docs). Nothing is
// printed for a name that means none, as there, and the status tells.
func (p *program) printDocs(c *cli.Context) error {
	name := c.Args().First()
	if c.NArg() > 1 {
		return fmt.Errorf("%w: help is for one function or runner at a time", errUsage)
	}
	wanted := func(f *runners.Func) bool {
		return name == "" || f.Name == name || strings.HasPrefix(f.Name, strings.TrimSuffix(name, ".")+".")
	}
	if strings.Contains(name, "*") {
		wanted = func(f *runners.Func) bool {
			matched, err := path.Match(name, f.Name)
			return matched && err == nil
		}
	}
	found := docs(wanted)
	printName, err := p.namePrinter(c)
	if err != nil {
		return err
	}
	for _, e := range found.Entries {
		if err := printName(fmt.Sprintf("%s:", e.Key)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(p.stdout, e.Val); err != nil {
			return fmt.Errorf("print the help: %w", err)
		}
	}
	if found.Len() == 0 {
		return fmt.Errorf("%w: no help for %s", errUsage, name)
	}
	return nil
}

// namePrinter returns what prints the name of a function above its help. The outputter that
// --out names prints it, but highstate.
func (p *program) namePrinter(c *cli.Context) (func(name string) error, error) {
	out := c.String("out")
	if out == "" || out == "highstate" {
		return func(name string) error {
			_, err := fmt.Fprintln(p.stdout, name)
			return err
		}, nil
	}
	q, err := p.newQuestion(c)
	if err != nil {
		return nil, err
	}
	return func(name string) error { return q.print(out, name) }, nil
}

// docs maps the names of functions to their help, as salt.client.mixins.SyncClientMixin
// does in get_docs.
func docs(wanted func(*runners.Func) bool) *value.Map {
	m := value.NewMap()
	for _, f := range runners.All() {
		if wanted(f) {
			m.Set(f.Name, docString(f))
		}
	}
	return m
}

// docString is a function's help in the form of a Python doc string: it starts with an
// empty line, is indented by four columns, and ends with an empty line that is indented.
func docString(f *runners.Func) string {
	const indent = "    "
	var b strings.Builder
	for line := range strings.Lines(f.Doc) {
		b.WriteByte('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			b.WriteString(indent + line)
		}
	}
	return b.String() + "\n" + indent
}
