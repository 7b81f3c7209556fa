package output

import (
	"fmt"
	"io"
	"testing"

	"gorun/value"
)

// jobs is an answer of jobs.list_jobs.
func jobs(n int) *value.Map {
	m := &value.Map{Entries: make([]value.Entry, n)}
	for i := range n {
		m.Entries[i] = value.Entry{Key: fmt.Sprintf("202603191200%08d", i), Val: value.NewMap(
			"Function", "state.apply",
			"Arguments", value.List{"web.nginx", value.NewMap("__kwarg__", true, "test", true)},
			"Target", "web-*",
			"Target-type", "glob",
			"User", "sudo_admin",
			"StartTime", "2026, Mar 19 12:00:00.000001",
		)}
	}
	return m
}

func BenchmarkPrint(b *testing.B) {
	v := jobs(10_000)
	o := DefaultOptions()
	for _, name := range []string{"nested", "json", "yaml", "pprint", "raw", "txt"} {
		b.Run(name, func(b *testing.B) {
			var size counter
			if err := Print(&size, name, v, o); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := Print(io.Discard, name, v, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
