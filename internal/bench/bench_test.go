package main

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"gorun/event"
	"gorun/value"
)

func TestParseBenchmarks(t *testing.T) {
	got := parseBenchmarks(`goos: linux
pkg: gorun/value
BenchmarkDecode-2   	   20552	     68176.5 ns/op	  17.88 MB/s	    7752 B/op	     224 allocs/op
PASS
ok  	gorun/value	1.447s
pkg: gorun/internal/subscriber
BenchmarkApply/ret_of_states-2	100	98194 ns/op	28511 cpu-ns/op	122 B/op	5 allocs/op
`)
	want := []goBenchmark{
		{"value", "Decode-2", 68176.5, "17.88", "7752", "224"},
		{"internal/subscriber", "Apply/ret_of_states-2", 98194, "", "122", "5"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestSignificant(t *testing.T) {
	for f, want := range map[float64]string{0.1234: "0.12", 9.994: "9.99", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567"} {
		if got := significant(f); got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}

// A page of what was measured can be made, and says plainly which goal was missed.
func TestPrint(t *testing.T) {
	r := &report{Version: "3008.3",
		Floods: make([]floodResult, 3), GoBenchmarks: make([]goBenchmark, 1),
		Jobs: 100, Growths: []growth{{Title: "Growth", Steps: []growthStep{{Answers: []answerTime{{Question: "jobs.lookup_jid 1"}}}}}},
	}
	for _, q := range questions(minJobs) {
		r.Comparisons = append(r.Comparisons, comparison{question: q})
	}
	r.Floods[0].Answers = make([]answerTime, 5)
	r.Floods[1].Name = "small returns"
	var b strings.Builder
	if err := r.print(&b); err != nil {
		t.Fatal(err)
	}
	if lines, err := times([]byte(b.String())); err != nil || strings.Count(lines, "| `") != 6 {
		t.Errorf("the README gets %q, %v", lines, err)
	}
	for _, want := range []string{
		"| small returns stored | 100,000 a second | 0 a second | **missed** |",
		"| `cache.grains minion-1`, whole process | 3.00 times as fast as salt-run | NaN times | **missed** |",
		"| `manage.up source=cache`, whole process | 8.00 ms | 0.00 µs | met |",
		"| `jobs.list_jobs`, whole process, of 100 jobs | 200 ms | 0.00 µs | met |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %s in\n%s", want, b.String())
		}
	}
}

// Both sides are filled from one job: what the bus carries is what Salt stores.
func TestJobs(t *testing.T) {
	minions := value.List{"web-00000", "web-00001"}
	for n := range 2 * minJobs {
		j := newJob(n, minions)
		want := 2
		if n%97 == 0 {
			want = 1
		}
		if len(j.returns) != want {
			t.Fatalf("job %d has %d returns, want %d", n, len(j.returns), want)
		}
		for _, frame := range j.events() {
			body := messageBody(t, frame)
			ev, err := event.Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			if tag := event.ParseTag(ev.Tag); tag.JID != jidOf(n) {
				t.Errorf("job %d: tag %s", n, ev.Tag)
			}
		}
	}
	minions = minions[:1]
	for jobs := minJobs; jobs < 5*minJobs; jobs++ {
		n := lastState(jobs)
		fun, _ := newJob(n, minions).load.Get("fun")
		if n >= jobs || fun != "state.apply" || len(newJob(n, minions).returns) != 1 {
			t.Errorf("of %d jobs the %dth: %v", jobs, n, fun)
		}
	}
}

// messageBody takes a frame of the stream bus apart.
func messageBody(t *testing.T, frame []byte) []byte {
	t.Helper()
	v, err := value.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := v.(*value.Map).Get("body")
	return body.(value.Bytes)
}

// A chart shows each line at the height of its values.
func TestChart(t *testing.T) {
	svg := chart("Title <1>", "jobs", []line{
		{"one", []point{{1000, 1}, {100_000, 100}}}, {"two", []point{{1000, 10}, {100_000, 10}}},
	})
	if err := xml.Unmarshal([]byte(svg), new(any)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`d="M70.0 360.0L500.0 30.0"`, `d="M70.0 195.0L500.0 195.0"`, "Title &lt;1&gt;", ">10,000<", ">10 ms<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}
