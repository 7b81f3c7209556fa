package jobcache_test

import (
	"testing"
	"time"

	"gorun/jobcache"
)

// What the evidence comes to, by what was heard in which order. Times are in seconds.
func TestJudge(t *testing.T) {
	const gather = 10 * time.Second
	type sign struct {
		what string
		at   int64
	}
	tests := []struct {
		name  string
		signs []sign
		now   int64
		want  jobcache.State
		since int64
	}{
		{"nothing", nil, 100, jobcache.Unknown, 0},
		{"a return", []sign{{"alive", 5}}, 100, jobcache.Up, 5},
		{"an old return after a new one", []sign{{"alive", 5}, {"alive", 3}}, 100, jobcache.Up, 5},
		{"listed only", []sign{{"listed", 5}}, 100, jobcache.Up, 5},
		{"lists without it, nothing else", []sign{{"list", 5}}, 100, jobcache.Down, 5},
		{"a list that misses what it never had, after a return", []sign{{"alive", 5}, {"list", 7}, {"list", 9}}, 100, jobcache.Up, 5},
		{"gone from the list", []sign{{"listed", 5}, {"list", 7}, {"list", 9}}, 100, jobcache.Down, 7},
		{"lost", []sign{{"listed", 5}, {"lost", 6}}, 100, jobcache.Down, 6},
		{"back in the list", []sign{{"alive", 3}, {"listed", 5}, {"list", 7}, {"listed", 9}}, 100, jobcache.Up, 3},
		{"returned after it left the list", []sign{{"listed", 5}, {"list", 7}, {"alive", 8}, {"list", 9}}, 100, jobcache.Up, 8},
		{"asked just now", []sign{{"alive", 5}, {"asked", 20}}, 29, jobcache.Up, 5},
		{"asked, silent", []sign{{"alive", 5}, {"asked", 20}}, 30, jobcache.Down, 30},
		{"silent, listed all the time", []sign{{"alive", 5}, {"listed", 6}, {"asked", 20}, {"listed", 31}}, 40, jobcache.Down, 30},
		{"silent, asked again just now", []sign{{"alive", 5}, {"asked", 20}, {"asked", 39}}, 40, jobcache.Down, 30},
		{"asked, answered", []sign{{"asked", 20}, {"alive", 21}}, 100, jobcache.Up, 21},
		{"the answer is heard first", []sign{{"alive", 21}, {"asked", 20}}, 100, jobcache.Up, 21},
		{"answered once, then not", []sign{{"asked", 20}, {"asked", 50}, {"alive", 21}}, 100, jobcache.Down, 60},
		{"silent, then started again", []sign{{"asked", 20}, {"alive", 90}}, 100, jobcache.Up, 90},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, w := newStore(t)
			update(t, w, func(tx *jobcache.Tx) error {
				for _, s := range test.signs {
					at := s.at * 1e6
					var err error
					switch s.what {
					case "alive":
						tx.Alive("m", at, "event")
					case "asked":
						tx.Asked("m", at, jid)
					case "lost":
						tx.Lost("m", at)
					case "listed":
						err = tx.Present([]string{"m", "other"}, at)
					case "list":
						err = tx.Present([]string{"other"}, at)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
			r := reader(t, path)
			minions, err := r.Minions(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			status, err := r.Status(t.Context(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			v := minions["m"].Judge(time.Unix(test.now, 0), status.PresenceAt, gather)
			if v.State != test.want || v.Why == "" {
				t.Errorf("%v since %v (%s), want %v", v.State, v.Since, v.Why, test.want)
			}
			if test.since != 0 && v.Since.Unix() != test.since {
				t.Errorf("since %d, want %d", v.Since.Unix(), test.since)
			}
		})
	}
}
