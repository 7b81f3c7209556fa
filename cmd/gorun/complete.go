package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/output"
	"gorun/runners"
)

// completeCommand is asked by the shells' completions (packaging/completions): one candidate
// a line, a tab, what it is.
func (p *program) completeCommand() *cli.Command {
	return &cli.Command{
		Name:   "complete",
		Usage:  "print what the last of the given words could become",
		Hidden: true,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) == 0 {
				words = []string{""}
			}
			for _, found := range completion(c.Context, p.app(), words) {
				if _, err := fmt.Fprintf(p.stdout, "%s\t%s\n", found.text, found.about); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// candidate is what a word could become.
type candidate struct {
	text, about string
}

// commandLine is what stands before the word that is to be completed.
type commandLine struct {
	ordering
	commands  []*cli.Command
	function  *runners.Func
	args      []string // of the function
	wants     string   // the option that has the word for its value
	configDir string
}

// readLine reads words as arrange does, and forgives what makes no sense yet.
func readLine(app *cli.App, words []string) *commandLine {
	l := &commandLine{
		ordering: ordering{levels: []*level{newLevel("", app.Flags)}}, commands: app.Commands, configDir: master.DefaultDir(),
	}
	for _, word := range words {
		switch {
		case l.wants != "":
			l.take(word)
		case strings.HasPrefix(word, "-"):
			name, text, explicit := strings.Cut(strings.TrimLeft(word, "-"), "=")
			if opt, ok := l.options()[name]; ok && opt.takesValue {
				if l.wants = opt.flag; explicit {
					l.take(text)
				}
			}
		case l.function != nil:
			l.args = append(l.args, word)
		default:
			l.function, _ = runners.Lookup(word)
			if command := find(l.commands, word); command != nil {
				l.levels = append(l.levels, newLevel(word, command.Flags))
				l.commands = command.Subcommands
			}
		}
	}
	return l
}

// take gives the option that waits for a value its value.
func (l *commandLine) take(text string) {
	if l.wants == "config-dir" {
		l.configDir = text
	}
	l.wants = ""
}

// completion returns what the last of words could become, in order.
func completion(ctx context.Context, app *cli.App, words []string) []candidate {
	word := words[len(words)-1]
	l := readLine(app, words[:len(words)-1])
	var all []candidate
	name, _, explicit := strings.Cut(word, "=")
	switch {
	case l.wants != "":
		all = l.values(ctx, l.wants)
	case strings.HasPrefix(word, "--") && explicit:
		if opt, ok := l.options()[name[2:]]; ok {
			all = prefixed(name+"=", l.values(ctx, opt.flag))
		}
	case strings.HasPrefix(word, "-"):
		all = l.optionNames()
	case l.function != nil && explicit:
		all = prefixed(name+"=", l.values(ctx, name))
	case l.function != nil:
		all = l.arguments(ctx)
	default:
		for _, c := range l.commands {
			if !c.Hidden {
				all = append(all, candidate{c.Name, c.Usage})
			}
		}
		if len(l.levels) == 1 {
			for _, f := range runners.All() {
				all = append(all, candidate{f.Name, firstLine(f.Doc)})
			}
		}
	}
	return slices.DeleteFunc(all, func(c candidate) bool {
		return !strings.HasPrefix(c.text, word) || !harmless(c.text)
	})
}

// harmless tells whether a shell reads text as a word and nothing else: ids come from
// minions, and what is completed is run.
func harmless(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_.:=@+,%", r)
	}) < 0
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

func prefixed(prefix string, all []candidate) []candidate {
	for i := range all {
		all[i].text = prefix + all[i].text
	}
	return all
}

func (l *commandLine) optionNames() (all []candidate) {
	for _, at := range l.levels {
		for _, flag := range at.flags {
			visible, ok := flag.(cli.VisibleFlag)
			doc, documented := flag.(cli.DocGenerationFlag)
			if ok && !visible.IsVisible() || !documented {
				continue
			}
			about := strings.ReplaceAll(doc.GetUsage(), "`", "")
			for _, name := range flag.Names() {
				if len(name) > 1 {
					all = append(all, candidate{"--" + name, about})
					break
				}
			}
		}
	}
	return all
}

// arguments are the values of the parameter whose turn it is, and the names of all.
func (l *commandLine) arguments(ctx context.Context) (all []candidate) {
	given := 0
	for _, arg := range l.args {
		if _, _, keyword := cutKeyword(arg); !keyword {
			given++
		}
	}
	for i, param := range l.function.Params {
		if i == given && !param.KeywordOnly {
			all = l.values(ctx, param.Name)
		}
	}
	for _, param := range l.function.Params {
		about := "an argument of " + l.function.Name
		all = append(all, candidate{param.Name + "=", about})
	}
	return all
}

// values are those that an option, or a parameter of that name, can have, as far as that is
// known.
func (l *commandLine) values(ctx context.Context, name string) (all []candidate) {
	switch name {
	case "out", "outputter", "output":
		for _, out := range output.All() {
			all = append(all, candidate{out.Name, out.Help})
		}
	case "tgt-type", "tgt_type", "expr_form", "search_target_type":
		for _, kind := range []string{"glob", "list", "pcre", "grain", "grain_pcre", "pillar", "nodegroup", "ipcidr", "compound"} {
			all = append(all, candidate{kind, "a kind of target"})
		}
	case "log-level", "log-file-level":
		for _, level := range []string{"debug", "info", "warning", "error", "quiet"} {
			all = append(all, candidate{level, "a log level"})
		}
	case "source":
		all = []candidate{{"auto", "the cache where it is current"}, {"cache", "the cache, however old"}}
	case "tgt", "search_target", "minions", "minion":
		conf, err := master.Load(l.configDir)
		if err != nil {
			return nil
		}
		ids, _ := conf.AcceptedKeys() // none to offer
		for _, id := range ids {
			all = append(all, candidate{id, "an accepted minion"})
		}
	case "jid":
		all = l.fromCache(ctx, newestJobs)
	case "function", "search_function":
		all = l.fromCache(ctx, functionsSeen)
	}
	return all
}

// fromCache asks the job cache; without one there is nothing to offer.
func (l *commandLine) fromCache(ctx context.Context, ask func(context.Context, *jobcache.Reader) []candidate) []candidate {
	conf, err := master.Load(l.configDir)
	if err != nil {
		return nil
	}
	reader, err := jobcache.OpenReader(storePath(conf))
	if err != nil {
		return nil
	}
	defer func() { _ = reader.Close() }() // what was found is offered
	return ask(ctx, reader)
}

// maxOffered is how many jobs are offered.
const maxOffered = 30

var errEnough = errors.New("enough")

func newestJobs(ctx context.Context, reader *jobcache.Reader) (all []candidate) {
	_ = reader.Jobs(ctx, jobcache.Selection{Newest: true}, func(job *jobcache.Job) error {
		about := strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f {
				return '?'
			}
			return r
		}, job.Fun)
		if all = append(all, candidate{strings.Clone(job.JID), about}); len(all) == maxOffered {
			return errEnough
		}
		return nil
	})
	return all
}

func functionsSeen(ctx context.Context, reader *jobcache.Reader) (all []candidate) {
	_ = reader.Jobs(ctx, jobcache.Selection{Fun: func(name string) bool {
		if name != "" {
			all = append(all, candidate{name, "a function that was run"})
		}
		return false
	}}, func(*jobcache.Job) error { return nil })
	slices.SortFunc(all, func(a, b candidate) int { return strings.Compare(a.text, b.text) })
	return all
}
