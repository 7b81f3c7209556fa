//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"testing"
	"time"

	"gorun/internal/saltlab"
)

// TestLivePing has the subscriber itself ask the minions of a master without presence events:
// who stands still is found, and the jobs are marked.
func TestLivePing(t *testing.T) {
	t.Parallel() // a Salt waits more than it works
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	const id = "minion-1"
	lab := startLab(t, ctx, saltlab.Options{Version: "3008.3", Config: []string{
		"timeout: 4", "gather_job_timeout: 4", "gorun: {ping_interval: 5}"}})
	g := gorun{binary: build(t), config: lab.ConfigDir()}
	g.subscribe(t)
	if err := lab.StartMinions(ctx, id); err != nil {
		t.Fatal(err)
	}
	down := func() bool { // as the cache knows without anybody else asking
		out, _ := g.run(t, "manage.down", "source=cache")
		return bytes.Contains(out, []byte(id))
	}
	if err := lab.Stop(id); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	until(t, "the minion that stands still is down", down)
	t.Logf("found after %v, of 5, 4 and 4 s", time.Since(stopped).Round(time.Second/10))
	if err := lab.Continue(id); err != nil {
		t.Fatal(err)
	}
	until(t, "it is up again", func() bool { return !down() })
	var out, errs []byte
	var want saltlab.Answer
	settle(t, "manage.up", func() bool {
		var err error
		out, errs = g.run(t, "manage.up")
		if want, err = lab.Ask(ctx, "manage.up"); err != nil {
			t.Fatal(err)
		}
		return bytes.Equal(out, want.Stdout)
	})
	if !bytes.Equal(out, want.Stdout) || !bytes.Contains(out, []byte(id)) {
		t.Errorf("gorun: %s%s\nsalt-run: %s", out, errs, want.Stdout)
	}

	marked := []string{"jobs.list_jobs", "search_metadata={gorun: ping}", "search_function=test.ping"}
	all, _ := g.run(t, marked...)
	if !bytes.Contains(all, []byte("test.ping")) {
		t.Errorf("the subscriber's own jobs are not marked: %s", all)
	}
	if rest, _ := g.run(t, append(marked, "pings=False")...); len(bytes.TrimSpace(rest)) > 0 {
		t.Errorf("pings=False lists %s", rest)
	}
}
