package subscriber

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// BenchmarkApply stores events in transactions of 10,000, as a flood makes them.
func BenchmarkApply(b *testing.B) {
	state := value.NewMap()
	for i := range 6 {
		state.Set(fmt.Sprintf("file_|-web-%d_|-/etc/web/%d_|-managed", i, i), value.NewMap(
			"__id__", fmt.Sprintf("web-%d", i), "__run_num__", int64(i), "__sls__", "web", "changes", value.NewMap(),
			"comment", fmt.Sprintf("File /etc/web/%d is in the correct state", i), "duration", 12.345,
			"name", fmt.Sprintf("/etc/web/%d", i), "result", true, "start_time", "12:00:00.123456"))
	}
	// A job of a hundred events: its announcement, then the returns.
	event := func(i int, val value.Value) []byte {
		jid := fmt.Sprintf("20260319%012d", i/100)
		if i%100 == 0 {
			return newJob(jid, "test.ping", i, "web-00001", "web-00002")
		}
		return ret(jid, fmt.Sprintf("web-%05d", i%100), i, "return", val, "retcode", int64(0), "success", true)
	}
	for _, kind := range []struct {
		name string
		body func(i int) []byte
	}{
		{"new", func(i int) []byte { return newJob(fmt.Sprintf("20260319%012d", i), "test.ping", i, "m1", "m2") }},
		{"ret", func(i int) []byte { return event(i, true) }},
		{"ret of states", func(i int) []byte { return event(i, state) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			bodies := make([][]byte, b.N)
			size := 0
			for i := range bodies {
				bodies[i] = kind.body(i)
				size += len(bodies[i])
			}
			w, err := jobcache.OpenWriter(filepath.Join(b.TempDir(), jobcache.File))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			a := applier{masterID: "lab_master", runners: true, now: time.Now}
			b.SetBytes(int64(size / b.N))
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			for len(bodies) > 0 {
				part := bodies[:min(maxBatch, len(bodies))]
				bodies = bodies[len(part):]
				err := w.Update(b.Context(), func(tx *jobcache.Tx) error {
					for _, body := range part {
						if err := a.apply(tx, body); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what this process has used so far: unlike the time on the wall, it does not
// depend on what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
