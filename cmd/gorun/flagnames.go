package main

import "github.com/urfave/cli/v2"

// named gives flags that know their names. urfave/cli asks each flag for the names of all, and
// a flag of its own takes them apart with a regular expression each time: a tenth of what a
// short answer took.
func named(flags []cli.Flag) []cli.Flag {
	all := make([]cli.Flag, len(flags))
	for i, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			all[i] = &namedString{f, names(f.Name, f.Aliases)}
		case *cli.BoolFlag:
			all[i] = &namedBool{f, names(f.Name, f.Aliases)}
		default:
			all[i] = f
		}
	}
	return all
}

// names are those that a flag was given, which have no commas.
func names(name string, aliases []string) []string {
	return append([]string{name}, aliases...)
}

type namedString struct {
	*cli.StringFlag
	names []string
}

func (f *namedString) Names() []string { return f.names }

type namedBool struct {
	*cli.BoolFlag
	names []string
}

func (f *namedBool) Names() []string { return f.names }
