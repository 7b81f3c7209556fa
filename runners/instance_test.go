package runners_test

import (
	"fmt"
	"testing"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// keptRunner is a job cache of Salt that has the return of one runner.
type keptRunner struct {
	event *value.Map
	read  bool
}

var _ runners.Kept = (*keptRunner)(nil)

func (k *keptRunner) Return(_, minion string) (*jobcache.Return, error) {
	k.read = true
	raw, err := value.Encode(value.NewMap("return", k.event))
	return &jobcache.Return{Minion: minion, Event: raw, Kept: true}, err
}

func (k *keptRunner) EndTime(string) (string, error) { return "", nil }

// Salt keeps with a runner's return when it began. Where nobody heard that, it is read in
// Salt's own cache; without one, a hole at that time is named.
func TestRunnerThatNobodyHeardBegin(t *testing.T) {
	const jid = "20261122073830231979"
	event := func(stamp string) *value.Map {
		return value.NewMap("fun", "runner.manage.up", "jid", jid, "user", "root", "return", value.List{"m1"}, "success", true, "_stamp", stamp)
	}
	encode := func(m *value.Map) value.Raw {
		raw, err := value.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, test := range []struct {
		announced string
		kept      bool
		want      string
		read      bool
		stale     bool
	}{
		{"began", true, "began", false, false},
		{"", true, "began", true, false},
		{"", false, "ended", false, true},
	} {
		c := &cache{
			jobs: []jobcache.Job{{JID: jid, Fun: "runner.manage.up", Source: jobcache.FromRunner, Announced: test.announced,
				Load: encode(value.NewMap("fun", "runner.manage.up", "tgt", "lab_master", "id", "lab_master", "user", "root"))}},
			returns: map[string][]jobcache.Return{jid: {{Minion: "lab_master", Event: encode(event("ended"))}}},
			status:  jobcache.Status{Listening: true, Heartbeat: now},
		}
		if !test.kept {
			c.status.Holes = []jobcache.Hole{{Until: now, Reason: jobcache.NotRunning}}
		}
		kept := &keptRunner{event: event("began")}
		env := &runners.Env{Cache: c, Now: now}
		if test.kept {
			env.Kept = kept
		}
		a, err := ask(t, env, "jobs.lookup_jid", []value.Value{jid}, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := a.Value.(value.Rows).Collect()
		if err != nil {
			t.Fatal(err)
		}
		ret, _ := all.Get("lab_master")
		stamp, _ := ret.(*value.Map).Get("_stamp")
		if fmt.Sprint(stamp) != test.want || kept.read != test.read || a.Stale != test.stale {
			t.Errorf("%+v: %v, read %v, stale %v, %q", test, stamp, kept.read, a.Stale, a.Notes)
		}
	}
}
