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

// states is what that many minions returned to a state.apply of six files.
func states(minions int) *value.Map {
	m := &value.Map{Entries: make([]value.Entry, minions)}
	for i := range m.Entries {
		run := value.NewMap()
		for n := range int64(6) {
			changes := value.NewMap()
			if n%2 == 0 {
				changes.Set("diff", "--- \n+++ \n@@ -1 +1 @@\n-listen 80\n+listen 443\n")
			}
			name := fmt.Sprintf("/etc/web/conf.d/%d.conf", n)
			run.Set(fmt.Sprintf("file_|-conf-%d_|-%s_|-managed", n, name), value.NewMap(
				"name", name, "changes", changes, "result", true, "comment", "File "+name+" is in the correct state",
				"__sls__", "web.nginx", "__run_num__", n, "start_time", "12:00:00.123456", "duration", 10.188, "__id__", fmt.Sprintf("conf-%d", n)))
		}
		m.Entries[i] = value.Entry{Key: fmt.Sprintf("web-%05d", i), Val: run}
	}
	return m
}

// BenchmarkPrint prints 10,000 jobs, or the states of 500 minions, with each outputter that can
// show them.
func BenchmarkPrint(b *testing.B) {
	list, run := jobs(10_000), states(500)
	o := DefaultOptions()
	for _, out := range All() {
		var v value.Value = list
		switch out.Name {
		case "highstate", "compact", "profile":
			v = run
		case "key":
			v = keys(10_000)
		case "table":
			v = value.NewMap("jobs", tableRows(list))
		case "overstatestage", "virt_query", "quiet": // nothing that grows
			continue
		}
		b.Run(out.Name, func(b *testing.B) {
			if err := out.print(newWriter(io.Discard), v, o); err != nil {
				b.Fatal(err) // nested would be measured
			}
			var size counter
			if err := Print(&size, out.Name, v, o); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := Print(io.Discard, out.Name, v, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// keys is what salt-key lists.
func keys(n int) *value.Map {
	ids := make(value.List, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("web-%05d", i)
	}
	return value.NewMap("minions", ids, "minions_pre", value.List{"new"})
}

// tableRows are the values of a map, as rows of a table: the first 500.
func tableRows(m *value.Map) value.List {
	rows := make(value.List, 500)
	for i := range rows {
		rows[i] = m.Entries[i].Val
	}
	return rows
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
