package runners_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// master is a running master that answers what it is told to, and remembers.
type master struct {
	replies runners.Replies
	err     error
	asked   []runners.Question
	deleted []string
	called  []string
	kwargs  *value.Map
}

func (m *master) Ask(_ context.Context, q runners.Question) (*runners.Replies, error) {
	m.asked = append(m.asked, q)
	return &m.replies, m.err
}

func (m *master) Call(_ context.Context, fun string, _ []value.Value, kwargs *value.Map) (*runners.Answer, error) {
	m.called, m.kwargs = append(m.called, fun), kwargs
	return &runners.Answer{Value: "done"}, m.err
}

func (m *master) DeleteKeys(_ context.Context, ids []string) error {
	m.deleted = append(m.deleted, ids...)
	return m.err
}

func pingEnv(m *master, status jobcache.Status, minions map[string]jobcache.Minion) *runners.Env {
	return &runners.Env{
		Cache: &cache{status: status, minions: minions}, Now: now, Master: m,
		Accepted:     func() ([]string, error) { return []string{"a", "b"}, nil },
		LoopInterval: time.Minute, GatherJobTimeout: 10 * time.Second,
	}
}

// auto takes the cache where each verdict rests on a sign of its own within
// loop_interval, and asks otherwise.
func TestAuto(t *testing.T) {
	listening := jobcache.Status{Listening: true, Heartbeat: now, PresenceAt: now.Add(-time.Second)}
	alive := func(ago time.Duration) jobcache.Minion { return jobcache.Minion{AliveAt: now.Add(-ago)} }
	present := jobcache.Minion{AliveAt: now.Add(-time.Hour), Listed: jobcache.Present, ListedAt: now.Add(-time.Hour)}
	missed := func(ago time.Duration) jobcache.Status {
		return jobcache.Status{Listening: true, Missed: now.Add(-ago)}
	}
	holed := func(ago time.Duration) jobcache.Status {
		s := missed(ago)
		s.Holes = []jobcache.Hole{{Start: now.Add(-10 * time.Second), Until: s.Missed}}
		return s
	}
	tests := []struct {
		name   string
		status jobcache.Status
		b      jobcache.Minion
		asks   bool
		want   string
	}{
		{"fresh", listening, alive(59 * time.Second), false, "b"},
		{"old", listening, alive(61 * time.Second), true, "a"},
		{"behind a shared address", listening, present, true, "a"},
		{"lost", listening, jobcache.Minion{AliveAt: now.Add(-time.Hour), Listed: jobcache.Lost, ListedAt: now.Add(-time.Minute)}, false, ""},
		{"lost, by an old list", jobcache.Status{Listening: true, PresenceAt: now.Add(-5 * time.Minute)},
			jobcache.Minion{AliveAt: now.Add(-time.Hour), Listed: jobcache.Lost, ListedAt: now.Add(-10 * time.Minute)}, true, "a"},
		{"silent", listening, jobcache.Minion{AskedFirst: now.Add(-20 * time.Second), Listed: jobcache.Present}, false, ""},
		{"silent long ago", listening, jobcache.Minion{AskedFirst: now.Add(-time.Hour), Listed: jobcache.Present}, true, "a"},
		{"nobody listens", jobcache.Status{Heartbeat: now.Add(-time.Hour)}, alive(0), true, "a"},
		{"events wait", jobcache.Status{Listening: true, Waiting: 3}, alive(0), true, "a"},
		{"a hole since then", holed(5 * time.Second), alive(6 * time.Second), true, "a"},
		{"a hole before", holed(5 * time.Second), alive(4 * time.Second), false, "b"},
		{"a filled hole since then", missed(5 * time.Second), jobcache.Minion{AskedFirst: now.Add(-20 * time.Second), AskedLast: now.Add(-20 * time.Second)}, true, "a"},
		{"unknown", jobcache.Status{Listening: true}, jobcache.Minion{}, true, "a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &master{replies: runners.Replies{Asked: []string{"b", "a"}, Returned: map[string]value.Value{"a": true}}}
			env := pingEnv(m, test.status, map[string]jobcache.Minion{"b": test.b})
			a, err := ask(t, env, "manage.up", []value.Value{"b"}, nil)
			if test.asks {
				if len(m.asked) != 1 || m.asked[0].Fun != "test.ping" || m.asked[0].Tgt != "b" {
					t.Fatalf("asked %+v, %v", m.asked, err)
				}
			} else if len(m.asked) > 0 {
				t.Fatalf("asked %+v", m.asked)
			}
			want := value.List{}
			if test.want != "" {
				want = value.List{test.want}
			}
			if err != nil || a.Stale || !value.Equal(a.Value, want) {
				t.Errorf("%+v, %v; want %v", a, err, want)
			}
			m.err = errors.New("nobody there")
			if _, err := ask(t, env, "manage.up", []value.Value{"b"}, nil); test.asks && (!errors.Is(err, runners.ErrStale) || !errors.Is(err, m.err)) {
				t.Errorf("no master: %v", err)
			}
		})
	}
}

// A master of masters is asked: no cache knows all who are below the syndics.
func TestOrderMasters(t *testing.T) {
	m := &master{replies: runners.Replies{Returned: map[string]value.Value{"below": true}}}
	alive := jobcache.Minion{AliveAt: now}
	env := pingEnv(m, jobcache.Status{Listening: true}, map[string]jobcache.Minion{"a": alive, "b": alive, "below": alive})
	env.OrderMasters = true
	a, err := ask(t, env, "manage.up", []value.Value{"b*"}, nil)
	if err != nil || len(m.asked) != 1 || !value.Equal(a.Value, value.List{"below"}) || a.Lead != "" || a.Stale {
		t.Errorf("asked %+v: %+v, %v", m.asked, a, err)
	}
	a, err = ask(t, env, "manage.up", nil, value.NewMap("source", "cache"))
	if err != nil || !value.Equal(a.Value, value.List{"a", "b"}) || !a.Stale || len(a.Notes) != 1 {
		t.Errorf("cache: %+v, %v", a, err)
	}
}

// The ids are in Python's order, which is not salt-key's.
func TestOrder(t *testing.T) {
	alive := jobcache.Minion{AliveAt: now}
	env := pingEnv(nil, jobcache.Status{Listening: true}, map[string]jobcache.Minion{"a": alive, "B": alive})
	env.Accepted = func() ([]string, error) { return []string{"a", "B"}, nil }
	if a, err := ask(t, env, "manage.up", nil, nil); err != nil || !value.Equal(a.Value, value.List{"B", "a"}) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestPing(t *testing.T) {
	m := &master{replies: runners.Replies{
		Asked: []string{"c", "b", "a"}, Returned: map[string]value.Value{"b": true, "below": true}, Answered: []string{"c"}}}
	env := pingEnv(m, jobcache.Status{}, nil)
	ping := value.NewMap("source", "ping", "tgt", "G@os:x", "tgt_type", "compound", "timeout", "7", "gather_job_timeout", int64(3))
	a, err := ask(t, env, "manage.status", nil, ping)
	want := value.NewMap("up", value.List{"b", "below"}, "down", value.List{"a", "c"})
	if err != nil || !value.Equal(a.Value, want) || a.Stale || len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "c did not return, and answered") {
		t.Errorf("%+v, %v", a, err)
	}
	q := runners.Question{Tgt: "G@os:x", TgtType: "compound", Fun: "test.ping", Timeout: 7 * time.Second, GatherJobTimeout: 3 * time.Second}
	if len(m.asked) != 1 || m.asked[0] != q {
		t.Errorf("asked %+v", m.asked)
	}
	for _, wrong := range []value.Value{"soon", int64(-1), 1.5, value.List{int64(1)}} {
		if _, err := ask(t, env, "manage.up", nil, value.NewMap("timeout", wrong)); !errors.Is(err, runners.ErrArgument) {
			t.Errorf("timeout=%v: %v", wrong, err)
		}
	}
}

func TestRemoveKeys(t *testing.T) {
	m := &master{replies: runners.Replies{Asked: []string{"a", "b"}, Returned: map[string]value.Value{"b": true}}}
	env := pingEnv(m, jobcache.Status{Listening: true, Heartbeat: now}, map[string]jobcache.Minion{"a": {AliveAt: now}, "b": {AliveAt: now}})
	if _, err := ask(t, env, "manage.down", []value.Value{true}, value.NewMap("source", "cache")); !errors.Is(err, runners.ErrArgument) || len(m.deleted) > 0 {
		t.Errorf("from the cache: %v, deleted %v", err, m.deleted)
	}
	if _, err := ask(t, env, "manage.down", []value.Value{true}, nil); err != nil || len(m.asked) != 1 || len(m.deleted) != 1 || m.deleted[0] != "a" {
		t.Errorf("%v, asked %v, deleted %v", err, m.asked, m.deleted)
	}
}

// What minions run, put together by jid, whatever they say besides.
func TestActivePing(t *testing.T) {
	job := func(jid string, pid int64) *value.Map {
		return value.NewMap("jid", jid, "fun", "test.sleep", "arg", value.List{int64(9)}, "tgt", "*", "tgt_type", "glob", "user", "root", "pid", pid)
	}
	const late, early = "20261122090504824713", "20261122080504824713"
	m := &master{replies: runners.Replies{Asked: []string{"a", "b", "c"}, Returned: map[string]value.Value{
		"a": value.List{job(late, 1), "noise"}, "b": value.List{job(early, 2), job(late, 3), value.NewMap("jid", int64(1))}, "d": "no list"}}}
	env := pingEnv(m, jobcache.Status{}, nil)
	env.Cache.(*cache).returns = map[string][]jobcache.Return{early: {{Minion: "z"}, {Minion: "y"}}}
	a, err := ask(t, env, "jobs.active", nil, nil)
	if err != nil || a.Stale || len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "no answer from c") {
		t.Fatalf("%+v, %v", a, err)
	}
	jobs := a.Value.(*value.Map)
	if jobs.Len() != 2 || jobs.Entries[0].Key != early {
		t.Fatalf("%v", jobs)
	}
	for i, want := range []struct{ running, returned value.List }{
		{value.List{value.NewMap("b", int64(2))}, value.List{"y", "z"}},
		{value.List{value.NewMap("a", int64(1)), value.NewMap("b", int64(3))}, value.List{}},
	} {
		instance := jobs.Entries[i].Val.(*value.Map)
		running, _ := instance.Get("Running")
		returned, _ := instance.Get("Returned")
		if fun, _ := instance.Get("Function"); fun != "test.sleep" || !value.Equal(running, want.running) || !value.Equal(returned, want.returned) {
			t.Errorf("%v", instance)
		}
	}
}

// Runners of Salt's that act go to the master, with what differs from the defaults.
func TestOnMaster(t *testing.T) {
	m := new(master)
	env := pingEnv(m, jobcache.Status{}, nil)
	if a, err := ask(t, env, "manage.bootstrap", nil, value.NewMap("hosts", "x,y")); err != nil || a.Value != "done" {
		t.Errorf("%v, %v", a, err)
	}
	if !value.Equal(m.kwargs, value.NewMap("hosts", "x,y")) || m.called[0] != "manage.bootstrap" {
		t.Errorf("called %v with %v", m.called, m.kwargs)
	}
}

// jobs.list_job, and jobs.lookup_jid where the missing are asked for, say what became of
// those that have not returned, or not in time.
func TestWhy(t *testing.T) {
	const job, question = "20261122073829407758", "20261122073840000000"
	c := new(cache)
	c.announce(t, job, "test.sleep", value.List{int64(30)}, "busy", "good", "idle", "late", "silent")
	c.announce(t, question, "saltutil.find_job", value.List{job}, "busy", "idle", "late", "silent")
	c.answer(t, job, "good", true)
	c.answer(t, job, "late", true)
	c.answer(t, question, "busy", value.NewMap("pid", int64(7)))
	c.answer(t, question, "idle", value.NewMap())
	for i := range c.returns[job] {
		c.returns[job][i].Stamp = now.UnixMicro()
	}
	c.status = jobcache.Status{Listening: true}
	env := &runners.Env{Cache: c, Now: now, GatherJobTimeout: 10 * time.Second}
	want := []string{
		"still at it: busy", "not returned, and not at it when find_job asked: idle",
		"not returned, and find_job not answered: silent", "returned late, after find_job had asked: late",
	}
	for _, test := range []struct {
		fun    string
		kwargs *value.Map
		want   []string
	}{
		{"jobs.list_job", nil, want},
		{"jobs.lookup_jid", value.NewMap("missing", true), want},
		{"jobs.lookup_jid", nil, nil},
	} {
		a, err := ask(t, env, test.fun, []value.Value{job}, test.kwargs)
		if err != nil || a.Stale || strings.Join(a.Notes, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%s: %v, %v", test.fun, a, err)
		}
	}
}
