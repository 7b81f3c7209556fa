package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

func (p *program) watchCommand() *cli.Command {
	return &cli.Command{
		Name:        "watch",
		Usage:       "follow the newest job to its end; jobs.watch JID follows another",
		Description: "See gorun -d jobs.watch.",
		ArgsUsage:   "[ask=False]",
		Action: func(c *cli.Context) (err error) {
			q, err := p.newQuestion(c)
			if err != nil {
				return err
			}
			defer closing(q.out, &err)
			f, _ := runners.Lookup("jobs.watch")
			args, err := q.bind(&runners.Func{Name: f.Name, Params: f.Params[1:]}, c.Args().Slice())
			if err != nil {
				return fmt.Errorf("%w: watch takes ask=False and nothing else; jobs.watch takes a jid", errUsage)
			}
			return q.watch(c.Context, runners.Newest, args[0])
		},
	}
}

// watchJob is jobs.watch.
func watchJob(ctx context.Context, q *question, args runners.Args) error {
	jid, ok := args[0].(string)
	if !ok {
		return fmt.Errorf("%w: the jid is no text", runners.ErrArgument)
	}
	return q.watch(ctx, func(context.Context, *runners.Env) (string, error) { return jid, nil }, args[1])
}

// watch follows the job that choose finds.
func (q *question) watch(ctx context.Context, choose func(context.Context, *runners.Env) (string, error), ask value.Value) (err error) {
	env, cache, err := q.open(ctx)
	if err != nil {
		return err
	}
	defer closing(cache, &err)
	w := watching{question: q, env: env, bar: newBar(q.stderr)}
	if value.Truth(ask) {
		w.master = &runningMaster{q: q, transport: q.conf.Gorun.Transport}
	}
	if err := w.choose(ctx); err != nil {
		return err
	}
	jid, err := choose(ctx, env)
	if err == nil {
		err = w.find(ctx, jid)
	}
	if errors.Is(err, jobcache.ErrUnknownJob) {
		q.say("%v", err)
		return errFailed
	}
	if err != nil {
		return err
	}
	within, cancel := ctx, context.CancelFunc(func() {})
	if seconds := q.cli.Int("timeout"); seconds > 0 {
		within, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	}
	defer cancel()
	view, err := w.follow(within, time.Now())
	if err != nil && (within.Err() == nil || ctx.Err() != nil) {
		return err
	}
	return w.conclude(view)
}

// watching is a job being followed from the command line.
type watching struct {
	*question
	env   *runners.Env
	kept  bool // Salt's own cache is read
	jid   string
	job   *runners.Watch
	bar   *bar
	heard string // the newest line of progress

	master  *runningMaster // that asks the minions; nil: nobody does
	refused string         // why it could not, the last time
}

// choose reads Salt's own cache, which the master itself writes, where no subscriber keeps
// gorun's current. It is asked again at each look, for a subscriber may end meanwhile.
func (w *watching) choose(ctx context.Context) error {
	status, err := w.env.Cache.Status(ctx, time.Now())
	if err != nil || status.Listening {
		return err
	}
	kept, ok := w.env.Kept.(runners.Cache)
	if !ok {
		return fmt.Errorf("%w: no subscriber is listening, and salt's own job cache cannot be read", runners.ErrStale)
	}
	w.say("no subscriber is listening: salt's own job cache is read")
	w.env.Cache, w.kept = kept, true
	return nil
}

// find finds the job: in Salt's own cache, if gorun's has not heard its announcement.
func (w *watching) find(ctx context.Context, jid string) (err error) {
	w.jid = jid
	w.job, err = runners.NewWatch(ctx, w.env, jid)
	unknown := errors.Is(err, jobcache.ErrUnknownJob)
	kept, ok := w.env.Kept.(runners.Cache)
	if w.kept || !ok || err != nil && !unknown || err == nil && w.job.Announced() {
		return err
	}
	ours := w.env.Cache
	w.env.Cache = kept
	job, keptErr := runners.NewWatch(ctx, w.env, jid)
	if keptErr != nil { // it is not there either
		w.env.Cache = ours
		return err
	}
	w.job, w.kept = job, true
	return nil
}

const (
	// lookEvery is the least time between two looks; looking itself takes up to a tenth of
	// the time, however large the job.
	lookEvery = 250 * time.Millisecond
	lookShare = 10
)

// follow prints what comes until the job is over, and returns the last view of it; with it,
// the error of ctx where that ended before.
func (w *watching) follow(ctx context.Context, since time.Time) (*runners.View, error) {
	var last *runners.View
	for {
		began := time.Now()
		if !w.kept {
			if err := w.choose(ctx); err != nil {
				return last, err
			}
		}
		view, err := w.job.Look(ctx, began, w.printReturn)
		if err != nil {
			return last, err
		}
		last = view
		if view.Over {
			w.bar.clear()
			return last, nil
		}
		w.progress(view, began.Sub(since))
		w.ask(ctx, view.Ask)
		timer := time.NewTimer(max(lookEvery, lookShare*time.Since(began)))
		select {
		case <-ctx.Done():
			timer.Stop()
			w.bar.clear()
			return last, ctx.Err()
		case <-timer.C:
		}
	}
}

// ask asks minions, as salt does while it waits, whether they are at the job. The answers come
// into the job cache as all do.
func (w *watching) ask(ctx context.Context, ids []string) {
	if w.master == nil || len(ids) == 0 {
		return
	}
	err := w.master.findJob(ctx, w.jid, ids)
	if err == nil || ctx.Err() != nil || err.Error() == w.refused {
		return
	}
	w.refused = err.Error()
	w.bar.clear()
	w.say("the minions cannot be asked whether they are at it: %v", err)
}

// printReturn prints one return as salt does.
func (w *watching) printReturn(came runners.Came) error {
	w.bar.clear()
	if w.cli.Bool("quiet") {
		return nil
	}
	return w.print(w.outputter(&runners.Answer{Outputter: came.Outputter}), value.NewMap(came.Minion, came.Return))
}

// progress tells how far the job is: on a terminal in a line that is written anew, elsewhere
// in a line for each change.
func (w *watching) progress(view *runners.View, spent time.Duration) {
	t := tallyOf(view.Minions)
	if w.bar != nil {
		w.bar.draw(t, spent)
		return
	}
	if line := t.String(); line != w.heard {
		w.heard = line
		w.say("job %s: %s", w.jid, line)
	}
}

// conclude tells how the job ended, and whether well.
func (w *watching) conclude(view *runners.View) error {
	if view == nil { // not one look in time
		return errStale
	}
	t := tallyOf(view.Minions)
	w.say("job %s: %s", w.jid, t)
	const most = 20
	told := 0
	for _, m := range view.Minions {
		if m.State == runners.Returned || m.State == runners.Failed {
			continue
		}
		if told++; told <= most {
			w.say("%s: %s: %s", m.ID, m.State, m.Why)
		}
	}
	if told > most {
		w.say("%d more did not return: gorun jobs.timeline %s has them all", told-most, w.jid)
	}
	switch {
	case !view.Over:
		w.say("the job is not over: --timeout came first")
		return errStale
	case t.all == 0, t.all > t.count[runners.Returned]:
		return errFailed
	}
	return nil
}

// tally counts the minions of a job by state.
type tally struct {
	all   int
	count map[runners.MinionState]int
}

func tallyOf(minions []runners.MinionProgress) tally {
	t := tally{all: len(minions), count: make(map[runners.MinionState]int)}
	for _, m := range minions {
		t.count[m.State]++
	}
	return t
}

// back is how many have returned.
func (t tally) back() int { return t.count[runners.Returned] + t.count[runners.Failed] }

func (t tally) String() string {
	parts := []string{fmt.Sprintf("%d of %d returned", t.back(), t.all)}
	for _, state := range []runners.MinionState{runners.Failed, runners.Working, runners.Gone, runners.Silent, runners.Down, runners.Waiting} {
		if n := t.count[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(parts, ", ")
}

// bar is a line of progress on a terminal. A nil bar draws nothing.
type bar struct {
	out  *os.File
	line string // what is drawn
}

// newBar returns a bar where w is a terminal, else nil.
func newBar(w any) *bar {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &bar{out: f}
	}
	return nil
}

const eraseLine = "\r\x1b[K"

func (b *bar) clear() {
	if b != nil && b.line != "" {
		_, _ = b.out.WriteString(eraseLine) // as with say: an error has nowhere to be told
		b.line = ""
	}
}

func (b *bar) draw(t tally, spent time.Duration) {
	width, _, err := term.GetSize(int(b.out.Fd()))
	if err != nil || width == 0 {
		width = 80
	}
	if line := barLine(t, spent, width); line != b.line {
		b.line = line
		_, _ = b.out.WriteString(eraseLine + line)
	}
}

// barLine shows the share of each state in up to 30 columns: # returned, ! failed, . at work,
// ? silent, down or gone; and the numbers behind it, cut to the width of the terminal.
func barLine(t tally, spent time.Duration, width int) string {
	const columns = 30
	var b strings.Builder
	done, drawn := 0, 0
	for _, part := range []struct {
		sign string
		n    int
	}{
		{"#", t.count[runners.Returned]},
		{"!", t.count[runners.Failed]},
		{".", t.count[runners.Working]},
		{"?", t.count[runners.Gone] + t.count[runners.Silent] + t.count[runners.Down]},
	} {
		done += part.n
		to := done * columns / max(t.all, 1)
		b.WriteString(strings.Repeat(part.sign, to-drawn))
		drawn = to
	}
	line := fmt.Sprintf("[%-*s] %s, %s", columns, b.String(), t, spent.Round(time.Second))
	return line[:min(len(line), max(width-1, 0))]
}
