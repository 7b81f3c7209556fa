package runners_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/runners"
	"gorun/value"
)

func ids(names ...value.Value) value.List { return append(value.List{}, names...) }

func presenceEnv() *runners.Env {
	return &runners.Env{
		Now:      now,
		Accepted: func() ([]string, error) { return []string{"db", "far", "five", "web1", "web2"}, nil },
		Presence: &machine{
			peers: []string{"192.0.2.1", "fd00::5", "198.51.100.7"},
			grains: map[string][]string{
				"web2": {"127.0.0.1", "192.0.2.1", "::1", "fd00::2"},
				"web1": {"127.0.0.1", "192.0.2.1"},              // behind the same address
				"db":   {"127.0.0.1", "192.0.2.3"},              // not connected
				"five": {"127.0.0.1", "10.0.0.5", "FD00::0:05"}, // by IPv6
				"old":  {"no address", "198.51.100.7"},          // its key is gone
			},
		},
	}
}

var presentNames = []string{"present", "joined", "allowed", "alived", "reaped", "list_state"}
var notPresentNames = []string{"not_present", "not_joined", "not_allowed", "not_alived", "not_reaped", "list_not_state"}

func TestPresent(t *testing.T) {
	for _, test := range []struct {
		kwargs       *value.Map
		present, not value.Value
	}{
		{nil, ids("five", "old", "web1", "web2"), ids("db", "far")},
		{value.NewMap("show_ip", true),
			value.NewMap("five", "FD00::0:05", "old", "198.51.100.7", "web1", "192.0.2.1", "web2", "192.0.2.1"), ids("db", "far")},
		{value.NewMap("subset", value.List{"web2", "db", "far", "web2", "nobody"}), ids("web2"), ids("db", "far")},
		{value.NewMap("subset", value.List{}), ids("five", "old", "web1", "web2"), ids()},
		{value.NewMap("subset", value.NewMap("web1", int64(1), "db", int64(2))), ids("web1"), ids("db")},
		// Python iterates over the letters of a text, and looks for one text in the other.
		{value.NewMap("subset", "web1"), ids(), ids()},
		{value.NewMap("subset", "web1,dbfar"), ids(), ids("db", "far")},
	} {
		for _, name := range presentNames {
			a, err := ask(t, presenceEnv(), "manage."+name, nil, test.kwargs)
			if err != nil || !value.Equal(a.Value, test.present) || a.Stale {
				t.Errorf("%s %v: %+v, %v; want %v", name, test.kwargs, a, err, test.present)
			}
		}
		for _, name := range notPresentNames {
			a, err := ask(t, presenceEnv(), "manage."+name, nil, test.kwargs)
			if err != nil || !value.Equal(a.Value, test.not) || a.Stale {
				t.Errorf("%s %v: %+v, %v; want %v", name, test.kwargs, a, err, test.not)
			}
		}
	}
}

// A subset that Python cannot iterate over is answered with Python's own words.
func TestPresentSubsetOfNoKind(t *testing.T) {
	for fun, want := range map[string]string{
		"manage.present":     "'int' object is not iterable",
		"manage.not_present": "argument of type 'int' is not iterable",
	} {
		_, err := ask(t, presenceEnv(), fun, []value.Value{int64(5)}, nil)
		var call *runners.CallError
		if !errors.As(err, &call) || call.Problem != want {
			t.Errorf("%s: got %v, want %s", fun, err, want)
		}
	}
}

// One minion's file that cannot be read is said, and does not stop the rest.
func TestPresentGrainsBroken(t *testing.T) {
	env := presenceEnv()
	env.Presence.(*machine).broken = "web1"
	a, err := ask(t, env, "manage.present", nil, nil)
	if err != nil || !value.Equal(a.Value, ids("five", "old", "web2")) || !a.Stale || len(a.Notes) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	deaf := errors.New("no sockets")
	env.Presence.(*machine).deaf = deaf
	if _, err := ask(t, env, "manage.not_present", nil, nil); !errors.Is(err, deaf) {
		t.Errorf("got %v", err)
	}
}

func TestPresentFromEvents(t *testing.T) {
	known := cache{
		minions: map[string]jobcache.Minion{
			"web1": {Listed: jobcache.Present}, "web2": {Listed: jobcache.Lost}, "db": {AliveAt: now},
			"far": {Listed: jobcache.Present},
		},
		status: jobcache.Status{Listening: true, PresenceAt: now.Add(-time.Minute)},
	}
	env := presenceEnv()
	env.Cache = &known
	cached := value.NewMap("source", "cache")
	for fun, want := range map[string]value.List{
		"manage.present": ids("far", "web1"), "manage.not_present": ids("db", "five", "web2"),
	} {
		a, err := ask(t, env, fun, nil, cached)
		if err != nil || !value.Equal(a.Value, want) || a.Stale {
			t.Errorf("%s: %+v, %v; want %v", fun, a, err, want)
		}
	}
	a, err := ask(t, env, "manage.present", []value.Value{value.List{"web1", "web2"}}, cached)
	if err != nil || !value.Equal(a.Value, ids("web1")) {
		t.Errorf("subset: %+v, %v", a, err)
	}
	if _, err := ask(t, env, "manage.present", []value.Value{nil, true}, cached); !errors.Is(err, runners.ErrArgument) {
		t.Errorf("show_ip: %v", err)
	}
	known.status.PresenceAt = now.Add(-time.Hour)
	if a, err := ask(t, env, "manage.present", nil, cached); err != nil || !a.Stale || !strings.Contains(a.Notes[0], "1h0m0s old") {
		t.Errorf("old: %+v, %v", a, err)
	}
	known.status.Listening = false
	if a, err := ask(t, env, "manage.present", nil, cached); err != nil || !a.Stale {
		t.Errorf("nobody listens: %+v, %v", a, err)
	}
	known.status.PresenceAt = time.Time{}
	if _, err := ask(t, env, "manage.present", nil, cached); !errors.Is(err, runners.ErrStale) {
		t.Errorf("no presence events: %v", err)
	}
	if _, err := ask(t, env, "manage.present", nil, value.NewMap("source", "ping")); !errors.Is(err, runners.ErrArgument) {
		t.Errorf("source=ping: %v", err)
	}
}
