//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"gorun/internal/saltlab"
	"gorun/jobcache"
)

// TestLiveUser runs a real master that is not root, and a subscriber that root starts. Of
// what proves who asks, and of what Salt itself hides, nothing is in the job cache; it
// stays the master's user's whatever root does with it.
func TestLiveUser(t *testing.T) {
	uid := canBe(t, "nobody")
	dir := t.TempDir()
	passable(t, dir)
	output, masked, users := filepath.Join(dir, "output"), filepath.Join(dir, "masked"), filepath.Join(dir, "users")
	err := errors.Join(os.WriteFile(output, []byte("hidden-output\n"), 0o600),
		os.WriteFile(users, hashed("ann", "carl"), 0o644),
		os.WriteFile(masked, []byte("hidden-state\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{
		Version: "3008.3", User: "nobody",
		Config: []string{"id: lab_master", "external_auth: {auto: {ann: ['.*', '@runner'], bob: ['no.such']}, " +
			"file: {^filename: " + users + ", ^hashtype: sha256, ann: ['.*', '@runner'], carl: ['no.such']}}"},
		Files: fstest.MapFS{"masked.sls": {Data: []byte(
			"masked:\n  cmd.run:\n    - name: cat " + masked + "\n    - no_log: True\n"), Mode: 0o644}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	capture, err := lab.Capture()
	if err != nil {
		t.Fatal(err)
	}
	g := gorun{binary: build(t), config: lab.ConfigDir()}
	daemon := g.command(context.Background(), "subscribe", "-l", "debug")
	var log bytes.Buffer
	daemon.Stderr = &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill() // where the test has not
		_ = daemon.Wait()
	})
	until(t, "the subscriber listens", func() bool { return g.status(t).Listening })
	const id = "minion-1"
	if err := errors.Join(lab.StartMinions(ctx, id), lab.Answering(ctx, id)); err != nil {
		t.Fatal(err)
	}
	eauth := slices.Clip([]string{"-a", "auto", "--username", "ann", "--password", "hidden-password"})
	for _, q := range []struct {
		ask  func(context.Context, ...string) (saltlab.Answer, error)
		args []string
		said string
	}{
		{lab.Salt, []string{id, "state.apply", "masked"}, "Succeeded: 1"},
		{lab.Salt, []string{id, "cmd.run", "cat " + output, "hide_output=True"}, id},
		{lab.Salt, append(eauth, id, "test.ping"), "True"},
		{lab.SaltRun, append(eauth, "manage.up"), id},
		{lab.Salt, []string{"-a", "pam", "--username", "nobody", "--password", "hidden-password", id, "test.ping"}, ""},
		{lab.Salt, []string{id, "cmd.run", "echo the-end"}, "the-end"},
	} {
		a, err := q.ask(ctx, q.args...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(a.Stdout, []byte(q.said)) {
			t.Errorf("%q: %s%s", q.args, a.Stdout, a.Stderr)
		}
	}
	external(ctx, t, g, lab, uid)
	if err := capture.WaitFor(ctx, "the-end"); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(lab.Dir, "var/cache/salt/master/gorun", jobcache.File)
	until(t, "the last return is in the cache", func() bool { return bytes.Contains(everything(t, store), []byte("the-end")) })

	key, err := os.ReadFile(filepath.Join(lab.Dir, "var/cache/salt/master/.nobody_key"))
	if err != nil {
		t.Fatal(err)
	}
	kept := everything(t, store)
	for _, hidden := range []string{"hidden-state", "hidden-output", "hidden-password", "hidden-ann", "hidden-carl", string(bytes.TrimSpace(key))} {
		if bytes.Contains(kept, []byte(hidden)) {
			t.Errorf("the job cache holds %q", hidden)
		}
		before, _, onBus := bytes.Cut(capture.Bytes(), []byte(hidden))
		tag := before[max(bytes.LastIndex(before, []byte("salt/")), 0):]
		fmt.Printf("%s: %.16q on the bus: %v %.40q\n", t.Name(), hidden, onBus, tag)
	}
	if !bytes.Contains(kept, []byte("cat "+masked)) {
		t.Error("the masked state is not in the job cache")
	}
	owned(t, store, uid)
	if err := daemon.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // killed
	for range 2 {
		out, stderr := g.run(t, "jobs.list_jobs") // by root, while nobody writes
		if !bytes.Contains(out, []byte("masked")) {
			t.Errorf("%s\n%s", out, stderr)
		}
		owned(t, store, uid)
	}
	g.subscribe(t)
	if bytes.Contains(log.Bytes(), []byte("hidden-")) || bytes.Contains(log.Bytes(), bytes.TrimSpace(key)) {
		t.Errorf("the log holds a secret:\n%s", log.Bytes())
	}
}

// canBe tells the uid of a user that root can become, and that can read the Salt that is
// installed for tests.
func canBe(t *testing.T, name string) int {
	t.Helper()
	skip := func(err error) {
		fmt.Printf("%s: NOT DONE: %v\n", t.Name(), err)
		t.Skip(err)
	}
	if os.Geteuid() != 0 {
		skip(errors.New("only root can be another user"))
	}
	u, err := user.Lookup(name)
	if err != nil {
		skip(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := saltlab.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	ls := exec.Command("ls", cache)
	ls.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	if out, err := ls.CombinedOutput(); err != nil {
		skip(fmt.Errorf("GORUN_SALT_CACHE must be where %s can read: %s", name, strings.TrimSpace(string(out))))
	}
	return uid
}

// everything is what the store holds: jobs and returns, unpacked.
func everything(t *testing.T, store string) (all []byte) {
	t.Helper()
	r, err := jobcache.OpenReader(store)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	err = r.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		all = append(append(append(all, job.Load...), job.Metadata...), job.Fun...)
		return r.Returns(ctx, job.JID, func(ret *jobcache.Return) error {
			all = append(append(all, ret.Event...), ret.Minion...)
			return nil
		})
	})
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

// owned checks whose the files of the store are.
func owned(t *testing.T, store string, uid int) {
	t.Helper()
	files, err := filepath.Glob(store + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, filepath.Dir(store)) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if sys := info.Sys().(*syscall.Stat_t); int(sys.Uid) != uid || sys.Mode&0o077 != 0 {
			t.Errorf("%s is of uid %d, %v", file, sys.Uid, info.Mode())
		}
	}
}
