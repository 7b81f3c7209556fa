package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/listen"
	"gorun/internal/master"
	"gorun/runners"
	"gorun/value"
)

const eventsText = `The words behind the options are the tags that are wanted, each a glob or else a
regular expression; without any, all events are. On a terminal an event is printed as
Salt's eventlisten.py does, in a pipe as one line of JSON.

Exit status: 0 when it ended as told; 1 when --timeout came before --count; 3 when
events were missed.`

func (p *program) eventsCommand() *cli.Command {
	return &cli.Command{
		Name:        "events",
		Usage:       "print the events of the bus as they come",
		ArgsUsage:   "[TAG…]",
		Description: eventsText,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sock-dir", Aliases: []string{"s"}, Usage: "look for the socket in `DIR`/master or DIR/minion, or in DIR itself; otherwise where the configuration says"},
			&cli.StringFlag{Name: "node", Aliases: []string{"n"}, Value: nodeMaster, Usage: "`NODE` to listen to: master, or minion for a minion of this machine"},
			&cli.StringFlag{Name: "id", Aliases: []string{"i"}, Usage: "`ID` of that minion; without, the first word, or the only minion there is"},
			&cli.StringFlag{Name: "func-count", Aliases: []string{"f", "func_count"}, Usage: "print no events: count the minions that reply with `FUNCTION`"},
			&cli.StringFlag{Name: "transport", Aliases: []string{"t"}, Value: "zeromq", Usage: "stream or zmq: `WHAT` the bus must speak; Salt's names of transports let it be found out"},
			&cli.IntFlag{Name: "count", Value: -1, Usage: "end after `N` events, or with -f replies"},
			&cli.StringFlag{Name: "fields", Usage: "print these `NAMES` alone, with commas between: tag, or fields of the data (id, return.pid), a line an event with tabs"},
			&cli.BoolFlag{Name: "hide-find-job", Usage: "leave out the find_job jobs by which salt asks who is at work"},
		},
		Action: p.runEvents,
	}
}

// The nodes that have a bus.
const (
	nodeMaster = "master"
	nodeMinion = "minion"
)

func (p *program) runEvents(c *cli.Context) (err error) {
	q, err := p.newQuestion(c)
	if err != nil {
		return err
	}
	defer closing(q.out, &err)
	words := c.Args().Slice()
	w := where{node: c.String("node"), dir: c.String("sock-dir"), id: c.String("id"), transport: q.conf.Gorun.Transport}
	if w.node == nodeMinion && w.id == "" && len(words) > 0 { // as eventlisten.py has it
		w.id, words = words[0], words[1:]
	}
	if w.dir != "" {
		if below := filepath.Join(w.dir, w.node); isDir(below) {
			w.dir = below
		}
	}
	if err := w.speak(c.String("transport")); err != nil {
		return err
	}
	form, err := q.eventForm()
	if err != nil {
		return err
	}
	f := following{question: q, where: w, tags: words, left: c.Int("count"), form: form, hide: c.Bool("hide-find-job")}
	if fun := c.String("func-count"); fun != "" {
		f.counter = &listen.Counter{Function: fun}
	}
	return f.run(c.Context)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// eventForm chooses how events are printed.
func (q *question) eventForm() (listen.Form, error) {
	out := q.cli.String("out")
	if names := q.cli.String("fields"); names != "" {
		fields := strings.Split(names, ",")
		switch {
		case slices.Contains(fields, ""):
			return nil, fmt.Errorf("%w: --fields=%s has an empty name", errUsage, names)
		case out == "json":
			return listen.JSONFields(fields), nil
		}
		return listen.Fields(fields), nil
	}
	switch {
	case out == "json", out == "" && !q.onTerminal():
		return listen.JSON, nil
	case out == "pprint", out == "":
		return listen.Listing(time.Now), nil
	}
	return listen.Outputter(out, q.options), nil
}

// onTerminal tells whether the answer is seen by a terminal.
func (q *question) onTerminal() bool {
	out, _ := q.out.(keepOpen)
	_, ok := out.Writer.(*terminal)
	return ok
}

// stateEvent is salt-run state.event (salt.runners.state.event): each event is printed, then
// the answer, which is None.
func stateEvent(ctx context.Context, q *question, args runners.Args) error {
	var count int
	switch n := args[1].(type) {
	case int64:
		count = int(n)
	case bool: // Python's True is 1
		if n {
			count = 1
		}
	default:
		return fmt.Errorf("%w: count is no number", runners.ErrArgument)
	}
	tag, isText := args[0].(string)
	dir, dirIsText := args[3].(string)
	if !isText || !dirIsText && value.Truth(args[3]) {
		return fmt.Errorf("%w: tagmatch and sock_dir are text", runners.ErrArgument)
	}
	f := following{
		question: q, tags: []string{tag}, left: count, form: listen.Tagged(value.Truth(args[4])), quiet: value.Truth(args[2]),
		where: where{node: nodeMaster, dir: dir, transport: q.conf.Gorun.Transport},
	}
	if args[5] != nodeMaster {
		f.where.node = nodeMinion
	}
	if count == 0 { // counted down before it is looked at
		f.left = 1
	}
	if err := f.run(ctx); err != nil {
		return err
	}
	return q.show(new(runners.Answer))
}

// where says which bus is meant.
type where struct {
	node, dir, id string
	transport     string
}

// speak takes -t: gorun's names force what the bus must speak; Salt's name the transport to
// the minions, which says nothing of the bus.
func (w *where) speak(transport string) error {
	switch transport {
	case event.TransportStream, event.TransportZMQ:
		w.transport = transport
	case "zeromq", "tcp", "ws":
	default:
		return fmt.Errorf("%w: no transport %s: stream, zmq, or Salt's zeromq, tcp, ws", errUsage, transport)
	}
	return nil
}

// bus finds the bus.
func (w *where) bus(conf *master.Config) (event.Config, error) {
	bus := event.Config{Transport: w.transport, MaxMessage: int(conf.Gorun.MaxEventSize)}
	switch w.node {
	case nodeMaster:
		socket := conf.EventSocket()
		if bus.Path, bus.TCP = socket.Path, socket.TCP; w.dir != "" {
			bus.Path, bus.TCP = filepath.Join(w.dir, listen.MasterSocket), ""
		}
	case nodeMinion:
		dir := w.dir
		if dir == "" { // Salt's default for a minion is beside the master's
			dir = filepath.Join(filepath.Dir(conf.SockDir), nodeMinion)
		}
		var err error
		if bus.Path, err = listen.MinionSocket(dir, w.id, conf.HashType); err != nil {
			return bus, err
		}
	default:
		return bus, fmt.Errorf("%w: no node %s: master or minion", errUsage, w.node)
	}
	return bus, nil
}

// following is a listening from the command line.
type following struct {
	*question
	where   where
	tags    []string // expressions; none: all
	left    int      // how many more; below zero: no end
	form    listen.Form
	quiet   bool
	hide    bool            // find_job
	counter *listen.Counter // nil: print events
}

func (f *following) run(ctx context.Context) error {
	bus, err := f.where.bus(f.conf)
	if err != nil {
		return err
	}
	f.checkAccess(bus)
	wanted, err := f.wanted()
	if err != nil {
		return err
	}
	within, cancel := ctx, context.CancelFunc(func() {})
	if seconds := f.cli.Int("timeout"); seconds > 0 {
		within, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	}
	defer cancel()
	printer := listen.Printer{Out: f.out, Form: f.form}
	heard, err := listen.Run(within, listen.Config{
		Bus: bus, Tell: f.say,
		Each: func(e listen.Event) (done bool, err error) {
			if !wanted(e) {
				return false, nil
			}
			if f.counter != nil {
				id, ok := f.counter.Reply(e)
				if !ok {
					return false, nil
				}
				_, err = fmt.Fprintf(f.out, "Reply received from [%s]. Total replies now: [%d].\n", listen.Line(id), f.counter.Replies())
			} else if !f.quiet && !f.cli.Bool("quiet") {
				err = printer.Print(e)
			}
			f.left--
			return f.left == 0, err
		},
	})
	switch {
	case err != nil:
		return err
	case f.left == 0:
	case f.left > 0 && ctx.Err() != nil:
		return ctx.Err()
	case !heard.Connected:
		return errStale // why, has been told
	case f.left > 0:
		f.say("%d more did not come in time", f.left)
		err = errFailed
	}
	if heard.Missed > 0 {
		f.say("events may have been missed")
		return errStale
	}
	return err
}

// wanted tells which events are.
func (f *following) wanted() (func(listen.Event) bool, error) {
	patterns := make([]func(string) bool, len(f.tags))
	for i, expr := range f.tags {
		var ok bool
		if patterns[i], ok = listen.Pattern(expr); !ok && strings.Contains(expr, "(?") {
			return nil, fmt.Errorf("%w: %s is no regular expression that gorun reads", runners.ErrArgument, expr)
		}
	}
	return func(e listen.Event) bool {
		if f.hide && listen.IsFindJob(e) {
			return false
		}
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(matches func(string) bool) bool { return matches(e.Tag) })
	}, nil
}

// checkAccess warns where the socket directory cannot be read, as eventlisten.py does. That
// there is no bus yet is told by the listening.
func (f *following) checkAccess(bus event.Config) {
	if bus.Path == "" {
		return
	}
	const readAndSearch = 4 | 1
	dir := filepath.Dir(bus.Path)
	if err := syscall.Access(dir, readAndSearch); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.say("warning: events will not be reported (not able to access %s: %v)", dir, err)
	}
}
