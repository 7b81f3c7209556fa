package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/runners"
)

// printDocs answers -d: the help of all functions, of a runner's, or of one, in the layout
// of salt-run.
func (p *program) printDocs(c *cli.Context) error {
	name := c.Args().First()
	return printDoc(p.stdout, func(f *runners.Func) bool {
		return name == "" || f.Name == name || strings.HasPrefix(f.Name, name+".")
	})
}

func printDoc(w io.Writer, wanted func(*runners.Func) bool) error {
	for _, f := range runners.All() {
		if !wanted(f) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s:\n\n%s\n\n", f.Name, indented(f.Doc)); err != nil {
			return err
		}
	}
	return nil
}

// indented puts a help text where salt-run has it, four columns to the right.
func indented(doc string) string {
	lines := strings.Split(strings.TrimSpace(doc), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}
