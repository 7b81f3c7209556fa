package runners_test

import (
	"errors"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

func runningOf(pairs ...value.Value) value.List {
	list := value.List{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, value.NewMap(pairs[i], pairs[i+1]))
	}
	return list
}

// Who is still at a job, by what is known of the job and of the minion.
func TestJobsActive(t *testing.T) {
	const job, earlier, later = "20261122080000000001", "20261122080100000000", "20261122080200000000"
	up := map[string]jobcache.Minion{"m1": {AliveAt: now}, "m2": {AliveAt: now}, "m3": {AliveAt: now}}
	for _, test := range []struct {
		name    string
		happens func(*cache)
		running value.List // nil: the job is not active
		back    value.List
	}{
		{"nobody returned", func(*cache) {}, runningOf("m1", nil, "m2", nil, "m3", nil), ids()},
		{"two returned", func(c *cache) {
			c.answer(t, job, "m1", true)
			c.answer(t, job, "m3", false)
		}, runningOf("m2", nil), ids("m1", "m3")},
		{"all returned", func(c *cache) {
			for id := range up {
				c.answer(t, job, id, true)
			}
		}, nil, nil},
		{"one is down", func(c *cache) {
			c.minions = map[string]jobcache.Minion{"m1": {Listed: jobcache.Lost, ListedAt: now}, "m2": {AliveAt: now}}
		}, runningOf("m2", nil, "m3", nil), ids()},
		{"find_job found one, not the other", func(c *cache) {
			c.announce(t, later, "saltutil.find_job", value.List{job}, "m1", "m2")
			c.answer(t, later, "m1", value.NewMap("jid", job, "pid", int64(4711)))
			c.answer(t, later, "m2", value.NewMap())
		}, runningOf("m1", int64(4711), "m3", nil), ids()},
		{"find_job stayed unanswered", func(c *cache) {
			c.announce(t, later, "saltutil.find_job", value.List{job}, "m1", "m2", "m3")
			c.answer(t, later, "m1", value.NewMap("pid", int64(4711)))
		}, runningOf("m1", int64(4711)), ids()},
		{"the newest find_job counts", func(c *cache) {
			c.announce(t, earlier, "saltutil.find_job", value.List{job}, "m1", "m2", "m3")
			c.answer(t, earlier, "m1", value.NewMap("pid", int64(4711)))
			c.announce(t, later, "saltutil.find_job", value.List{job}, "m1")
			c.answer(t, later, "m1", value.NewMap())
		}, nil, nil},
		{"a find_job that can still be answered", func(c *cache) {
			c.announce(t, later, "saltutil.find_job", value.List{job}, "m1", "m2", "m3")
			c.jobs[len(c.jobs)-1].Stamp = now.Add(-time.Second).UnixMicro()
		}, runningOf("m1", nil, "m2", nil, "m3", nil), ids()},
		{"one went down after find_job had found it", func(c *cache) {
			c.announce(t, later, "saltutil.find_job", value.List{job}, "m1", "m2", "m3")
			c.answer(t, later, "m1", value.NewMap("pid", int64(4711)))
			c.answer(t, later, "m2", value.NewMap("pid", int64(4712)))
			c.minions = map[string]jobcache.Minion{"m1": {Listed: jobcache.Lost, ListedAt: now}, "m2": {AliveAt: now}}
		}, runningOf("m2", int64(4712)), ids()},
		{"find_job for another job", func(c *cache) {
			c.announce(t, later, "saltutil.find_job", value.List{earlier}, "m1", "m2", "m3")
			c.answer(t, later, "m1", value.NewMap())
		}, runningOf("m1", nil, "m2", nil, "m3", nil), ids()},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cache{minions: up, status: jobcache.Status{Listening: true}}
			c.announce(t, job, "test.sleep", value.List{int64(30)}, "m3", "m1", "m2")
			c.announce(t, "20261122093000000000", "saltutil.running", value.List{}, "m1")
			test.happens(c)
			env := &runners.Env{Cache: c, Now: now, GatherJobTimeout: 10 * time.Second}
			a, err := ask(t, env, "jobs.active", nil, value.NewMap("source", "cache"))
			if err != nil || a.Stale {
				t.Fatalf("%+v, %v", a, err)
			}
			want := value.NewMap()
			if test.running != nil {
				want.Set(job, value.NewMap(
					"Function", "test.sleep", "Arguments", value.List{int64(30)}, "Target", "*", "Target-type", "glob",
					"User", "root", "StartTime", "2026, Nov 22 08:00:00.000001", "Running", test.running, "Returned", test.back))
			}
			if !value.Equal(a.Value, want) {
				t.Errorf("got %x, want %x", pack(t, a.Value), pack(t, want))
			}
		})
	}
}

// jobs.active answers from the cache only where that is asked for.
func TestJobsActiveSource(t *testing.T) {
	c := new(cache)
	env := &runners.Env{Cache: c, Now: now, Source: "auto"}
	if _, err := ask(t, env, "jobs.active", nil, nil); !errors.Is(err, runners.ErrNeedsMaster) {
		t.Errorf("got %v", err)
	}
	env.Source = "cache"
	a, err := ask(t, env, "jobs.active", nil, nil)
	if err != nil || !a.Stale {
		t.Errorf("%+v, %v; nobody listens", a, err)
	}
}
