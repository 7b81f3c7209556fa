package check

import (
	"errors"
	"strings"
	"testing"
)

// The examples of the plugin guidelines, and percentages.
func TestRange(t *testing.T) {
	for _, test := range []struct {
		text   string
		total  int
		alerts []int
		quiet  []int
		of     string
	}{
		{"", 10, nil, []int{-1, 0, 7, 1000}, ""},
		{"10", 0, []int{-1, 11, 12}, []int{0, 5, 10}, "10"},
		{"10:", 0, []int{-1, 0, 9}, []int{10, 11, 1000}, "10:"},
		{"~:10", 0, []int{11, 1000}, []int{-1000, 0, 10}, "~:10"},
		{"10:20", 0, []int{9, 21}, []int{10, 15, 20}, "10:20"},
		{"@10:20", 0, []int{10, 15, 20}, []int{9, 21}, "@10:20"},
		{"@0", 0, []int{0}, []int{1}, "@0"},
		{"0", 5, []int{1}, []int{0}, "0"},
		{"10%", 50, []int{6}, []int{0, 5}, "5"},
		{"50%:", 50, []int{24}, []int{25, 50}, "25:"},
		{"@1:10%", 50, []int{1, 5}, []int{0, 6}, "@1:5"},
		{"2.5", 0, []int{3}, []int{2}, "2.5"},
	} {
		r, err := ParseRange(test.text)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, n := range test.alerts {
			if !r.alerts(n, test.total) {
				t.Errorf("%q does not alert at %d of %d", test.text, n, test.total)
			}
		}
		for _, n := range test.quiet {
			if r.alerts(n, test.total) {
				t.Errorf("%q alerts at %d of %d", test.text, n, test.total)
			}
		}
		if got := r.of(test.total); got != test.of {
			t.Errorf("%q of %d is written %q, not %q", test.text, test.total, got, test.of)
		}
	}
	for _, text := range []string{"@", "a", "1:a", "2:1", "NaN", "1:~", "~", "1:2:3", " 1", "inf:"} {
		if _, err := ParseRange(text); !errors.Is(err, ErrRange) {
			t.Errorf("%q: %v, not ErrRange", text, err)
		}
	}
}

// What is written of a range is a range that says the same.
func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"10", "10:", "~:10", "@10:20", "5%", "@1:50%", "1e3:", "-1:1"} {
		f.Add(seed, 3, 10)
	}
	f.Fuzz(func(t *testing.T, text string, n, total int) {
		r, err := ParseRange(text)
		if err != nil || total < 0 || total > 1e9 || n < -1e9 || n > 1e9 {
			return
		}
		written := r.of(total)
		again, err := ParseRange(written)
		if err != nil {
			if r.low.in(total) > r.high.in(total) { // mixed with a percentage, it is empty
				return
			}
			t.Fatalf("%q is written %q: %v", text, written, err)
		}
		if r.alerts(n, total) != again.alerts(n, total) {
			t.Fatalf("%q and %q differ at %d", text, written, n)
		}
	})
}

// A line is one line, and has one bar.
func TestLine(t *testing.T) {
	r := &Result{
		Name: "MINIONS", Status: Critical, Message: "a|b\nc\x1b[31m",
		Subjects: []Group{{"down", []string{"m1", "m\x07"}}, {"unresponsive", nil}},
		Figures:  []Figure{{Name: "down", Value: 2, Warn: "0", Crit: "5", Max: "9"}, {Name: "up", Value: 7}},
	}
	const want = "MINIONS CRITICAL - a/b?c?[31m; down: m1, m? | down=2;0;5;0;9 up=7;;;0"
	if got := r.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.Subjects[0].IDs = strings.Split(strings.Repeat("m ", 14)+"m", " ")
	if got := r.Line(); !strings.Contains(got, "m and 5 more") {
		t.Errorf("not cut short: %s", got)
	}
}
