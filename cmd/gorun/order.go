package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts a command line in the order that urfave/cli reads: the options of app,
// the command and its options, --, the arguments. It takes the options where Python's
// optparse takes them, and so salt-run: anywhere before a --, their values behind = or as
// the next word, short ones grouped (-dl debug, -cDIR), long ones cut short as long as
// one alone is meant. A word that starts with - is an option, be it a number. Errors are
// errUsage, with optparse's texts.
func arrange(args []string, app *cli.App) ([]string, error) {
	o := ordering{levels: []*level{newLevel("", app.Flags)}}
	commands := app.Commands
	var words []string
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			words = append(words, args...)
			args = nil
		case strings.HasPrefix(word, "--"):
			args, err = o.long(word, args)
		case strings.HasPrefix(word, "-") && word != "-":
			args, err = o.short(word, args)
		default:
			if command := find(commands, word); command != nil && len(words) == 0 {
				o.levels = append(o.levels, newLevel(word, command.Flags))
				commands = command.Subcommands
				continue
			}
			words = append(words, word)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	line := o.line()
	if len(words) > 0 {
		line = append(append(line, "--"), words...)
	}
	return line, nil
}

func find(commands []*cli.Command, name string) *cli.Command {
	if i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(name) }); i >= 0 {
		return commands[i]
	}
	return nil
}

// level is a command, or the program itself, with the options that were given for it.
type level struct {
	name  string
	flags []cli.Flag
	line  []string
}

func newLevel(name string, flags []cli.Flag) *level {
	return &level{name: name, flags: append(slices.Clip(flags), cli.HelpFlag)}
}

// ordering sorts options to the commands that have them, the innermost first.
type ordering struct {
	levels []*level
}

// option is one that a word means.
type option struct {
	at         *level
	flag, name string // its first name, and the one that was meant
	takesValue bool
}

// options lists them all, under each of their names.
func (o *ordering) options() map[string]option {
	all := make(map[string]option)
	for _, at := range o.levels { // the innermost last, to stay
		for _, flag := range at.flags {
			doc, ok := flag.(cli.DocGenerationFlag)
			for _, name := range flag.Names() {
				all[name] = option{at, flag.Names()[0], dashed(name), ok && doc.TakesValue()}
			}
		}
	}
	return all
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// long takes --name, --name=value or --name value, and returns the args that remain.
func (o *ordering) long(word string, args []string) ([]string, error) {
	name, text, explicit := strings.Cut(word[2:], "=")
	opt, err := o.match(name)
	if err != nil {
		return nil, err
	}
	switch {
	case !opt.takesValue && explicit:
		return nil, fmt.Errorf("%s option does not take a value", opt.name)
	case !opt.takesValue:
		opt.set()
	case explicit:
		opt.setTo(text)
	case len(args) == 0:
		return nil, fmt.Errorf("%s option requires 1 argument", opt.name)
	default:
		opt.setTo(args[0])
		return args[1:], nil
	}
	return args, nil
}

// match finds the long option that name stands for, whole or cut short.
func (o *ordering) match(name string) (option, error) {
	options := o.options()
	if opt, ok := options[name]; ok && len(name) > 1 {
		return opt, nil
	}
	var near []string
	for full := range options {
		if len(full) > 1 && strings.HasPrefix(full, name) {
			near = append(near, full)
		}
	}
	switch len(near) {
	case 0:
		return option{}, fmt.Errorf("no such option: --%s", name)
	case 1:
		return options[near[0]], nil
	}
	slices.Sort(near)
	return option{}, fmt.Errorf("ambiguous option: --%s (--%s?)", name, strings.Join(near, ", --"))
}

// short takes a group of one-letter options; the first that wants a value has the rest
// of the word, or else the next one.
func (o *ordering) short(word string, args []string) ([]string, error) {
	options := o.options()
	letters := []rune(word[1:])
	for i, letter := range letters {
		opt, ok := options[string(letter)]
		rest := string(letters[i+1:])
		switch {
		case !ok:
			return nil, fmt.Errorf("no such option: -%c", letter)
		case !opt.takesValue:
			opt.set()
		case rest != "":
			opt.setTo(rest)
			return args, nil
		case len(args) == 0:
			return nil, fmt.Errorf("%s option requires 1 argument", opt.name)
		default:
			opt.setTo(args[0])
			return args[1:], nil
		}
	}
	return args, nil
}

func (o option) set() { o.at.line = append(o.at.line, "--"+o.flag) }

func (o option) setTo(text string) { o.at.line = append(o.at.line, "--"+o.flag+"="+text) }

// line is everything but the arguments.
func (o *ordering) line() []string {
	line := o.levels[0].line
	for _, at := range o.levels[1:] {
		line = append(append(line, at.name), at.line...)
	}
	return line
}
