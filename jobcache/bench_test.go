package jobcache_test

import (
	"fmt"
	"testing"

	"gorun/jobcache"
	"gorun/value"
)

// BenchmarkJobs lists 10,000 jobs.
func BenchmarkJobs(b *testing.B) {
	const jobs = 10_000
	path := b.TempDir() + "/" + jobcache.File
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	load, err := value.Encode(value.NewMap("fun", "test.ping", "arg", value.List{}, "tgt", "web-*", "tgt_type", "glob", "user", "root"))
	if err != nil {
		b.Fatal(err)
	}
	err = w.Update(b.Context(), func(tx *jobcache.Tx) error {
		for i := range jobs {
			job := jobcache.Job{JID: fmt.Sprintf("20260319%012d", i), Fun: "test.ping", Source: jobcache.FromNew, Load: load, Minions: []string{"m1", "m2"}}
			if err := tx.PutJob(job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	r, err := jobcache.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := r.Jobs(b.Context(), jobcache.Selection{}, func(*jobcache.Job) error { n++; return nil }); err != nil || n != jobs {
			b.Fatalf("%d jobs, %v", n, err)
		}
	}
}
