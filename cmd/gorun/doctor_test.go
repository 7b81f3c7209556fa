package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/internal/master"
	"gorun/jobcache"
)

// What the scripts do not provoke of the doctor's findings: each with the line that mends it.
func TestDoctor(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		happens    func(t *testing.T, store string)
		want       string // a finding as the doctor prints it: what, state, and what mends it
	}{
		{"presence events", "presence_events: True\nloop_interval: 7\n", nil, `^presence events: on, every 7s\n$`},
		{"another job cache besides", "ext_job_cache: redis\n", nil, `^salt's job cache: ext_job_cache: redis\n.*stay unknown$`},
		{"no job cache", "job_cache: False\n", nil, `^salt's job cache: off\njob_cache: True `},
		{"a subscriber that found no bus", "", func(*testing.T, string) {}, `^subscriber: was never connected to the bus\nsystemctl enable`},
		{"events left behind", "", func(t *testing.T, store string) {
			writeStore(t, store, func(tx *jobcache.Tx) error {
				return tx.PutWaiting(jobcache.Since3000, slices.Values([][]byte{{1}, {2}}))
			})
		}, `^events: 2 wait for a subscriber\nsystemctl enable`},
		{"a log that is held back", "", func(t *testing.T, store string) {
			if err := errors.Join(os.WriteFile(store+"-wal", nil, 0o600), os.Truncate(store+"-wal", 300<<20)); err != nil {
				t.Fatal(err)
			}
		}, `^job cache: 300 MB of its log .*\nfuser -v `},
		{"a cache that is none", "", func(t *testing.T, store string) {
			if err := os.WriteFile(store, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, `^job cache: .*\ngorun subscribe makes a new one`},
		{"a cache for all to read", "", func(t *testing.T, store string) {
			if err := os.Chmod(filepath.Dir(store), 0o777); err != nil {
				t.Fatal(err)
			}
		}, `^job cache: .*\nthe job cache is for the user`},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := shortDir(t)
			conf := doctored(t, root, test.conf)
			if test.happens != nil {
				writeStore(t, storePath(conf), func(*jobcache.Tx) error { return nil })
				test.happens(t, storePath(conf))
			}
			var said []string
			want := regexp.MustCompile("(?s)" + test.want)
			for _, f := range diagnose(t.Context(), conf, time.Now()) {
				said = append(said, f.what+": "+f.state+"\n"+f.mend)
			}
			if !slices.ContainsFunc(said, want.MatchString) {
				t.Errorf("%q\nwanted %s", said, want)
			}
		})
	}
}

// doctored is a master below root with some more configuration.
func doctored(t *testing.T, root, more string) *master.Config {
	t.Helper()
	if err := makeMaster(root); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "etc/master")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, more...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	conf, err := master.Load(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

func writeStore(t *testing.T, path string, f func(*jobcache.Tx) error) {
	t.Helper()
	w, err := jobcache.OpenWriter(path)
	if err == nil {
		err = errors.Join(w.Update(t.Context(), f), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A user who may not read the bus is told who may.
func TestDoctorOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT DONE: to ask as another user, be root")
	}
	root := shortDir(t)
	conf := doctored(t, root, "")
	socket := conf.EventSocket().Path
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	bus, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	owner, err := user.Lookup("daemon")
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(socket, 0o600), os.Chown(socket, uid, -1)); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "gorun") // where the other may start it
	data, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(binary, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", filepath.Join(root, "etc"), "doctor")
	cmd.Env = []string{"HOME=/nonexistent"}
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	want := regexp.MustCompile(`missing event bus: .*permission denied\n +ask as root, or as daemon\n`)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 || !want.Match(out) {
		t.Errorf("%v:\n%s", err, out)
	}
}
