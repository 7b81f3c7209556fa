package packaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

// patience bounds how long these tests wait for what must come.
const patience = time.Minute

// A machine is a small Debian whose process 1 is systemd, in namespaces of its own.
type machine struct {
	*testing.T
	root string
	init string // process 1, as seen from here
	bus  *eventtest.Live
	said int
}

// TestSystemd is the life of the deb's service under systemd itself: installed, started,
// reloaded, frozen, killed, flooded, stopped, removed. make systemd asks for it.
func TestSystemd(t *testing.T) {
	base := os.Getenv("GORUN_SYSTEMD")
	if base == "" {
		t.Skip("NOT DONE: make systemd runs it, as root, on a Debian")
	}
	m := boot(t, base)

	m.must("dpkg", "-i", "/root/gorun.deb")
	if out, err := m.run("systemctl", "is-active", "gorun"); err == nil {
		t.Errorf("installed, and already %s", out)
	}
	m.must("systemd-analyze", "verify", "--man=no", "gorun.service")

	t.Log("ready is said only once the store is open")
	w, err := jobcache.OpenWriter(m.store())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := m.run("systemctl", "start", "gorun"); err == nil {
		t.Errorf("started, though another has the store: %s", out)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.own("var/cache/salt/master/gorun") // it was root's
	m.must("systemctl", "reset-failed", "gorun")
	m.must("systemctl", "start", "gorun")
	m.hears()
	m.hardened()
	m.job()

	t.Log("reloaded: what was configured meanwhile is so")
	m.write("etc/salt/master.d/keep.conf", "keep_jobs_seconds: 3600\n")
	m.must("systemctl", "reload", "gorun")
	m.until("the old job has left", func() bool { return !strings.Contains(m.list(), m.jid(1)) })
	m.write("etc/salt/master.d/keep.conf", "keep_jobs_seconds: 0\n")
	m.must("systemctl", "reload", "gorun")

	t.Log("frozen: the watchdog ends it, and it comes again")
	restarts := m.show("NRestarts")
	m.must("systemctl", "kill", "--signal=STOP", "gorun")
	m.until("the watchdog has ended it", func() bool { return m.show("NRestarts") != restarts })
	m.hears()
	m.job()

	t.Log("killed: it comes again, and the hole is filled")
	restarts = m.show("NRestarts")
	m.must("systemctl", "kill", "--signal=KILL", "gorun")
	m.until("it has come again", func() bool { return m.show("NRestarts") != restarts })
	m.hears()
	m.job()

	t.Log("stopped in a flood: all that was taken from the bus is written")
	m.flood()

	m.must("systemctl", "start", "gorun")
	m.must("dpkg", "-r", "gorun")
	m.until("it has ended", func() bool {
		out, _ := m.run("systemctl", "is-active", "gorun")
		return strings.TrimSpace(string(out)) != "active"
	})
}

// boot starts the Debian below base, which debootstrap makes where there is none, with a
// master's configuration and the deb in it.
func boot(t *testing.T, base string) *machine {
	t.Helper()
	debs, err := filepath.Glob("../dist/gorun_*_" + runtime.GOARCH + ".deb")
	if err != nil {
		t.Fatal(err)
	}
	if len(debs) == 0 || os.Geteuid() != 0 {
		t.Skip("NOT DONE: make packages first, and be root")
	}
	debian(t, base)
	m := &machine{T: t, root: t.TempDir()}
	// What the test writes goes into memory.
	layers := t.TempDir()
	mount(t, "tmpfs", layers, "")
	for _, dir := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(layers, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", m.root, fmt.Sprintf("lowerdir=%s,upperdir=%[2]s/upper,workdir=%[2]s/work", base, layers))

	deb, err := os.ReadFile(debs[len(debs)-1])
	if err != nil {
		t.Fatal(err)
	}
	m.write("root/gorun.deb", string(deb))
	m.write("etc/salt/master", "user: salt\nid: lab_master\nkeep_jobs_seconds: 0\ngorun: {settle: 1}\n")
	if err := os.MkdirAll(filepath.Join(m.root, "var/cache/salt/master/jobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The unit's own times are for people.
	m.write("etc/systemd/system/gorun.service.d/test.conf", "[Service]\nWatchdogSec=7\nTimeoutAbortSec=1\nRestartSec=100ms\n")
	if out, err := exec.Command("chroot", m.root, "useradd", "--system", "salt").CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	m.own("var/cache/salt/master")

	run, err := os.MkdirTemp("", "gorun-bus-") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	socket := filepath.Join(run, "master_event_pub.ipc")
	if m.bus, err = eventtest.Listen(t.Context(), socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.bus.Close() })
	uid, gid := m.salt()
	if err := errors.Join(os.Chmod(run, 0o755), os.Chown(socket, uid, gid), os.Chmod(socket, 0o600)); err != nil {
		t.Fatal(err)
	}
	m.start(run)
	return m
}

// debian makes a small Debian below base, once.
func debian(t *testing.T, base string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(base, "lib/systemd/systemd")); err == nil {
		return
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		t.Skipf("NOT DONE: %v (apt-get install debootstrap)", err)
	}
	making := base + ".new"
	cmd := exec.Command("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", "bookworm", making)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("NOT DONE: debootstrap: %v\n%s", err, out[max(0, len(out)-1000):])
	}
	if err := os.Rename(making, base); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, kind, dir, options string) {
	t.Helper()
	if err := syscall.Mount(kind, dir, kind, 0, options); err != nil {
		t.Skipf("NOT DONE: mount %s: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// start boots, in a control group of its own, and waits until all is up.
func (m *machine) start(bus string) {
	m.Helper()
	group := ""
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
			group = filepath.Join(root, "gorun-"+strconv.Itoa(os.Getpid()))
		}
	}
	if group == "" {
		m.Skip("NOT DONE: no cgroup2 is mounted here")
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		m.Skipf("NOT DONE: %v", err)
	}
	var said bytes.Buffer
	cmd := exec.Command("sh", "testdata/boot.sh", m.root, bus, group)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if m.Failed() && m.init != "" {
			out, _ := m.run("journalctl", "--no-pager", "-n", "60", "-u", "gorun")
			m.Logf("the journal:\n%s", out)
		}
		_ = cmd.Process.Kill() // --kill-child ends process 1, and that all others
		_ = cmd.Wait()
		for end := time.Now().Add(10 * time.Second); removeGroup(group) != nil && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
	})
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)
	m.until("it is up", func() bool {
		child, err := os.ReadFile(children)
		if err != nil || len(bytes.Fields(child)) != 1 {
			return false
		}
		m.init = string(bytes.Fields(child)[0])
		comm, err := os.ReadFile("/proc/" + m.init + "/comm")
		if err != nil || strings.TrimSpace(string(comm)) != "systemd" {
			return false
		}
		out, _ := m.run("systemctl", "is-system-running")
		return strings.TrimSpace(string(out)) == "running" || strings.TrimSpace(string(out)) == "degraded"
	})
}

// removeGroup removes a control group with those below it, once nobody is left in them.
func removeGroup(dir string) error {
	below, err := filepath.Glob(filepath.Join(dir, "*/cgroup.procs"))
	for _, name := range below {
		err = errors.Join(err, removeGroup(filepath.Dir(name)))
	}
	return errors.Join(err, os.Remove(dir))
}

// run runs a command inside.
func (m *machine) run(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	if m.Context().Err() != nil { // in a clean-up
		cancel()
		ctx, cancel = context.WithTimeout(context.Background(), patience)
	}
	defer cancel()
	enter := []string{"-t", m.init, "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...).CombinedOutput()
}

func (m *machine) must(args ...string) string {
	m.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (m *machine) show(property string) string {
	m.Helper()
	return m.must("systemctl", "show", "--value", "-p", property, "gorun")
}

func (m *machine) until(what string, done func() bool) {
	m.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			m.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (m *machine) write(name, text string) {
	m.Helper()
	path := filepath.Join(m.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		m.Fatal(err)
	}
}

// salt is the master's user inside.
func (m *machine) salt() (uid, gid int) {
	m.Helper()
	passwd, err := os.ReadFile(filepath.Join(m.root, "etc/passwd"))
	if err != nil {
		m.Fatal(err)
	}
	_, line, _ := strings.Cut(string(passwd), "\nsalt:")
	if n, err := fmt.Sscanf(line, "x:%d:%d:", &uid, &gid); n != 2 {
		m.Fatalf("salt in /etc/passwd: %v", err)
	}
	return uid, gid
}

// own gives a directory and what is in it to the master's user.
func (m *machine) own(dir string) {
	m.Helper()
	if out, err := exec.Command("chroot", m.root, "chown", "-R", "salt:salt", "/"+dir).CombinedOutput(); err != nil {
		m.Fatalf("chown: %v\n%s", err, out)
	}
}

func (m *machine) store() string {
	return filepath.Join(m.root, "var/cache/salt/master/gorun", jobcache.File)
}

// hears waits until the service is at the bus.
func (m *machine) hears() {
	m.Helper()
	m.until("it listens to the bus", func() bool {
		return m.show("ActiveState") == "active" && strings.HasPrefix(m.show("StatusText"), "following")
	})
}

// hardened looks at what the process may still do.
func (m *machine) hardened() {
	m.Helper()
	pid := m.show("MainPID")
	if got := m.must("stat", "-c", "%U", "/proc/"+pid); got != "salt" {
		m.Errorf("it runs as %s", got)
	}
	if got := m.must("stat", "-c", "%U %a", "/var/cache/salt/master/gorun/jobs.db", "/var/cache/salt/master/gorun"); got != "salt 600\nsalt 700" {
		m.Errorf("the store is %q", got)
	}
	status := m.must("cat", "/proc/"+pid+"/status")
	for _, want := range []string{"CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			m.Errorf("not %q in\n%s", want, status)
		}
	}
	lines := strings.Split(m.must("systemd-analyze", "security", "--no-pager", "gorun"), "\n")
	m.Log(lines[len(lines)-1])
}

func (m *machine) jid(n int) string { return fmt.Sprintf("20250102030405%06d", n) }

// frame is the nth job.
func (m *machine) frame(n int) []byte {
	jid := m.jid(n)
	return eventtest.Frame("salt/job/"+jid+"/new", value.NewMap("jid", jid, "fun", "test.ping", "tgt", "*",
		"minions", value.List{"m1"}, "_stamp", "2025-01-02T03:04:05.000000"), event.FormStream)
}

// list is what root is told inside of the jobs.
func (m *machine) list() string {
	out, _ := m.run("gorun", "jobs.list_jobs", "--out=json") // until all is known its status is 3
	return string(out)
}

// job has the bus tell of one more job, and waits for it.
func (m *machine) job() {
	m.Helper()
	m.said++
	m.bus.Say(m.frame(m.said))
	m.until("the job is known", func() bool { return strings.Contains(m.list(), m.jid(m.said)) })
	m.until("no hole is open, and the master's user is answered", func() bool {
		_, err := m.run("setpriv", "--reuid=salt", "--regid=salt", "--clear-groups", "gorun", "jobs.list_jobs")
		return err == nil
	})
}

// flood has the bus say more than can be taken apart before the end, and stops the service.
func (m *machine) flood() {
	m.Helper()
	count := func() (n int64) {
		r, err := jobcache.OpenReader(m.store())
		if err != nil {
			m.Fatal(err)
		}
		known, err := r.Status(context.Background(), time.Now())
		if err := errors.Join(err, r.Close()); err != nil {
			m.Fatal(err)
		}
		return known.Events + known.Waiting
	}
	before := count()
	const events = 200_000
	var frames []byte
	for n := range events {
		frames = append(frames, m.frame(1000+n)...)
	}
	m.bus.Say(frames) // until the service has read the last of them
	start := time.Now()
	m.must("systemctl", "stop", "gorun")
	m.Logf("stopped after %v", time.Since(start))
	if result := m.show("Result"); result != "success" {
		m.Errorf("it ended with %s", result)
	}
	// What is in the socket when it closes is nobody's: at most what the kernel holds.
	inSocket := int64(1<<20/len(m.frame(1000))) + 1
	if got := count() - before; got > events || got < events-inSocket {
		m.Errorf("%d events of %d were kept", got, events)
	}
}
