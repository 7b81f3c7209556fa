package jobcache_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gorun/jobcache"
	"gorun/value"
)

// What proves to the master who asks is not in the store, whoever hands it over; what a
// function was called with is, as in Salt's cache.
func TestSecrets(t *testing.T) {
	path, w := newStore(t)
	jid := "20261122073829407758"
	load, err := value.Encode(value.NewMap(
		"cmd", "publish", "jid", jid, "fun", "test.arg", "key", "secret-1", "token", "secret-2", "tok", value.Bytes("secret-3"),
		"arg", value.List{value.NewMap("__kwarg__", true, "password", "shown-1", "key", "shown-2")},
		"kwargs", value.NewMap("delimiter", ":", "eauth", "secret-4", "username", "ann", "password", "secret-5", "token", "secret-6",
			"metadata", value.NewMap("token", "shown-3")),
		"user", "ann"))
	if err != nil {
		t.Fatal(err)
	}
	update(t, w, func(tx *jobcache.Tx) error {
		return tx.PutJob(jobcache.Job{JID: jid, Fun: "test.arg", Source: jobcache.FromNew, Stamp: 1, Load: load})
	})
	job, err := reader(t, path).Job(t.Context(), jid)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shown-1", "shown-2", "shown-3", "ann", "delimiter", "publish"} {
		if !bytes.Contains(job.Load, []byte(name)) {
			t.Errorf("%s is missing in %q", name, job.Load)
		}
	}
	if _, err := job.Load.Decode(); err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("secret-")) {
			t.Errorf("%s holds a secret", file)
		}
	}
}
