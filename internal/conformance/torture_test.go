//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gorun/internal/saltlab"
	"gorun/internal/saltlab/scenario"
)

// TestTorture kills a subscriber again and again, and its master now and then, while jobs
// run. Afterwards every answer about jobs is salt-run's, and no hole is open. GORUN_TORTURE
// asks for the long form.
func TestTorture(t *testing.T) {
	jobs, kills, restarts := 40, 5, 1
	if os.Getenv("GORUN_TORTURE") != "" {
		jobs, kills, restarts = 200, 20, 3
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{
		// Large returns are cut on the bus.
		Version: "3008.3", Config: append(scenario.Config(), "max_event_size: 20000"), Files: scenario.Files(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := lab.StartMinions(ctx, scenario.First, scenario.Second); err != nil {
		t.Fatal(err)
	}
	if err := lab.AcceptKey(scenario.Absent); err != nil {
		t.Fatal(err)
	}
	v := &victim{T: t, gorun: gorun{binary: build(t), config: lab.ConfigDir()}}
	v.start()
	t.Cleanup(v.end)

	group, ctx := errgroup.WithContext(ctx)
	var published atomic.Int64
	group.Go(func() error { return publish(ctx, lab, int64(jobs), &published) })
	group.Go(func() error {
		return each(ctx, moments(kills, jobs), &published, func() error { v.suffer(); return nil })
	})
	group.Go(func() error {
		return each(ctx, moments(restarts, jobs), &published, func() error {
			lab.Kill(saltlab.Master)
			return lab.StartDaemon(ctx, saltlab.Master)
		})
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	ctx = t.Context()
	if err := lab.Answering(ctx, scenario.First, scenario.Second); err != nil {
		t.Fatal(err)
	}
	v.whole()
	v.idle(ctx, lab)
	n := v.judgeAll(ctx, lab)
	fmt.Printf("%s: %d jobs published, %d kills, %d restarts of the master; %d answers equal\n", t.Name(), published.Load(), v.kills, restarts, n)
	if n < jobs {
		t.Errorf("%d answers compared for %d jobs", n, jobs)
	}
}

// moments are numbers of published jobs, at random and in order.
func moments(n, jobs int) []int64 {
	at := make([]int64, n)
	for i := range at {
		at[i] = rand.Int64N(int64(jobs))
	}
	slices.Sort(at)
	return at
}

// each does something whenever so many jobs are published.
func each(ctx context.Context, moments []int64, published *atomic.Int64, do func() error) error {
	for _, at := range moments {
		for published.Load() < at {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		time.Sleep(rand.N(time.Second)) // anywhere in a job
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// publish runs jobs of all kinds until so many were taken by the master.
func publish(ctx context.Context, lab *saltlab.Lab, jobs int64, n *atomic.Int64) (err error) {
	kinds := [][]string{
		{"--async", "*", "test.ping"},
		{"*", "cmd.run", "echo hello"},
		{"--async", scenario.First, "state.sls", "bad"},
		{"--async", "*", "test.ping", `--metadata={"ticket": "A-1"}`},
		{"--async", scenario.Second, "cmd.run", "head -c 60000 /dev/zero | tr '\\0' x"},
		{"--async", "-L", scenario.First + "," + scenario.Absent, "test.arg", "1", "two"},
		{"--async", scenario.Second, "test.sleep", "2"},
		{scenario.First, "state.sls", "good"},
	}
	for i := 0; n.Load() < jobs; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		var a saltlab.Answer
		switch i % (len(kinds) + 2) {
		case len(kinds):
			a, err = lab.SaltCall(ctx, scenario.First, "test.ping")
		case len(kinds) + 1:
			a, err = lab.SaltRun(ctx, "test.arg", "a")
		default:
			a, err = lab.Salt(ctx, kinds[i%(len(kinds)+2)]...)
		}
		if err != nil {
			return err
		}
		if a.Status == 0 { // otherwise the master is down
			n.Add(1)
		}
	}
	return nil
}

// A victim is a subscriber that is killed.
type victim struct {
	*testing.T
	gorun
	cmd   *exec.Cmd
	errs  bytes.Buffer
	kills int
}

func (v *victim) start() {
	v.cmd = v.command(context.Background(), "-l", "info", "subscribe")
	v.cmd.Stderr = &v.errs
	if err := v.cmd.Start(); err != nil {
		v.Errorf("gorun subscribe: %v", err)
	}
}

func (v *victim) end() {
	_ = v.cmd.Process.Kill() // at most dead already
	_ = v.cmd.Wait()
	if v.Failed() {
		v.Logf("the subscribers wrote:\n%s", v.errs.String())
	}
}

// suffer has the subscriber killed, and started again at once or later.
func (v *victim) suffer() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // killed
	v.kills++
	if rand.N(2) == 0 {
		time.Sleep(rand.N(2 * time.Second)) // nobody listens
	}
	v.start()
}

// coverage is what gorun tells of its holes.
type coverage struct {
	Listening bool
	OpenHoles int `json:"open_holes"`
	Holes     []struct{ From, Until, Reason, Filled *string }
}

// whole waits until the subscriber listens and no hole is open.
func (v *victim) whole() {
	v.Helper()
	var c coverage
	until(v.T, "no hole is open", func() bool {
		out, _ := v.run(v.T, "--out=json", "cache", "info")
		if err := json.Unmarshal(out, &c); err != nil {
			v.Fatalf("gorun cache info: %v\n%s", err, out)
		}
		return c.Listening && c.OpenHoles == 0
	})
	for _, h := range c.Holes {
		if h.Reason == nil || *h.Reason == "" || h.Filled == nil {
			v.Errorf("a hole without its name or filling: %+v", h)
		}
	}
	if len(c.Holes) < 2 {
		v.Errorf("%d holes after %d kills", len(c.Holes), v.kills)
	}
}

// idle waits until no minion is at work any more, and the cache knows it: two answers are
// compared, and nothing is to happen between them.
func (v *victim) idle(ctx context.Context, lab *saltlab.Lab) {
	v.Helper()
	until(v.T, "nothing is at work", func() bool {
		out, errs := v.run(v.T, "jobs.active", "--out=json", "--out-indent=-1")
		unheard := bytes.Contains(errs, []byte(scenario.First)) || bytes.Contains(errs, []byte(scenario.Second))
		return string(bytes.TrimSpace(out)) == "{}" && !unheard
	})
	const last = "the last of all"
	if _, err := lab.Salt(ctx, scenario.First, "test.echo", last); err != nil {
		v.Fatal(err)
	}
	until(v.T, "the last job's return is in the cache", func() bool {
		out, _ := v.run(v.T, "jobs.last_run", "function=test.echo")
		return bytes.Contains(out, []byte(last))
	})
}

var started = regexp.MustCompile(`(?m)^ +"(\d{20})": \{$`)

// judgeAll compares the list of jobs, and each job.
func (v *victim) judgeAll(ctx context.Context, lab *saltlab.Lab) (equal int) {
	v.Helper()
	t := newTally("3008.3")
	questions := [][]string{{"jobs.list_jobs", "--out=json"}}
	list, _ := v.run(v.T, questions[0]...)
	for _, m := range started.FindAllSubmatch(list, -1) {
		questions = append(questions, []string{"jobs.lookup_jid", string(m[1])})
	}
	// gorun goes first: the bus tells of each question to salt-run.
	got := make([][]byte, len(questions))
	for i, args := range questions {
		var stderr []byte
		if got[i], stderr = v.run(v.T, args...); len(stderr) > 0 {
			v.Logf("%s: %s", strings.Join(args, " "), stderr)
		}
		if bytes.Contains(stderr, []byte("events are missing")) {
			v.Errorf("%s: a hole is open", strings.Join(args, " "))
		}
	}
	wanted, err := lab.AskAll(ctx, questions)
	if err != nil {
		v.Fatal(err)
	}
	for i, args := range questions {
		t.judge(v.T, args, got[i], nil, wanted[i].Stdout)
	}
	v.differing(got[0], wanted[0].Stdout)
	t.report(v.T)
	return t.equal
}

// differing names the jobs in which two lists differ.
func (v *victim) differing(got, want []byte) {
	v.Helper()
	var g, w map[string]any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal(want, &w)); err != nil {
		v.Errorf("lists of jobs: %v", err)
	}
	jids := maps.Clone(g)
	maps.Copy(jids, w)
	for jid := range jids {
		if !reflect.DeepEqual(g[jid], w[jid]) {
			v.Errorf("%s: gorun %v, salt %v", jid, g[jid], w[jid])
		}
	}
}
