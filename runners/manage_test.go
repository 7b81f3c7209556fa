package runners_test

import (
	"strings"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// A hole is named where evidence that was lost in it could make another answer, and only
// there. Times are in seconds before now.
func TestManageNamesHoles(t *testing.T) {
	ago := func(n int) time.Time {
		if n == 0 {
			return time.Time{}
		}
		return now.Add(time.Duration(-n) * time.Second)
	}
	const open, filled = "events are missing", "was not heard throughout"
	tests := []struct {
		name       string
		start, end int // of the hole; no end: it lasts
		reason     string
		filled     bool
		presence   int // the newest list
		minion     jobcache.Minion
		says       string
	}{
		{"heard since", 1000, 500, "not running", false, 0, jobcache.Minion{AliveAt: ago(499)}, ""},
		{"heard before", 1000, 500, "not running", false, 0, jobcache.Minion{AliveAt: ago(501)}, open},
		{"heard within", 1000, 500, "overrun", false, 0, jobcache.Minion{AliveAt: ago(700)}, open},
		{"heard before, filled", 1000, 500, "not running", true, 0, jobcache.Minion{AliveAt: ago(501)}, ""},
		{"heard before, filled, and no list since", 1000, 500, "not running", true, 501, jobcache.Minion{AliveAt: ago(501)}, filled},
		{"heard before, filled, and a list since", 1000, 500, "not running", true, 499, jobcache.Minion{AliveAt: ago(501), Listed: jobcache.Present}, ""},
		{"silent before", 1000, 500, "disconnected", false, 0, jobcache.Minion{AskedFirst: ago(600), AskedLast: ago(600)}, open},
		{"silent before, filled", 1000, 500, "disconnected", true, 0, jobcache.Minion{AskedFirst: ago(600), AskedLast: ago(600)}, filled},
		{"silent again since", 1000, 500, "disconnected", false, 0, jobcache.Minion{AskedFirst: ago(600), AskedLast: ago(400)}, ""},
		{"asked again just now", 1000, 500, "disconnected", false, 0, jobcache.Minion{AskedFirst: ago(600), AskedLast: ago(1)}, open},
		{"gone from a list before", 1000, 500, "not running", false, 600, jobcache.Minion{Listed: jobcache.Lost, ListedAt: ago(600)}, open},
		{"gone from the lists since", 1000, 500, "not running", false, 400, jobcache.Minion{Listed: jobcache.Lost, ListedAt: ago(600)}, ""},
		{"in the lists alone", 1000, 500, "not running", false, 400, jobcache.Minion{Listed: jobcache.Present, ListedAt: ago(450)}, open},
		{"in no list", 1000, 500, "not running", false, 400, jobcache.Minion{}, ""},
		{"the lack of room", 0, 500, jobcache.MaxSize, false, 0, jobcache.Minion{AliveAt: ago(501)}, ""},
		{"it lasts", 1000, 0, "disconnected", false, 0, jobcache.Minion{AliveAt: ago(1)}, open},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status := jobcache.Status{Listening: true, PresenceAt: ago(test.presence)}
			if !test.filled {
				status.Holes = []jobcache.Hole{{Start: ago(test.start), Until: ago(test.end), Reason: test.reason}}
			}
			if test.reason != jobcache.MaxSize {
				status.Missed = ago(test.end)
			}
			env := pingEnv(&master{}, status, map[string]jobcache.Minion{"b": test.minion})
			for _, fun := range []string{"manage.up", "manage.down", "manage.status"} {
				a, err := ask(t, env, fun, nil, value.NewMap("source", "cache", "tgt", "b"))
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(a.Notes, "; "); a.Stale != (test.says != "") || !strings.Contains(got, test.says) || test.says == "" && got != "" {
					t.Errorf("%s: stale %v, says %q; wanted %q", fun, a.Stale, got, test.says)
				}
			}
		})
	}
}

// Events that wait for the subscriber may be about any minion.
func TestManageNamesWaiting(t *testing.T) {
	env := pingEnv(&master{}, jobcache.Status{Listening: true, Waiting: 3}, map[string]jobcache.Minion{"b": {AliveAt: now}})
	a, err := ask(t, env, "manage.up", []value.Value{"b"}, value.NewMap("source", "cache"))
	if err != nil || !a.Stale || !strings.Contains(strings.Join(a.Notes, ""), "3 events wait") {
		t.Errorf("%+v, %v", a, err)
	}
}

// Who is present is what the newest list says; one from before the end of a hole is old.
func TestPresenceNamesHoles(t *testing.T) {
	minions := map[string]jobcache.Minion{"b": {Listed: jobcache.Present}}
	for _, heard := range []bool{true, false} {
		status := jobcache.Status{Listening: true, PresenceAt: now.Add(-time.Minute), Missed: now.Add(-2 * time.Minute)}
		if !heard {
			status.Missed = now.Add(-time.Second)
		}
		a, err := ask(t, pingEnv(&master{}, status, minions), "manage.present", nil, value.NewMap("source", "cache"))
		if err != nil || a.Stale == heard || len(a.Notes) > 0 == heard {
			t.Errorf("heard since %v: %+v, %v", heard, a, err)
		}
	}
}
