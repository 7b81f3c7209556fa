package runners_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// now is when the questions of these tests are asked.
var now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// cache is a job cache in memory.
type cache struct {
	jobs    []jobcache.Job // by jid
	returns map[string][]jobcache.Return
	minions map[string]jobcache.Minion
	status  jobcache.Status
}

var _ runners.Cache = (*cache)(nil)

func (c *cache) Job(_ context.Context, jid string) (*jobcache.Job, error) {
	for _, job := range c.jobs {
		if job.JID == jid {
			return &job, nil
		}
	}
	return nil, jobcache.ErrUnknownJob
}

func (c *cache) Jobs(_ context.Context, s jobcache.Selection, f func(*jobcache.Job) error) error {
	jobs := slices.Clone(c.jobs)
	if s.Newest {
		slices.Reverse(jobs)
	}
	for _, job := range jobs {
		when := job.JID[:20]
		if s.From != "" && when < s.From || s.To != "" && when > s.To || s.Fun != nil && !s.Fun(job.Fun) {
			continue
		}
		job.Minions = nil // as the reader has it
		if err := f(&job); err != nil {
			return err
		}
	}
	return nil
}

func (c *cache) Returns(_ context.Context, jid string, f func(*jobcache.Return) error) error {
	for _, r := range c.returns[jid] {
		if err := f(&r); err != nil {
			return err
		}
	}
	return nil
}

func (c *cache) Returned(_ context.Context, jid string) ([]string, error) {
	var ids []string
	for _, r := range c.returns[jid] {
		ids = append(ids, r.Minion)
	}
	slices.Sort(ids)
	return ids, nil
}

func (c *cache) Failures(context.Context, string, func(jobcache.Failure)) error { return nil }

func (c *cache) Minions(context.Context) (map[string]jobcache.Minion, error) { return c.minions, nil }

func (c *cache) Status(context.Context, time.Time) (jobcache.Status, error) { return c.status, nil }

// announce adds a job that a master announced.
func (c *cache) announce(t *testing.T, jid, fun string, arg value.List, minions ...string) {
	c.jobs = append(c.jobs, jobcache.Job{
		JID: jid, Fun: fun, Source: jobcache.FromNew, Minions: minions, Stamp: now.Add(-time.Hour).UnixMicro(),
		Load: pack(t, value.NewMap("fun", fun, "arg", arg, "tgt", "*", "tgt_type", "glob", "user", "root", "jid", jid)),
	})
}

// answer adds a return.
func (c *cache) answer(t *testing.T, jid, minion string, ret value.Value) {
	if c.returns == nil {
		c.returns = make(map[string][]jobcache.Return)
	}
	c.returns[jid] = append(c.returns[jid], jobcache.Return{
		Minion: minion, Event: pack(t, value.NewMap("return", ret, "retcode", int64(0), "success", true)),
	})
}

func pack(t *testing.T, v value.Value) value.Raw {
	t.Helper()
	data, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// machine is a master's machine: who is connected, and what the minions' grains say.
type machine struct {
	peers  []string
	grains map[string][]string
	broken string // a minion whose grains cannot be read
	deaf   error  // that the connections cannot be read
}

func (m *machine) Peers() (map[netip.Addr]bool, error) {
	peers := make(map[netip.Addr]bool)
	for _, p := range m.peers {
		peers[netip.MustParseAddr(p)] = true
	}
	return peers, m.deaf
}

func (m *machine) CachedMinions() ([]string, error) {
	return slices.Collect(maps.Keys(m.grains)), nil
}

func (m *machine) Addresses(id string) ([]string, error) {
	if id == m.broken {
		return nil, fmt.Errorf("grains of %s: no", id)
	}
	return m.grains[id], nil
}

// ask calls a function as the command line does.
func ask(t *testing.T, env *runners.Env, fun string, args []value.Value, kwargs *value.Map) (*runners.Answer, error) {
	t.Helper()
	f, ok := runners.Lookup(fun)
	if !ok {
		t.Fatalf("no function %s", fun)
	}
	bound, err := runners.Bind(f.Name, f.Params, args, kwargs)
	if err != nil {
		t.Fatalf("%s: %v", fun, err)
	}
	return f.Run(t.Context(), env, bound)
}
