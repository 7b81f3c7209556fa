package runners_test

import (
	"encoding/json"
	"os"
	"testing"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

// TestExitSuccess judges returns of a real 3008.3, by truth and strictly.
func TestExitSuccess(t *testing.T) {
	data, err := os.ReadFile("../testdata/returns/returns.json")
	if err != nil {
		t.Fatal(err)
	}
	var returns []struct {
		What, Fun       string
		True, Succeeded bool
		Event           []byte // msgpack
	}
	if err := json.Unmarshal(data, &returns); err != nil {
		t.Fatal(err)
	}
	if len(returns) == 0 {
		t.Fatal("no returns")
	}
	for _, r := range returns {
		c := new(cache)
		c.announce(t, "20261122090000000000", r.Fun, value.List{}, "m1", "silent")
		c.returns = map[string][]jobcache.Return{"20261122090000000000": {{Minion: "m1", Event: r.Event}}}
		env := &runners.Env{Cache: c, Now: now}
		for strict, want := range map[bool]bool{false: r.True, true: r.Succeeded} {
			a, err := ask(t, env, "jobs.exit_success", []value.Value{"20261122090000000000"}, value.NewMap("strict", strict))
			if err != nil || !value.Equal(a.Value, value.NewMap("m1", want, "silent", false)) {
				t.Errorf("%s, strict=%v: %v, %v; want %v", r.What, strict, a, err, want)
			}
		}
	}
}

// Each of the three decides for itself: retcode, success, a state's result.
func TestExitSuccessStrict(t *testing.T) {
	state := func(result value.Value) *value.Map {
		return value.NewMap("file_|-a_|-/a_|-managed", value.NewMap("result", true),
			"file_|-b_|-/b_|-managed", value.NewMap("result", result))
	}
	for _, test := range []struct {
		name  string
		event *value.Map
		want  bool
	}{
		{"nothing said", value.NewMap("return", nil), true},
		{"retcode", value.NewMap("return", true, "retcode", int64(1), "success", true), false},
		{"success", value.NewMap("return", true, "retcode", int64(0), "success", false), false},
		{"a state alone", value.NewMap("return", state(false), "retcode", int64(0), "success", true), false},
		{"a state of a test run", value.NewMap("return", state(nil), "retcode", int64(0)), true},
		{"states", value.NewMap("return", state(true)), true},
		{"one of two functions", value.NewMap("return", value.NewMap("state.apply", state(false), "test.ping", true),
			"retcode", value.NewMap("state.apply", int64(0), "test.ping", int64(0))), false},
		{"an orchestration", value.NewMap("return", value.NewMap("outputter", "highstate", "data",
			value.NewMap("master_master", state(false)))), false},
		{"data that looks like a result", value.NewMap("return", value.NewMap("check", value.NewMap("result", false))), true},
	} {
		c := new(cache)
		c.announce(t, "20261122090000000000", "state.apply", value.List{}, "m1")
		c.returns = map[string][]jobcache.Return{"20261122090000000000": {{Minion: "m1", Event: pack(t, test.event)}}}
		a, err := ask(t, &runners.Env{Cache: c, Now: now}, "jobs.exit_success", []value.Value{"20261122090000000000"},
			value.NewMap("strict", true))
		if err != nil || !value.Equal(a.Value, value.NewMap("m1", test.want)) {
			t.Errorf("%s: %v, %v; want %v", test.name, a, err, test.want)
		}
	}
}
