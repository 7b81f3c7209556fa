// Package packaging has the tests of what `make packages` makes.
package packaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// The deb is installed below a root of its own, started, asked, and removed, after which
// nothing of it is there but the job cache.
func TestDeb(t *testing.T) {
	debs, err := filepath.Glob("../dist/gorun_*_" + runtime.GOARCH + ".deb")
	if err != nil {
		t.Fatal(err)
	}
	if len(debs) == 0 || os.Geteuid() != 0 {
		t.Skip("NOT DONE: make packages first, and be root")
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	root := t.TempDir()
	admin := filepath.Join(root, "var/lib/dpkg")
	err = errors.Join(os.MkdirAll(filepath.Join(admin, "updates"), 0o755), os.MkdirAll(filepath.Join(admin, "info"), 0o755),
		os.WriteFile(filepath.Join(admin, "status"), nil, 0o644), os.WriteFile(filepath.Join(admin, "available"), nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) {
		t.Helper()
		args = append([]string{"--root=" + root, "--force-script-chrootless", "--log=/dev/null"}, args...)
		if out, err := exec.Command("dpkg", args...).CombinedOutput(); err != nil {
			t.Fatalf("dpkg %q: %v\n%s", args, err, out)
		}
	}
	dpkg("-i", debs[0])
	for _, name := range []string{
		"usr/bin/gorun", "usr/lib/systemd/system/gorun.service", "usr/share/man/man1/gorun.1.gz",
		"usr/share/bash-completion/completions/gorun", "usr/share/zsh/vendor-completions/_gorun",
		"usr/share/fish/vendor_completions.d/gorun.fish", "usr/share/gorun/gorun.rules.yml", "usr/share/gorun/grafana-dashboard.json",
	} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	use(t, root)
	dpkg("-i", debs[0]) // once more, as an upgrade
	dpkg("-r", "gorun")
	dpkg("-P", "gorun")
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), "gorun") && !strings.HasPrefix(path, filepath.Join(root, "var/cache/salt")) {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// use starts what was installed as the unit does, on a bus of one job, and asks it.
func use(t *testing.T, root string) {
	t.Helper()
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/gorun.service"))
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(unit), "\nExecStart=")
	command, _, _ = strings.Cut(command, "\n")
	words := strings.Fields(command)
	run, err := os.MkdirTemp("", "gorun-deb-") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	conf := fmt.Sprintf("cachedir: %s\npki_dir: %s\nsock_dir: %s\nid: lab_master\nkeep_jobs_seconds: 0\ngorun: {settle: 0.1}\n",
		filepath.Join(root, "var/cache/salt/master"), filepath.Join(root, "etc/salt/pki"), run)
	etc := filepath.Join(root, "etc/salt")
	if err := errors.Join(os.MkdirAll(etc, 0o755), os.MkdirAll(filepath.Join(root, "var/cache/salt/master/jobs"), 0o755), os.WriteFile(filepath.Join(etc, "master"), []byte(conf), 0o644)); err != nil {
		t.Fatal(err)
	}
	const jid = "20261122073829000001"
	frame := eventtest.Frame("salt/job/"+jid+"/new", value.NewMap("jid", jid, "fun", "test.ping", "tgt", "*",
		"minions", value.List{"m1"}, "_stamp", "2026-11-22T07:38:29.000000"), event.FormStream)
	server, err := eventtest.Serve(context.Background(), filepath.Join(run, "master_event_pub.ipc"),
		eventtest.New(event.FormStream, frame), eventtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	gorun := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(root, words[0]), args...)
		cmd.Env = append(os.Environ(), "SALT_CONFIG_DIR="+etc)
		return cmd
	}
	service := gorun(words[1:]...)
	var errs bytes.Buffer
	service.Stderr = &errs
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(service.Process.Signal(syscall.SIGTERM), service.Wait()); err != nil {
			t.Errorf("%v\n%s", err, errs.String())
		}
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		out, err := gorun("jobs.list_jobs").CombinedOutput()
		if err == nil && bytes.Contains(out, []byte(jid)) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if out, err := gorun("--version").Output(); err != nil || !bytes.Contains(out, []byte("commit ")) {
		t.Errorf("--version: %s, %v", out, err)
	}
}
