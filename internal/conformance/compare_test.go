package conformance

import (
	"fmt"
	"strings"
	"testing"
)

func TestSameData(t *testing.T) {
	const first, second = "a:\n----------\n  ID: x\n\nSummary for a\n------------\nTotal: 1\n", "b:\n----------\n  ID: y\n\nSummary for b\n------------\nTotal: 1\n"
	for _, test := range []struct {
		name      string
		args      []string
		got, want string
		same      bool
	}{
		{"json in another order", []string{"--out=json"}, `{"a": 1, "b": [1.0, 2]}`, `{"b": [1.0, 2], "a": 1}`, true},
		{"lists have an order", []string{"--out=json"}, `[1, 2]`, `[2, 1]`, false},
		{"numbers as written", []string{"--out=json"}, `{"a": 1}`, `{"a": 1.0}`, false},
		{"not asked for as json", []string{"--out=raw"}, `{"a": 1, "b": 2}`, `{"b": 2, "a": 1}`, false},
		{"minions in another order", nil, first + "\n" + second, second + "\n" + first, true},
		{"another summary", nil, first + "\n" + second, second + "\nc" + first[1:], false},
		{"a line too many before", nil, "x\n" + first, first, false},
		{"nested answers are in order", nil, "a:\n    1\nb:\n    2\n", "b:\n    2\na:\n    1\n", false},
		{"nothing", nil, "", first, false},
	} {
		if got := sameData(test.args, []byte(test.got), []byte(test.want)); got != test.same {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestSameButOwn(t *testing.T) {
	const progress = "event:\n    _stamp:\n        2026-11-24T03:03:49.%s+00:00\n"
	for _, test := range []struct {
		name      string
		args      string
		got, want string
		same      bool
	}{
		{"time of progress", "jobs.list_jobs display_progress=True", fmt.Sprintf(progress, "099559"), fmt.Sprintf(progress, "505224"), true},
		{"that is not asked for", "jobs.list_jobs", fmt.Sprintf(progress, "099559"), fmt.Sprintf(progress, "505224"), false},
		{"usage", "jobs.list_job", "\nPassed invalid arguments: x\n\nUsage:\na", "\nPassed invalid arguments: x\n\nUsage:\nb", true},
		{"another reason", "jobs.list_job", "\nPassed invalid arguments: y\n\nUsage:\na", "\nPassed invalid arguments: x\n\nUsage:\na", false},
		{"help", "-d jobs", "jobs.active:\n  a\njobs.watch:\n  b\n", "jobs.active:\n\n  c\n", true},
		{"help without a function", "-d jobs", "jobs.active:\n  a\n", "jobs.active:\njobs.master:\n", false},
		{"not help", "jobs.list_job 1", "a:\n  b\n", "a:\n  c\n", false},
	} {
		if got := sameButOwn(strings.Fields(test.args), []byte(test.got), []byte(test.want)); got != test.same {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
