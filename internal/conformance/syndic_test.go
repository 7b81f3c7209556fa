//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gorun/internal/saltlab"
)

// TestLiveSyndic asks a master of masters, which has one minion of its own and one below a
// syndic. That is a Salt 3006: the syndic of 3008.3 hands up no return but the first.
func TestLiveSyndic(t *testing.T) {
	t.Parallel() // a Salt waits more than it works
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	const above, below = "own", "below"
	top := startLab(t, ctx, saltlab.Options{Version: "3008.3", Config: []string{
		"order_masters: True", "timeout: 4", "gather_job_timeout: 3", "syndic_wait: 2"}})
	low := startLab(t, ctx, saltlab.Options{Version: "3006.26"})
	g := gorun{binary: build(t), config: top.ConfigDir()}
	g.subscribe(t)
	err := errors.Join(low.StartSyndic(ctx, top, "lower"), low.StartMinions(ctx, below),
		top.StartMinions(ctx, above))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the minion below answers", func() bool {
		out, _ := g.run(t, "manage.up", "tgt="+below)
		return bytes.Contains(out, []byte(below))
	})
	run := func(lab *saltlab.Lab, args ...string) (jid string) {
		t.Helper()
		a, err := lab.Salt(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		if jid = string(aJID.Find(append(a.Stdout, a.Stderr...))); jid == "" {
			t.Fatalf("salt %q: %s%s", args, a.Stdout, a.Stderr)
		}
		return jid
	}
	n := newTally(top.Version)
	run(top, "--async", "*", "test.sleep", "100")
	until(t, "both are at the job", func() bool {
		out, _ := g.run(t, "jobs.active")
		return bytes.Contains(out, []byte(above)) && bytes.Contains(out, []byte(below))
	})
	n.together(t, ctx, g, top, [][]string{
		{"jobs.active"}, {"manage.status"}, {"manage.up"}, {"manage.down"}, {"manage.up", "tgt=no*"},
		{"manage.up", "tgt=" + below}, {"manage.status", "tgt=" + above},
	})
	jids := []string{run(top, "-v", "*", "test.arg", "1", "a=b"), run(low, "-v", below, "test.echo", "below"), run(low, "--async", below, "test.sleep", "60")}
	var questions [][]string
	for _, jid := range jids {
		questions = append(questions, []string{"jobs.lookup_jid", jid}, []string{"jobs.lookup_jid", jid, "missing=True"},
			[]string{"jobs.list_job", jid}, []string{"jobs.print_job", jid})
	}
	for _, jid := range jids[:2] {
		until(t, "gorun has what is below of "+jid, func() bool {
			out, _ := g.run(t, "jobs.lookup_jid", jid)
			return bytes.Contains(out, []byte(below))
		})
	}
	// What was asked while the syndic was not connected yet is lost to Salt's cache.
	const since = "search_function=test.arg,test.echo,test.sleep"
	n.together(t, ctx, g, top, append(questions, []string{"jobs.list_jobs", since}, []string{"jobs.list_jobs", since, "search_target=" + below}))
	n.report(t)
}

var aJID = regexp.MustCompile(`\b\d{20}\b`)

// startLab starts a master that ends with the test.
func startLab(t *testing.T, ctx context.Context, o saltlab.Options) *saltlab.Lab {
	t.Helper()
	lab, err := saltlab.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}

// together asks salt-run and gorun the same at the same time, and compares. What differs is
// asked again, alone.
func (n *tally) together(t *testing.T, ctx context.Context, g gorun, lab *saltlab.Lab, questions [][]string) {
	t.Helper()
	type answer struct{ stdout, stderr []byte }
	got := make([]answer, len(questions))
	var want []saltlab.Answer
	var group errgroup.Group
	group.Go(func() (err error) {
		want, err = lab.AskAll(ctx, questions)
		return err
	})
	ask := func(i int) { got[i].stdout, got[i].stderr = g.run(t, questions[i]...) }
	for i := range questions {
		ask(i)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, args := range questions {
		again := false
		settle(t, strings.Join(args, " "), func() bool {
			if again {
				var err error
				if want[i], err = lab.Ask(ctx, args...); err != nil {
					t.Fatal(err)
				}
				ask(i)
			}
			again = true
			if args[0] == "jobs.active" && slices.Equal(sorted(got[i].stdout, words), sorted(want[i].Stdout, words)) {
				want[i].Stdout = got[i].stdout // salt-run lists who is at it as they answer
			}
			_, explained := explain(n.version, args, want[i].Stdout)
			return explained || agrees(args, got[i].stdout, want[i].Stdout)
		})
		n.judge(t, args, got[i].stdout, got[i].stderr, want[i].Stdout)
	}
}
