package jobcache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"gorun/jobcache"
	"gorun/value"
)

// newStore makes a store, which is checked when the test ends.
func newStore(t *testing.T) (path string, w *jobcache.Writer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gorun", jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		integrity(t, path)
	})
	return path, w
}

// integrity looks through the whole store.
func integrity(t *testing.T, path string) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Error(err)
		return
	}
	if err := errors.Join(r.Check(context.Background()), r.Close()); err != nil {
		t.Error(err)
	}
}

func update(t *testing.T, w *jobcache.Writer, f func(*jobcache.Tx) error) {
	t.Helper()
	if err := w.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func reader(t *testing.T, path string) *jobcache.Reader {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func raw(t *testing.T, pairs ...value.Value) value.Raw {
	t.Helper()
	data, err := value.Encode(value.NewMap(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const jid = "20261122073829407758"

func TestModes(t *testing.T) {
	path, _ := newStore(t)
	for _, file := range []string{path, path + ".lock", path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(file), mode)
		}
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("the directory has mode %o", mode)
	}
}

func TestSecondWriter(t *testing.T) {
	path, _ := newStore(t)
	_, err := jobcache.OpenWriter(path)
	if !errors.Is(err, jobcache.ErrLocked) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "pid ") {
		t.Errorf("%q does not say who", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	noise := filepath.Join(dir, "noise.db")
	if err := os.WriteFile(noise, []byte(strings.Repeat("no database at all ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	made := func(name, script string) string {
		path := filepath.Join(dir, name)
		conn, err := sqlite.OpenConn(path)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(sqlitex.ExecuteScript(conn, script, nil), conn.Close(), os.Chmod(path, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"noise", noise, jobcache.ErrForeign},
		{"of another program", made("other.db", "PRAGMA application_id = 7; CREATE TABLE t (x);"), jobcache.ErrForeign},
		{"of a newer gorun", made("newer.db", "PRAGMA application_id = 1735357045; PRAGMA user_version = 99;"), jobcache.ErrForeign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := jobcache.OpenReader(test.path); !errors.Is(err, test.want) {
				t.Errorf("reading: %v", err)
			}
			if _, err := jobcache.OpenWriter(test.path); !errors.Is(err, test.want) {
				t.Errorf("writing: %v", err)
			}
		})
	}
	if _, err := jobcache.OpenReader(filepath.Join(dir, "none.db")); !errors.Is(err, jobcache.ErrNoStore) {
		t.Errorf("no file: %v", err)
	}
}

func TestJobs(t *testing.T) {
	path, w := newStore(t)
	long := strings.Repeat("x", 10_000)
	load := raw(t, "fun", "cmd.run", "arg", value.List{long})
	event := raw(t, "return", long, "retcode", int64(0))
	update(t, w, func(tx *jobcache.Tx) error {
		return errors.Join(
			tx.PutJob(jobcache.Job{
				JID: jid, Fun: "cmd.run", Source: jobcache.FromNew, Stamp: 5, Load: load, Minions: []string{"b", "a"},
			}),
			tx.PutJob(jobcache.Job{JID: jid, Metadata: raw(t, "k", "v")}),
			tx.PutJob(jobcache.Job{JID: "20261122073829407759", Announced: "soon"}),
			tx.PutReturn(jid, jobcache.Return{Minion: "b", Stamp: 7, Event: event}),
			tx.PutReturn(jid, jobcache.Return{Minion: "a", Stamp: 6, Event: raw(t, "return", true), Trimmed: true}),
			tx.PutReturn(jid, jobcache.Return{Minion: "a", Stamp: 8, Event: raw(t, "return", false)}),
		)
	})
	r := reader(t, path)
	job, err := r.Job(t.Context(), jid)
	if err != nil {
		t.Fatal(err)
	}
	if string(job.Load) != string(load) || job.Fun != "cmd.run" || strings.Join(job.Minions, " ") != "b a" || len(job.Metadata) == 0 {
		t.Errorf("got %+v", job)
	}
	var got []string
	err = r.Returns(t.Context(), jid, func(ret *jobcache.Return) error {
		got = append(got, ret.Minion)
		if ret.Minion == "b" && string(ret.Event) != string(event) {
			t.Error("the return of b is not what was stored")
		}
		if ret.Minion == "a" && (!ret.Trimmed || ret.Stamp != 6) {
			t.Errorf("of two returns not the first: %+v", ret)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "a b" {
		t.Errorf("returns of %v, %v", got, err)
	}
	got = nil
	err = r.ReturnStamps(t.Context(), jid, func(minion string, stamp int64) error {
		got = append(got, fmt.Sprint(minion, stamp))
		return nil
	})
	if err != nil || strings.Join(got, " ") != "a6 b7" {
		t.Errorf("returned: %v, %v", got, err)
	}
	if ret, err := r.Return(t.Context(), jid, "b"); err != nil || ret == nil || ret.Minion != "b" || string(ret.Event) != string(event) {
		t.Errorf("the return of b: %+v, %v", ret, err)
	}
	if ret, err := r.Return(t.Context(), jid, "c"); err != nil || ret != nil {
		t.Errorf("c has not returned: %+v, %v", ret, err)
	}
	listed := 0
	err = r.Jobs(t.Context(), jobcache.Selection{}, func(job *jobcache.Job) error {
		listed++
		_, err := r.Job(t.Context(), job.JID) // a question within a question
		return err
	})
	if err != nil || listed != 1 {
		t.Errorf("%d jobs listed, %v: one has no load yet", listed, err)
	}
	if _, err := r.Job(t.Context(), "20261122073829407700"); !errors.Is(err, jobcache.ErrUnknownJob) {
		t.Errorf("unknown jid: %v", err)
	}
}

func TestPrune(t *testing.T) {
	path, w := newStore(t)
	update(t, w, func(tx *jobcache.Tx) error {
		var err error
		for i := range 5 {
			jid := fmt.Sprintf("2026112207382900000%d", i)
			err = errors.Join(err,
				tx.PutJob(jobcache.Job{JID: jid, Fun: []string{"a.first", "b.all"}[min(i, 1)], Source: jobcache.FromNew, Stamp: int64(i) * 1e6, Load: raw(t)}),
				tx.PutReturn(jid, jobcache.Return{Minion: "m", Event: raw(t, "return", true)}),
				tx.PutFailure(jid, jobcache.Failure{Minion: "m", Run: 1, Stamp: "x"}))
		}
		return err
	})
	for _, want := range []int{2, 1, 0} {
		if p, err := w.Prune(t.Context(), jobcache.Limits{Before: time.Unix(3, 0)}, 2); err != nil || p.Old != want || p.Over != 0 {
			t.Errorf("%+v left, %v; want %d", p, err, want)
		}
	}
	r := reader(t, path)
	if jobs, returns, err := r.Count(t.Context()); jobs != 2 || returns != 2 || err != nil {
		t.Errorf("%d jobs and %d returns stay, %v", jobs, returns, err)
	}
	// The names of functions leave with the last of their jobs.
	functions := func() (names []string) {
		err := r.Jobs(t.Context(), jobcache.Selection{Fun: func(name string) bool {
			names = append(names, name)
			return false
		}}, nil)
		if err != nil {
			t.Error(err)
		}
		return names
	}
	if names := functions(); !slices.Equal(names, []string{"b.all"}) {
		t.Errorf("the functions that stay are %q", names)
	}
	// One that comes again after it left is taken like a new one.
	update(t, w, func(tx *jobcache.Tx) error {
		return tx.PutJob(jobcache.Job{JID: "20261122073829000000", Fun: "a.first", Source: jobcache.FromReturn, Load: raw(t)})
	})
	if job, err := r.Job(t.Context(), "20261122073829000000"); err != nil || job.Fun != "a.first" {
		t.Errorf("%+v, %v", job, err)
	}
}

// A failed transaction leaves nothing behind, in the file or in memory.
func TestRollback(t *testing.T) {
	path, w := newStore(t)
	failed := errors.New("failed")
	err := w.Update(t.Context(), func(tx *jobcache.Tx) error {
		tx.Alive("m1", 5, "salt/minion/m1/start")
		tx.Count("events", 3)
		return errors.Join(tx.PutJob(jobcache.Job{JID: jid, Fun: "test.ping", Source: jobcache.FromNew, Load: raw(t)}), failed)
	})
	if !errors.Is(err, failed) {
		t.Fatalf("got %v", err)
	}
	update(t, w, func(tx *jobcache.Tx) error { return tx.PutJob(jobcache.Job{JID: jid, Minions: []string{"m1"}}) })
	r := reader(t, path)
	job, err := r.Job(t.Context(), jid)
	if err != nil || job.Source != jobcache.FromNothing {
		t.Errorf("got %+v, %v", job, err)
	}
	minions, err := r.Minions(t.Context())
	if err != nil || len(minions) != 0 {
		t.Errorf("got %v, %v", minions, err)
	}
	status, err := r.Status(t.Context(), time.Now())
	if err != nil || status.Events != 0 {
		t.Errorf("got %+v, %v", status, err)
	}
}

// A reader in the middle of a listing sees one state, and holds nobody up.
func TestReadWhileWriting(t *testing.T) {
	path, w := newStore(t)
	put := func(jid string) {
		update(t, w, func(tx *jobcache.Tx) error {
			return tx.PutJob(jobcache.Job{JID: jid, Source: jobcache.FromNew, Load: raw(t)})
		})
	}
	put("20261122073829000001")
	put("20261122073829000002")
	r := reader(t, path)
	count := func(while func()) (n int) {
		err := r.Jobs(t.Context(), jobcache.Selection{}, func(*jobcache.Job) error {
			if n++; n == 1 {
				while()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(func() { put("20261122073829000003") }); n != 2 {
		t.Errorf("%d jobs in a listing that began with 2", n)
	}
	if n := count(func() {}); n != 3 {
		t.Errorf("%d jobs afterwards", n)
	}
}

func TestInterrupt(t *testing.T) {
	path, w := newStore(t)
	update(t, w, func(tx *jobcache.Tx) error {
		return tx.PutJob(jobcache.Job{JID: jid, Source: jobcache.FromNew, Load: raw(t)})
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := reader(t, path).Jobs(ctx, jobcache.Selection{}, func(*jobcache.Job) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestStatus(t *testing.T) {
	path, w := newStore(t)
	now := time.Now().Truncate(time.Microsecond)
	update(t, w, func(tx *jobcache.Tx) error {
		tx.Count("events", 2)
		tx.Count("events", 1)
		tx.Count("skipped.malformed", 4)
		return tx.Heartbeat(now, true, jobcache.Python2)
	})
	r := reader(t, path)
	for _, test := range []struct {
		after time.Duration
		want  bool
	}{{time.Second, true}, {time.Minute, false}} {
		s, err := r.Status(t.Context(), now.Add(test.after))
		if err != nil {
			t.Fatal(err)
		}
		if s.Listening != test.want || s.Events != 3 || s.Skipped["malformed"] != 4 || s.Era != jobcache.Python2 || s.PID != os.Getpid() || !s.Heartbeat.Equal(now) {
			t.Errorf("after %v: %+v", test.after, s)
		}
	}
}

func TestJIDTime(t *testing.T) {
	tests := []struct {
		jid, want string
		valid     bool
	}{
		{"20261122073829407758", "2026, Nov 22 07:38:29.407758", true},
		{"20261122073829407758_4711", "2026, Nov 22 07:38:29.407758", true},
		{"abc", "", false},
		{"../../../../etc/shadow", "", false},
		{"20261122073829407758_../x", "2026, Nov 22 07:38:29.407758", false},
		{"20260022073829407758", "2026,  22 07:38:29.407758", true},
		{"20261122073829407758_", "", false},
	}
	for _, test := range tests {
		got, err := jobcache.JIDTime(test.jid)
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v", test.jid, got, err)
		}
		if got := jobcache.ValidJID(test.jid); got != test.valid {
			t.Errorf("%s: valid is %v", test.jid, got)
		}
	}
	for _, bad := range []string{"20261322073829407758", "2026xx22073829407758"} {
		if got, err := jobcache.JIDTime(bad); err == nil {
			t.Errorf("%s: %q", bad, got)
		}
	}
}
