//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorun/internal/saltlab"
)

// TestLiveAsk asks a running master of each generation who is up, beside salt-run, while
// minions die, stand still, come back and lose their keys, and while the master dies.
func TestLiveAsk(t *testing.T) {
	versions := []string{"3008.3", "3006.26", "2014.7.7"}
	if only := os.Getenv("GORUN_VERSION"); only != "" {
		versions = []string{only}
	}
	binary := build(t)
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel() // a Salt waits more than it works
			askLive(t, binary, version)
		})
	}
}

// An askTest is one master that is asked.
type askTest struct {
	*testing.T
	gorun
	lab      *saltlab.Lab
	compared int
}

func askLive(t *testing.T, binary, version string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{Version: version, Config: []string{
		"presence_events: True", "loop_interval: 2", "timeout: 10", "gather_job_timeout: 5"}})
	if saltlab.Lacking(err) && !saltlab.AtLeast(version, "3000") {
		fmt.Printf("%s: NOT DONE: %v\n", t.Name(), err)
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &askTest{T: t, gorun: gorun{binary: binary, config: lab.ConfigDir()}, lab: lab}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		fmt.Printf("%s: %d answers compared\n", t.Name(), a.compared)
	})
	a.subscribe(t)
	a.must(lab.StartMinions(ctx, "alpha", "beta"))
	a.agree(ctx, "both are there")

	lab.Kill("beta")
	a.agree(ctx, "one was killed")
	a.must(lab.StartDaemon(ctx, "beta"))
	a.must(lab.Answering(ctx, "alpha", "beta"))
	a.agree(ctx, "it was started again")

	a.must(lab.Stop("beta"))
	a.agree(ctx, "one stands still")
	a.must(lab.Continue("beta"))
	a.must(lab.Answering(ctx, "alpha", "beta"))

	a.busy(ctx)

	lab.Kill("master")
	a.noMaster()
	a.must(lab.StartDaemon(ctx, "master"))
	a.must(lab.Answering(ctx, "alpha", "beta"))
	a.agree(ctx, "the master was started again")

	lab.Kill("beta")
	a.removeKeys(ctx)
	a.agree(ctx, "one has lost its key")
	a.runners(ctx)
	if saltlab.AtLeast(version, "3008") {
		a.hung()
		a.newKeys(ctx)
	}
}

func (a *askTest) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// agree compares who is up and who is down, asked by one after the other (a minion of a busy
// old master misses one of two jobs that come at once), and then by gorun's own choice of
// the source, within one loop_interval.
func (a *askTest) agree(ctx context.Context, when string) {
	a.Helper()
	asks := a.lab.Ask
	if !saltlab.AtLeast(a.lab.Version, "2019") { // whose quiet configuration has no key
		asks = a.lab.SaltRun
	}
	for _, fun := range []string{"manage.status", "manage.up", "manage.down"} {
		var want saltlab.Answer
		var ping, auto, pingErrs, autoErrs []byte
		settle(a.T, when+": "+fun, func() bool {
			var err error
			ping, pingErrs = a.run(a.T, fun, "source=ping")
			want, err = asks(ctx, fun)
			a.must(err)
			auto, autoErrs = a.run(a.T, fun)
			return bytes.Equal(ping, want.Stdout) && bytes.Equal(auto, want.Stdout)
		})
		a.same(when, fun+" source=ping", ping, want.Stdout, pingErrs)
		a.same(when, fun, auto, want.Stdout, autoErrs)
	}
}

func (a *askTest) same(when, what string, got, want, errs []byte) {
	a.Helper()
	a.compared++
	if !bytes.Equal(got, want) {
		a.Errorf("%s: %s\ngorun:\n%s%s\nsalt-run:\n%s", when, what, got, errs, want)
	}
}

// busy compares the jobs that are at work, and who is up, while a minion is busy for
// longer than the time-out: it answers all the same, for each job has a process.
func (a *askTest) busy(ctx context.Context) {
	a.Helper()
	const job = "test.sleep"
	_, err := a.lab.Salt(ctx, "--async", "beta", job, "120")
	a.must(err)
	until(a.T, "the job is at work", func() bool {
		out, _ := a.run(a.T, "jobs.active")
		return bytes.Contains(out, []byte(job))
	})
	var want saltlab.Answer
	var got, errs []byte
	settle(a.T, "one is busy: jobs.active", func() bool {
		want, err = a.lab.SaltRun(ctx, "jobs.active")
		a.must(err)
		got, errs = a.run(a.T, "jobs.active")
		return bytes.Equal(got, want.Stdout) && bytes.Contains(got, []byte(job))
	})
	if !bytes.Contains(want.Stdout, []byte(job)) {
		a.Fatalf("salt-run does not show the job\n%s", want.Stdout)
	}
	a.same("one is busy", "jobs.active", got, want.Stdout, errs)
	a.agree(ctx, "one is busy")
}

// noMaster asks a master that is dead: an error at once, that says what to do.
func (a *askTest) noMaster() {
	a.Helper()
	out, errs := a.run(a.T, "manage.up", "source=ping")
	if len(out) > 0 || !bytes.Contains(errs, []byte("hint: is the master running")) {
		a.Errorf("no master: %q, %s", out, errs)
	}
}

// hung asks a master whose workers stand still: that costs the time that gorun was given.
func (a *askTest) hung() {
	a.Helper()
	a.must(a.lab.HangWorkers(true))
	for _, args := range [][]string{
		{"-t", "3", "test.arg"}, {"-t", "3", "manage.up", "source=ping"}, {"-t", "3", "-T", "-a", "auto", "--username", "x", "--password", "y", "test.arg"},
	} {
		a.cannot("the master does not answer: nothing came", "hint: its workers are busy", args...)
	}
	a.must(a.lab.HangWorkers(false))
}

// cannot asks for what cannot be had: an error and a hint, status 3, no answer.
func (a *askTest) cannot(problem, hint string, args ...string) {
	a.Helper()
	var out, errs bytes.Buffer
	cmd := a.command(a.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		a.Fatal(err)
	}
	if said := errs.String(); cmd.ProcessState.ExitCode() != 3 || out.Len() > 0 || !strings.Contains(said, problem) || !strings.Contains(said, hint) {
		a.Errorf("%q: status %d\n%s%s", args, cmd.ProcessState.ExitCode(), &out, said)
	}
}

// newKeys has gorun and salt-run, in turn, delete all keys; after the first the master and
// its minion come back with new ones.
func (a *askTest) newKeys(ctx context.Context) {
	a.Helper()
	keys := func() (all []byte) {
		files := []string{"etc/pki/master/master.pem", "etc/pki/master/minions/alpha", "minions/alpha/etc/pki/minion.pem"}
		for _, file := range files {
			key, err := os.ReadFile(filepath.Join(a.lab.Dir, file))
			a.must(err)
			all = append(all, key...)
		}
		return all
	}
	before := keys()
	got, errs := a.run(a.T, "manage.key_regen")
	pki := filepath.Join(a.lab.ConfigDir(), "pki/master")
	minions, err := filepath.Glob(filepath.Join(pki, "*/*"))
	a.must(err)
	own, err := filepath.Glob(filepath.Join(pki, "*.p*"))
	a.must(err)
	if left := append(minions, own...); len(left) > 0 {
		a.Errorf("manage.key_regen left %v\n%s%s", left, got, errs)
	}
	a.lab.Kill(saltlab.Master)
	a.must(a.lab.StartDaemon(ctx, saltlab.Master))
	a.must(a.lab.Answering(ctx, "alpha"))
	for i, key := range bytes.SplitAfter(keys(), []byte("-----BEGIN")) {
		if i > 0 && bytes.Contains(before, key) {
			a.Errorf("a key is the old one: %s", key)
		}
	}
	want, err := a.lab.SaltRun(ctx, "manage.key_regen")
	a.must(err)
	a.same("all keys are deleted", "manage.key_regen", got, want.Stdout, errs)
}

// removeKeys deletes the key of the one that is down. A 2014 master's wheel wants external
// authentication, and is named as that.
func (a *askTest) removeKeys(ctx context.Context) {
	a.Helper()
	key := filepath.Join(a.lab.ConfigDir(), "pki/master/minions/beta")
	_, errs := a.run(a.T, "manage.down", "removekeys=True", "source=ping", "tgt=beta")
	_, err := os.Stat(key)
	switch {
	case !saltlab.AtLeast(a.lab.Version, "2019"):
		if err != nil || !strings.Contains(string(errs), "only with external authentication") {
			a.Errorf("removekeys on an old master: %v, %s", err, errs)
		}
		_, err := a.lab.SaltKey(ctx, "-y", "-d", "beta")
		a.must(err)
	case !errors.Is(err, os.ErrNotExist):
		a.Errorf("the key is still there: %v\n%s", err, errs)
	}
}

// runners compares runners that gorun has the master run.
func (a *askTest) runners(ctx context.Context) {
	a.Helper()
	if !saltlab.AtLeast(a.lab.Version, "2019") {
		_, errs := a.run(a.T, "test.arg", "a")
		if !bytes.Contains(errs, []byte("only with external authentication")) {
			a.Errorf("a runner on an old master: %s", errs)
		}
		return
	}
	for _, line := range []string{
		"test.arg a b=[1,2] c=text", "cache.grains alpha --out=json", "no.such", "test.arg --quiet", "manage.versions",
		"config.get transport", "test.raise_error", "salt.cmd test.echo x --out=yaml",
	} {
		args := strings.Fields(line)
		if !saltlab.AtLeast(a.lab.Version, "3000") && args[len(args)-1] == "--out=json" {
			args = args[:len(args)-1] // a dict of Python 2 has another order in each process: nested has one
		}
		var want saltlab.Answer
		var got, errs []byte
		settle(a.T, line, func() bool {
			var err error
			want, err = a.lab.AskAlone(ctx, args...)
			a.must(err)
			got, errs = a.run(a.T, args...)
			if line == "test.raise_error" { // the traceback has the lines of the process it was in
				got, want.Stdout = lastLine(got), lastLine(want.Stdout)
			}
			return bytes.Equal(got, want.Stdout)
		})
		a.same("a runner", line, got, want.Stdout, errs)
	}
	key := filepath.Join(a.lab.Dir, "var/cache/salt/master")
	files, err := filepath.Glob(filepath.Join(key, ".*_key"))
	a.must(err)
	for _, file := range files {
		whole, err := os.ReadFile(file)
		a.must(err)
		a.must(os.Chmod(file, 0o600))
		a.must(os.WriteFile(file, []byte("wrong"), 0o600))
		out, errs := a.run(a.T, "manage.up", "source=ping")
		if len(out) > 0 || !bytes.Contains(errs, []byte("does not accept who asks")) {
			a.Errorf("a wrong key: %q, %s", out, errs)
		}
		a.must(os.WriteFile(file, whole, 0o600))
	}
}

func lastLine(out []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return lines[len(lines)-1]
}
