package main

import (
	"testing"
	"time"

	"gorun/runners"
)

func TestBarLine(t *testing.T) {
	count := func(returned, failed, working, silent int) tally {
		return tally{all: 10, count: map[runners.MinionState]int{
			runners.Returned: returned, runners.Failed: failed, runners.Working: working, runners.Silent: silent,
		}}
	}
	for _, test := range []struct {
		tally tally
		width int
		want  string
	}{
		{tally{}, 80, "[                              ] 0 of 0 returned, 3s"},
		{count(4, 1, 2, 1), 80, "[############!!!......???      ] 5 of 10 returned, 1 failed, 2 working, 1 silent,"[:79]},
		{count(10, 0, 0, 0), 120, "[##############################] 10 of 10 returned, 3s"},
		{count(1, 0, 0, 0), 20, "[###               "},
		{count(1, 0, 0, 0), 0, ""},
	} {
		if got := barLine(test.tally, 3200*time.Millisecond, test.width); got != test.want {
			t.Errorf("%+v in %d: %q, want %q", test.tally, test.width, got, test.want)
		}
	}
}

// What has no answer of its own is streamed, and only that.
func TestStreams(t *testing.T) {
	n := 0
	for _, f := range runners.All() {
		_, ok := streams[f.Name]
		if ok != (f.Run == nil) {
			t.Errorf("%s: streamed %t", f.Name, ok)
		}
		if ok {
			n++
		}
	}
	if n != len(streams) || n == 0 {
		t.Errorf("%d functions for %d streams", n, len(streams))
	}
}
