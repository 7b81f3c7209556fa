package runners_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

const (
	watched    = "20261122080000000001"
	firstRound = "20261122080100000000"
	lastRound  = "20261122080200000000"
)

// states lists the minions of a view with their states.
func states(minions []runners.MinionProgress) string {
	parts := make([]string, len(minions))
	for i, m := range minions {
		parts[i] = m.ID + " " + string(m.State)
	}
	return strings.Join(parts, ", ")
}

// unseen is for looks whose returns are not looked at.
func unseen(runners.Came) error { return nil }

// How each minion stands, by what is known; and whether the job is over.
func TestWatchStates(t *testing.T) {
	hourAgo := now.Add(-time.Hour)
	for _, test := range []struct {
		name    string
		happens func(*testing.T, *cache)
		want    string
		over    bool
	}{
		{"nothing heard", func(*testing.T, *cache) {}, "m1 waiting, m2 waiting", false},
		{"one returned", func(t *testing.T, c *cache) { c.answer(t, watched, "m2", true) }, "m1 waiting, m2 returned", false},
		{"all returned, one failed", func(t *testing.T, c *cache) {
			c.answer(t, watched, "m1", value.NewMap("a_|-b_|-c_|-d", value.NewMap("result", false)))
			c.answer(t, watched, "m2", true)
		}, "m1 failed, m2 returned", true},
		{"one who was not asked", func(t *testing.T, c *cache) {
			for _, id := range []string{"m0", "m1", "m2"} {
				c.answer(t, watched, id, true)
			}
		}, "m0 returned, m1 returned, m2 returned", true},
		{"at work, and silent", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.answer(t, firstRound, "m1", value.NewMap("pid", int64(7)))
		}, "m1 working, m2 silent", false},
		{"the newest round counts", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.answer(t, firstRound, "m1", value.NewMap("pid", int64(7)))
			c.announce(t, lastRound, "saltutil.find_job", value.List{watched}, "m1")
			c.answer(t, lastRound, "m1", value.NewMap())
		}, "m1 gone, m2 silent", true},
		{"gone just now: the return may be on its way", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.answer(t, firstRound, "m1", value.NewMap())
			c.returns[firstRound][0].Stamp = now.Add(-time.Second).UnixMicro()
		}, "m1 gone, m2 silent", false},
		{"a round that can still be answered", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.jobs[len(c.jobs)-1].Stamp = now.Add(-time.Second).UnixMicro()
		}, "m1 waiting, m2 waiting", false},
		{"a round about another job", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{lastRound}, "m1", "m2")
		}, "m1 waiting, m2 waiting", false},
		{"lost since it was found at work", func(t *testing.T, c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.answer(t, firstRound, "m1", value.NewMap("pid", int64(7)))
			c.minions = map[string]jobcache.Minion{"m1": {AliveAt: hourAgo, Listed: jobcache.Lost, ListedAt: now}}
		}, "m1 down, m2 silent", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cache{status: jobcache.Status{Listening: true}}
			c.announce(t, watched, "test.sleep", value.List{int64(30)}, "m2", "m1")
			test.happens(t, c)
			w, err := runners.NewWatch(t.Context(), &runners.Env{Cache: c, GatherJobTimeout: 10 * time.Second}, watched)
			if err != nil || !w.Announced() {
				t.Fatal(err)
			}
			view, err := w.Look(t.Context(), now, unseen)
			if err != nil {
				t.Fatal(err)
			}
			if got := states(view.Minions); got != test.want || view.Over != test.over {
				t.Errorf("%s, over %t; want %s, %t", got, view.Over, test.want, test.over)
			}
			for _, m := range view.Minions {
				if (m.State == runners.Returned) != (m.Why == "") {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}

// Each return is shown once, in whichever look it comes.
func TestWatchLooks(t *testing.T) {
	c := new(cache)
	c.announce(t, watched, "test.ping", value.List{}, "m1", "m2", "m3")
	w, err := runners.NewWatch(t.Context(), &runners.Env{Cache: c}, watched)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	look := func() *runners.View {
		view, err := w.Look(t.Context(), now, func(came runners.Came) error {
			shown = append(shown, fmt.Sprint(came.Minion, " ", came.Return, " ", came.Failed))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	look()
	c.answer(t, watched, "m3", "three")
	look()
	look()
	c.answer(t, watched, "m1", "one")
	c.answer(t, watched, "m2", false)
	if view := look(); !view.Over {
		t.Error("not over")
	}
	if want := []string{"m3 three false", "m1 one false", "m2 false false"}; !slices.Equal(shown, want) {
		t.Errorf("%q; want %q", shown, want)
	}
}

// Who is to be asked whether they are at it, and when.
func TestWatchAsks(t *testing.T) {
	const timeout, gather = 5 * time.Second, 10 * time.Second
	for _, test := range []struct {
		name    string
		happens func(*cache)
		age     time.Duration // of the job
		want    []string
	}{
		{"minions have the time-out first", func(*cache) {}, timeout - time.Millisecond, nil},
		{"then all that have not returned are asked", func(*cache) {}, timeout, []string{"m1", "m2"}},
		{"not those that have", func(c *cache) { c.answer(t, watched, "m1", false) }, timeout, []string{"m2"}},
		{"nobody of a job that is over", func(c *cache) {
			c.answer(t, watched, "m1", true)
			c.answer(t, watched, "m2", true)
		}, timeout, nil},
		{"nobody while somebody else asks", func(c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.jobs[1].Stamp = c.jobs[0].Stamp + timeout.Microseconds()
		}, timeout + gather - time.Millisecond, nil},
		{"the silent as well, as long as one is at work", func(c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.jobs[1].Stamp = c.jobs[0].Stamp + timeout.Microseconds()
			c.answer(t, firstRound, "m2", value.NewMap("pid", int64(7)))
		}, timeout + gather, []string{"m1", "m2"}},
		{"nobody when none is", func(c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.jobs[1].Stamp = c.jobs[0].Stamp + timeout.Microseconds()
		}, timeout + gather, nil},
		{"who was not asked with the others", func(c *cache) {
			c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1")
			c.jobs[1].Stamp = c.jobs[0].Stamp + timeout.Microseconds()
		}, timeout + time.Second, []string{"m1", "m2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cache{status: jobcache.Status{Listening: true}}
			c.announce(t, watched, "test.sleep", value.List{int64(30)}, "m2", "m1")
			test.happens(c)
			w, err := runners.NewWatch(t.Context(), &runners.Env{Cache: c, Timeout: timeout, GatherJobTimeout: gather}, watched)
			if err != nil {
				t.Fatal(err)
			}
			asked := time.UnixMicro(c.jobs[0].Stamp)
			view, err := w.Look(t.Context(), asked.Add(test.age), unseen)
			if err != nil || !slices.Equal(view.Ask, test.want) {
				t.Errorf("to ask: %q, %v; want %q", view.Ask, err, test.want)
			}
			// What was asked now is not asked again at the next look, though it is not heard of yet.
			view, err = w.Look(t.Context(), asked.Add(test.age+time.Second), unseen)
			if err != nil || test.want != nil && view.Ask != nil {
				t.Errorf("then: %q, %v", view.Ask, err)
			}
		})
	}
}

// A job of which nobody knows yet whom it went to is not over, even with a return.
func TestWatchWithoutMinions(t *testing.T) {
	c := new(cache)
	c.announce(t, watched, "test.ping", value.List{})
	c.answer(t, watched, "m1", true)
	asked := time.UnixMicro(c.jobs[0].Stamp)
	w, err := runners.NewWatch(t.Context(), &runners.Env{Cache: c, GatherJobTimeout: 10 * time.Second}, watched)
	if err != nil {
		t.Fatal(err)
	}
	for after, over := range map[time.Duration]bool{time.Second: false, 10 * time.Second: true} {
		if view, err := w.Look(t.Context(), asked.Add(after), unseen); err != nil || view.Over != over {
			t.Errorf("after %v: %+v, %v", after, view, err)
		}
	}
}

func TestWatchUnknown(t *testing.T) {
	c := &cache{jobs: []jobcache.Job{{JID: watched, Source: jobcache.FromNothing}}}
	for _, jid := range []string{watched, lastRound} {
		if _, err := runners.NewWatch(t.Context(), &runners.Env{Cache: c}, jid); !errors.Is(err, jobcache.ErrUnknownJob) {
			t.Errorf("%s: %v", jid, err)
		}
	}
}

func TestNewest(t *testing.T) {
	c := new(cache)
	env := &runners.Env{Cache: c}
	if _, err := runners.Newest(t.Context(), env); !errors.Is(err, jobcache.ErrUnknownJob) {
		t.Errorf("got %v", err)
	}
	c.announce(t, watched, "test.ping", value.List{}, "m1")
	c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1")
	c.jobs = append(c.jobs, jobcache.Job{JID: lastRound, Fun: "runner.jobs.active", Source: jobcache.FromRunner})
	if jid, err := runners.Newest(t.Context(), env); err != nil || jid != watched {
		t.Errorf("%s, %v", jid, err)
	}
}

func TestJobsTimeline(t *testing.T) {
	c := &cache{status: jobcache.Status{Listening: true}, minions: map[string]jobcache.Minion{"m4": {AliveAt: now}}}
	c.announce(t, watched, "test.sleep", value.List{int64(30)}, "m1", "m2", "m3", "m4")
	c.announce(t, firstRound, "saltutil.find_job", value.List{watched}, "m1", "m2", "m3")
	asked := now.Add(-time.Hour)
	c.jobs[1].Stamp = asked.Add(5118 * time.Millisecond).UnixMicro()
	c.answer(t, firstRound, "m1", value.NewMap("pid", int64(7)))
	c.answer(t, firstRound, "m2", value.NewMap())
	c.answer(t, watched, "m1", true)
	c.returns[watched][0].Stamp = asked.Add(20424*time.Millisecond + 400*time.Microsecond).UnixMicro()
	a, err := ask(t, &runners.Env{Cache: c, Now: now, GatherJobTimeout: 10 * time.Second}, "jobs.timeline", []value.Value{watched}, nil)
	if err != nil || a.Stale || a.Failed {
		t.Fatalf("%+v, %v", a, err)
	}
	got, _ := a.Value.(*value.Map).Get(watched)
	minions, _ := got.(*value.Map).Get("Minions")
	want := value.NewMap(
		"m1", value.NewMap("State", "returned", "At", "2026-11-22T08:30:20.424400Z", "Took", 20.424,
			"Find_job", value.List{firstRound + ": working (pid 7)"}),
		"m2", value.NewMap("State", "gone", "Why", "find_job "+firstRound+" found it not at work, and no return came",
			"Find_job", value.List{firstRound + ": not at work"}),
		"m3", value.NewMap("State", "silent", "At", "2026-11-22T08:30:05.118000Z", "Why", "did not answer find_job "+firstRound,
			"Find_job", value.List{firstRound + ": no answer"}),
		"m4", value.NewMap("State", "waiting", "At", "2026-11-22T09:30:00.000000Z", "Why", "it is up, and has not returned"),
	)
	if !value.Equal(minions, want) {
		t.Errorf("got %s\nwant %s", pack(t, minions), pack(t, want))
	}
	rounds, _ := got.(*value.Map).Get("Rounds")
	if want := (value.List{value.NewMap("jid", firstRound, "At", "2026-11-22T08:30:05.118000Z", "After", 5.118,
		"Working", ids("m1"), "Not at work", ids("m2"), "No answer", ids("m3"))}); !value.Equal(rounds, want) {
		t.Errorf("got %s\nwant %s", pack(t, rounds), pack(t, want))
	}
	if a, err := ask(t, &runners.Env{Cache: c, Now: now}, "jobs.timeline", []value.Value{"20201122080000000001"}, nil); err != nil || !a.Failed {
		t.Errorf("%+v, %v", a, err)
	}
}

// Who asks about a job after all have returned says nothing of it; as long as one has not, every
// find_job about it counts.
func TestTimelineRounds(t *testing.T) {
	env := &runners.Env{Now: now, UTCJID: true, GatherJobTimeout: 10 * time.Second}
	ended := time.Date(2026, 11, 22, 8, 1, 30, 0, time.UTC)
	rounds := map[string]bool{ // whether it counts
		"20261122080100000000": true, "20261122080130000000": true, "20261122083000000000": true,
		"20261122090131000000": false, "20261123080000000000": false,
	}
	for _, all := range []bool{true, false} {
		c := &cache{status: jobcache.Status{Listening: true}}
		env.Cache = c
		c.announce(t, watched, "test.sleep", value.List{int64(30)}, "m1", "m2")
		for _, round := range slices.Sorted(maps.Keys(rounds)) {
			c.announce(t, round, "saltutil.find_job", value.List{watched}, "m1", "m2")
			c.announce(t, round+"_1", "saltutil.find_job", value.List{"20261122080000000002"}, "m1", "m2")
		}
		c.answer(t, watched, "m1", true)
		if all {
			c.answer(t, watched, "m2", true)
		}
		for i := range c.returns[watched] {
			c.returns[watched][i].Stamp = ended.UnixMicro()
		}
		a, err := ask(t, env, "jobs.timeline", []value.Value{watched}, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := a.Value.(*value.Map).Get(watched)
		told, _ := body.(*value.Map).Get("Rounds")
		var got, want []string
		for _, r := range told.(value.List) {
			jid, _ := r.(*value.Map).Get("jid")
			got = append(got, jid.(string))
		}
		for _, round := range slices.Sorted(maps.Keys(rounds)) {
			if rounds[round] || !all {
				want = append(want, round)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("all returned: %v: rounds %v, want %v", all, got, want)
		}
	}
}
