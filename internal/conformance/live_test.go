//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gorun/internal/saltlab"
	"gorun/internal/saltlab/scenario"
	"gorun/runners"
)

// TestLive plays the scenario on a real master of each generation, with a subscriber
// that follows it, and compares the answers of gorun and salt-run.
func TestLive(t *testing.T) {
	binary := build(t)
	for _, version := range []string{"3008.3", "3006.26", "2019.2.8"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel() // a Salt waits more than it works
			live(t, binary, version)
		})
	}
}

func live(t *testing.T, binary, version string) {
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{Version: version, Config: scenario.Config(), Files: scenario.Files()})
	if saltlab.Lacking(err) && !saltlab.AtLeast(version, "3000") {
		fmt.Printf("%s: NOT DONE: %v\n", t.Name(), err)
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	capture, err := lab.Capture()
	if err != nil {
		t.Fatal(err)
	}
	l := &liveTest{
		T: t, gorun: gorun{binary: binary, config: lab.ConfigDir()}, tally: newTally(version), last: time.Now(),
		day: &scenario.Day{Lab: lab, Capture: capture, Log: slog.New(slog.DiscardHandler)},
	}
	l.subscribe(t)
	for _, part := range []func(context.Context) error{l.day.Minions, l.day.Jobs, l.day.Runners, l.day.Deaths} {
		if err := part(ctx); err != nil {
			t.Fatal(err)
		}
		l.took("a part of the day")
	}
	l.manage(ctx)
	l.targets(ctx)
	l.took("manage")
	l.jobs(ctx)
	l.took("jobs")
	l.minionReturns(ctx)
	l.masterReturns(ctx)
	l.took("the returns of minion and master")
	l.report(t)
	for _, f := range runners.All() {
		// state.event has a test of its own; Salt 2019 is asked what all releases know.
		asked := l.asked[f.Name] > 0 || ownFunctions[f.Name] || f.Name == "state.event"
		if !asked && saltlab.AtLeast(version, "3008") {
			t.Errorf("%s was not asked", f.Name)
		}
	}
}

// A liveTest is a scenario that gorun follows.
type liveTest struct {
	*testing.T
	gorun
	tally
	day  *scenario.Day
	last time.Time // when took was called
}

// took logs how long something took since the last call.
func (l *liveTest) took(what string) {
	l.Logf("%s: %v", what, time.Since(l.last).Round(time.Second))
	l.last = time.Now()
}

var (
	runEnded    = regexp.MustCompile(`salt/run/(\d{20})/ret\n\n`)
	jobReturned = regexp.MustCompile(`salt/job/(\d{20})/ret/`)
)

// caughtUp waits until gorun knows the last that the bus has told of what it keeps: the
// end of a runner, or of a master on Python 2, which keeps none, a minion's return.
func (l *liveTest) caughtUp(ctx context.Context) {
	l.Helper()
	if err := l.day.Capture.WaitForRuns(ctx); err != nil {
		l.Fatal(err)
	}
	sign := runEnded
	if !saltlab.AtLeast(l.day.Lab.Version, "3000") {
		sign = jobReturned
	}
	told := sign.FindAllSubmatch(l.day.Capture.Bytes(), -1)
	if len(told) == 0 {
		l.Fatal("the bus has told nothing")
	}
	l.knows(string(told[len(told)-1][1]))
}

// knows waits until gorun has a return for a job.
func (l *liveTest) knows(jid string) {
	l.Helper()
	until(l.T, "gorun knows "+jid, func() bool {
		out, _ := l.run(l.T, "jobs.lookup_jid", jid)
		return len(out) > 0
	})
}

// manage compares who is up and who is down: salt-run's pings are what gorun has to
// learn it from.
func (l *liveTest) manage(ctx context.Context) {
	l.Helper()
	l.published(ctx, scenario.ManageQuestions())
}

// targets compares the same for some of the minions.
func (l *liveTest) targets(ctx context.Context) {
	if saltlab.AtLeast(l.day.Lab.Version, "3006") {
		l.published(ctx, scenario.TargetQuestions())
	}
}

// published asks salt-run first, and all at the same time, for it waits for minions. Where the
// answers differ, the question is asked again, alone.
func (l *liveTest) published(ctx context.Context, questions [][]string) {
	l.Helper()
	answers, err := l.day.Lab.SaltRunAll(ctx, questions)
	if err != nil {
		l.Fatal(err)
	}
	l.caughtUp(ctx)
	for i, args := range questions {
		want, again := answers[i], false
		var got, errs []byte
		settle(l.T, strings.Join(args, " "), func() bool {
			if again {
				if want, err = l.day.Lab.SaltRun(ctx, args...); err != nil {
					l.Fatal(err)
				}
				l.caughtUp(ctx)
			}
			again = true
			got, errs = l.ask(l.T, args)
			return agrees(args, got, want.Stdout)
		})
		l.judge(l.T, args, got, errs, want.Stdout)
	}
}

// settle asks both sides until they agree, a few times at most: on a busy machine one of two
// pings may miss a minion, or something end between two questions. What ask saw last is for
// its caller to compare.
func settle(t *testing.T, what string, ask func() (agree bool)) {
	t.Helper()
	const tries = 4
	for try := 1; !ask(); try++ {
		t.Logf("%s: the answers differ, for the %d. time", what, try)
		if try == tries {
			return
		}
	}
}

// jobs compares all that is asked about jobs. gorun goes first: each question to
// salt-run is a run of a runner, which the bus tells to gorun.
func (l *liveTest) jobs(ctx context.Context) {
	list, _ := l.ask(l.T, []string{"jobs.list_jobs"})
	questions := append(l.day.ListQuestions(), l.day.JobQuestions(scenario.ListedJIDs(list))...)
	questions = slices.DeleteFunc(questions, func(args []string) bool {
		_, known := runners.Lookup(args[0])
		if !known && later[args[0]] {
			l.waiting[args[0]]++
			return true
		}
		return false
	})
	if !saltlab.AtLeast(l.day.Lab.Version, "3008") { // options are 3008's: they are compared there
		questions = slices.DeleteFunc(questions, func(args []string) bool { return len(args) > 2 })
	}
	questions = append(questions, l.tables()...)
	type answer struct{ stdout, stderr []byte }
	got := make([]answer, len(questions))
	for i, args := range questions {
		got[i].stdout, got[i].stderr = l.ask(l.T, args)
	}
	for i, want := range l.askAll(ctx, questions) {
		l.judge(l.T, questions[i], got[i].stdout, got[i].stderr, want.Stdout)
	}
}

// tables are the questions with arguments of all kinds. Python 2 has other words for what is
// wrong with them, and Salt 2019 other parameters: it is asked without. Of a Salt before 3008 a
// quarter is asked, with GORUN_ALL all.
func (l *liveTest) tables() [][]string {
	presence := scenario.PresenceQuestions()
	if !saltlab.AtLeast(l.day.Lab.Version, "3006") {
		return slices.DeleteFunc(presence, func(args []string) bool { return len(args) > 1 })
	}
	all := slices.Concat(presence, l.day.ArgumentQuestions(), l.day.OutputQuestions(), scenario.HelpQuestions())
	if saltlab.AtLeast(l.day.Lab.Version, "3008") || os.Getenv("GORUN_ALL") != "" {
		return all
	}
	some := make([][]string, 0, len(all)/4+1) // each question is a process of salt-run's
	for i := 0; i < len(all); i += 4 {
		some = append(some, all[i])
	}
	return some
}

// askAll are the answers of a real salt-run.
func (l *liveTest) askAll(ctx context.Context, questions [][]string) []saltlab.Answer {
	l.Helper()
	answers, err := l.day.Lab.AskAll(ctx, questions)
	if err != nil {
		l.Fatal(err)
	}
	return answers
}

// minionReturns starts the minion again that was killed.
func (l *liveTest) minionReturns(ctx context.Context) {
	if err := l.day.Lab.StartDaemon(ctx, scenario.Doomed); err != nil {
		l.Fatal(err)
	}
	if err := l.day.Lab.Answering(ctx, scenario.Doomed); err != nil {
		l.Fatal(err)
	}
	l.manage(ctx)
}

// masterReturns kills the master and starts it again; the subscriber has to find it.
func (l *liveTest) masterReturns(ctx context.Context) {
	l.day.Lab.Kill(saltlab.Master)
	if err := l.day.Lab.StartDaemon(ctx, saltlab.Master); err != nil {
		l.Fatal(err)
	}
	capture, err := l.day.Lab.Capture()
	if err != nil {
		l.Fatal(err)
	}
	l.day.Capture = capture
	defer capture.Close()
	if err := l.day.Lab.Answering(ctx, scenario.Second, scenario.Doomed); err != nil {
		l.Fatal(err)
	}
	// Until the subscriber is back, what happens passes it by.
	until(l.T, "the subscriber is back", func() bool {
		jid := l.ping(ctx, scenario.Second)
		out, _ := l.run(l.T, "jobs.lookup_jid", jid)
		return len(out) > 0
	})
	// One job of two functions: the bus has lists where others have texts.
	jid := l.ping(ctx, scenario.Second, "test.ping,test.arg", ",x")
	l.knows(jid)
	questions := [][]string{{"jobs.list_job", jid}, {"jobs.lookup_jid", jid}}
	for i, want := range l.askAll(ctx, questions) {
		l.compare(l.T, l.gorun, questions[i], want.Stdout)
	}
	l.manage(ctx)
}

// ping runs a job, test.ping if none is named, and returns its jid.
func (l *liveTest) ping(ctx context.Context, tgt string, fun ...string) string {
	l.Helper()
	if len(fun) == 0 {
		fun = []string{"test.ping"}
	}
	jid, err := l.day.Salt(ctx, "", append([]string{tgt}, fun...)...)
	if err != nil {
		l.Fatal(err)
	}
	if jid == "" {
		l.Fatal("salt told no jid")
	}
	return jid
}
