package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/internal/metrics"
	"gorun/internal/subscriber"
	"gorun/jobcache"
	"gorun/value"
)

// floodFrames are jobs with their returns, of several functions; one return in ten fails.
func floodFrames(jobs, returns int) (frames [][]byte) {
	start := time.Now().UTC().Add(-time.Minute)
	stamp := func(n int) string {
		return start.Add(time.Duration(n) * time.Millisecond).Format("2006-01-02T15:04:05.000000")
	}
	ids := make(value.List, returns)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%d", i)
	}
	for j := range jobs {
		jid, fun := fmt.Sprintf("20261122073829%06d", j), []string{"test.ping", "state.apply", "cmd.run"}[j%3]
		frames = append(frames, eventtest.Frame("salt/job/"+jid+"/new", value.NewMap("jid", jid, "fun", fun, "tgt", "*",
			"minions", ids, "_stamp", stamp(0)), event.FormStream))
		for i, id := range ids {
			code := int64(0)
			if i%10 == 0 {
				code = 1
			}
			frames = append(frames, eventtest.Frame(fmt.Sprintf("salt/job/%s/ret/%s", jid, id), value.NewMap("jid", jid, "id", id,
				"fun", fun, "return", true, "retcode", code, "success", code == 0, "_stamp", stamp(i)), event.FormStream))
		}
	}
	return frames
}

// While a flood goes into the store, each scrape is one moment of it: its counters go
// together, never fall, and are not ahead of the bus. When it is over they are the store's,
// to the event.
func TestFlood(t *testing.T) {
	const jobs, returns = 200, 99
	frames := floodFrames(jobs, returns)
	dir, err := os.MkdirTemp("", "gorun-flood-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bus, err := eventtest.Listen(t.Context(), filepath.Join(dir, "pub.ipc"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bus.Close() }()
	cfg := subscriber.Config{
		Bus: event.Config{Path: bus.Address()}, Store: filepath.Join(t.TempDir(), jobcache.File),
		Queue: event.NewQueue(64 << 20), Log: slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, ended := make(chan bool), make(chan error, 1)
	cfg.Ready = func() { close(ready) }
	go func() { ended <- subscriber.Run(ctx, cfg) }()
	<-ready
	server := metrics.NewServer(cfg.Log)
	defer server.Close()
	address := freeAddress(t, "127.0.0.1")
	server.Use(address, "gorun: metrics", metrics.Config{Store: cfg.Store, Keys: accepted("m1"), Queue: cfg.Queue.Size})

	for bus.Connections() == 0 {
		time.Sleep(time.Millisecond)
	}
	var sent atomic.Int64
	go func() {
		for len(frames) > 0 {
			var some []byte
			n := min(50, len(frames))
			for _, frame := range frames[:n] {
				some = append(some, frame...)
			}
			frames = frames[n:]
			sent.Add(int64(n))
			bus.Say(some)
		}
	}()
	var last map[string]float64
	scrapes := 0
	for last["gorun_events_total"] < jobs*(1+returns) {
		got, err := scrape(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		ahead := sent.Load()
		now := counted(parse(t, got))
		for name, n := range last {
			if now[name] < n {
				t.Fatalf("%s fell from %v to %v", name, n, now[name])
			}
		}
		events := now["gorun_events_total"]
		if events > float64(ahead) || events != now["gorun_jobs_total"]+now["gorun_returns_total"] ||
			events != now["gorun_event_lag_seconds"] || now["gorun_return_duration_seconds"] != now["gorun_returns_total"] {
			t.Fatalf("of %d events that were sent a scrape tells %v", ahead, now)
		}
		last = now
		scrapes++
	}
	t.Logf("%d scrapes", scrapes)
	agrees(t, cfg.Store, last)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// agrees compares counters with what the store holds.
func agrees(t *testing.T, path string, told map[string]float64) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	status, err := r.Status(t.Context(), time.Now())
	jobs, returns, err2 := r.Count(t.Context())
	if err := errors.Join(err, err2, r.Close()); err != nil {
		t.Fatal(err)
	}
	if told["gorun_events_total"] != float64(status.Events) || told["gorun_jobs_total"] != float64(jobs) ||
		told["gorun_returns_total"] != float64(returns) || told["gorun_returns_total failed"] != float64(returns*10/99) {
		t.Errorf("%d events, %d jobs and %d returns are in the store, the scrape told %v", status.Events, jobs, returns, told)
	}
}

// counted sums each counter, and the counts of each histogram, over their labels; returns by
// result as well.
func counted(families map[string]*dto.MetricFamily) map[string]float64 {
	sums := make(map[string]float64)
	for name, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				sums[name] += float64(h.GetSampleCount())
			}
			if c := m.GetCounter(); c != nil {
				sums[name] += c.GetValue()
				for _, l := range m.GetLabel() {
					if l.GetName() == "result" {
						sums[name+" "+l.GetValue()] += c.GetValue()
					}
				}
			}
		}
	}
	return sums
}
