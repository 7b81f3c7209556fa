package jobcache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/jobcache"
)

// A place in which others could change the store, or read what it hides, is refused.
func TestUnsafePlace(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(path string) error
		reader error // that a reader meets; a writer always meets ErrUnsafe
	}{
		{"directory for a group to write", chmod("..", 0o770), jobcache.ErrUnsafe},
		{"directory for all to write", chmod("..", 0o1777), jobcache.ErrUnsafe},
		{"file for all to write", chmod("", 0o666), jobcache.ErrUnsafe},
		{"file for all to read", chmod("", 0o644), nil},
		{"log for all to write", func(path string) error {
			if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
				return err
			}
			return os.Chmod(path+"-wal", 0o606)
		}, jobcache.ErrUnsafe},
		{"link in the file's place", func(path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}, jobcache.ErrUnsafe},
		{"link in the lock's place", func(path string) error {
			return errors.Join(os.Remove(path+".lock"), os.Symlink("/dev/null", path+".lock"))
		}, jobcache.ErrUnsafe},
		{"pipe in the log's place", func(path string) error { return syscall.Mkfifo(path+"-shm", 0o600) }, jobcache.ErrUnsafe},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := closedStore(t)
			if err := test.spoil(path); err != nil {
				t.Fatal(err)
			}
			r, err := jobcache.OpenReader(path)
			if !errors.Is(err, test.reader) {
				t.Errorf("reading: %v", err)
			}
			if err == nil {
				err = r.Close()
			}
			if w, err := jobcache.OpenWriter(path); !errors.Is(err, jobcache.ErrUnsafe) {
				t.Errorf("writing: %v", err)
				if err == nil {
					_ = w.Close() // it should not be open
				}
			}
			if err != nil && !errors.Is(err, jobcache.ErrUnsafe) {
				t.Error(err)
			}
		})
	}
}

func chmod(rel string, mode fs.FileMode) func(string) error {
	return func(path string) error {
		if rel == ".." {
			path = filepath.Dir(path)
		}
		if mode&0o1000 != 0 {
			mode |= fs.ModeSticky
		}
		return os.Chmod(path, mode&(fs.ModePerm|fs.ModeSticky))
	}
}

// A group may be let read.
func TestGroupMayRead(t *testing.T) {
	path := closedStore(t)
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o750), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	update(t, w, putAlive)
	for _, suffix := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o640 {
			t.Errorf("%s has mode %o", suffix, mode)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func putAlive(tx *jobcache.Tx) error {
	tx.Alive("m1", 1, "salt/minion/m1/start")
	return nil
}

// closedStore makes a store of one minion, that nobody writes.
func closedStore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gorun", jobcache.File)
	makeStore(t, path)
	return path
}

func makeStore(t *testing.T, path string) {
	t.Helper()
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	update(t, w, putAlive)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The uids of the tests below: a daemon, and two who are not it. They need no account.
const (
	daemon   = 47001
	stranger = 47002
	member   = 47003 // of the daemon's group
)

// A neighbourhood is a store that processes of several users meet at.
type neighbourhood struct {
	binary, path string
}

// newNeighbourhood copies this test's program to where every user may run it.
func newNeighbourhood(t *testing.T) *neighbourhood {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT DONE: only root can be other users")
	}
	dir, err := os.MkdirTemp("", "gorun-uids-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(dir, "cache")
	n := &neighbourhood{filepath.Join(dir, "test"), filepath.Join(cache, "gorun", jobcache.File)}
	err = errors.Join(os.WriteFile(n.binary, program, 0o700), os.Chmod(n.binary, 0o755), os.Chmod(dir, 0o755),
		os.Mkdir(cache, 0o700), os.Chown(cache, daemon, daemon), os.Chmod(cache, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// do lets a user do something to the store, one of deeds, and returns what that printed.
func (n *neighbourhood) do(t *testing.T, uid uint32, deed string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), n.binary, "-test.run=^TestDeed$", "-test.v")
	cmd.Env = append(os.Environ(), "GORUN_DEED="+deed, "GORUN_STORE="+n.path)
	cmd.Dir = "/"
	group := uid
	if uid == member {
		group = daemon
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: group}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	_, said, _ := strings.Cut(string(out), "deed: ")
	said, _, _ = strings.Cut(said, "\n")
	return said
}

// deeds are what another process does; killed is in the middle of it.
var deeds = map[string]func(t *testing.T, path string) error{
	"write": func(t *testing.T, path string) error {
		w, err := jobcache.OpenWriter(path)
		if err != nil {
			return err
		}
		return errors.Join(w.Update(t.Context(), putAlive), w.Close())
	},
	"write killed": func(t *testing.T, path string) error {
		w, err := jobcache.OpenWriter(path)
		if err != nil {
			return err
		}
		if err := w.Update(t.Context(), putAlive); err != nil {
			return err
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"read": func(t *testing.T, path string) error { return read(t.Context(), path, func() error { return nil }) },
	"read killed": func(t *testing.T, path string) error {
		return read(t.Context(), path, func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	},
}

func read(ctx context.Context, path string, then func() error) error {
	r, err := jobcache.OpenReader(path)
	if err != nil {
		return err
	}
	minions, err := r.Minions(ctx)
	if err == nil && len(minions) != 1 {
		err = fmt.Errorf("%d minions", len(minions))
	}
	if err == nil {
		err = then()
	}
	return errors.Join(err, r.Close())
}

// TestDeed is what do runs in another process.
func TestDeed(t *testing.T) {
	name := os.Getenv("GORUN_DEED")
	if name == "" {
		t.Skip("not called by another test")
	}
	deed, ok := deeds[name]
	if !ok {
		t.Fatalf("no deed %s", name)
	}
	err := deed(t, os.Getenv("GORUN_STORE"))
	fmt.Printf("deed: %v\n", strings.ReplaceAll(fmt.Sprint(err), "\n", "; "))
}

// Whatever root asks and whenever it is killed, and whatever state the daemon left: all
// files stay the daemon's, and it can go on.
func TestNeighbours(t *testing.T) {
	n := newNeighbourhood(t)
	const killed = "" // says nothing
	for _, step := range []struct {
		uid  uint32
		deed string
		want string
	}{
		{daemon, "write", "<nil>"},
		{0, "read", "<nil>"},
		{daemon, "write", "<nil>"},
		{0, "read killed", killed},
		{daemon, "read", "<nil>"},
		{daemon, "write", "<nil>"},
		{daemon, "write killed", killed},
		{0, "read", "<nil>"},
		{0, "read killed", killed},
		{daemon, "read", "<nil>"},
		{daemon, "write", "<nil>"},
		{daemon, "write killed", killed},
		{daemon, "write", "<nil>"},
		{0, "read", "<nil>"},
		{0, "write", "belongs to uid 47001, and gorun writes as uid 0"},
		{stranger, "read", "permission denied"},
		{stranger, "write", "belongs to uid 47001"},
	} {
		said := n.do(t, step.uid, step.deed)
		if step.want == "" && said != "" || !strings.Contains(said, step.want) {
			t.Errorf("%s by %d: %s", step.deed, step.uid, said)
		}
		n.owned(t)
	}
}

// owned checks the owner of all that lies beside the store.
func (n *neighbourhood) owned(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(n.path))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no file is there")
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if sys := info.Sys().(*syscall.Stat_t); sys.Uid != daemon || sys.Gid != daemon || sys.Mode&0o077 != 0 {
			t.Errorf("%s is of %d:%d, %v", f.Name(), sys.Uid, sys.Gid, info.Mode())
		}
	}
}

// Who may read and not write gets an answer from a store that is at rest, that is written,
// and that a killed writer left; or the reason why there is none.
func TestReadOnlyUser(t *testing.T) {
	n := newNeighbourhood(t)
	n.want(t, daemon, "write", "<nil>")
	if err := errors.Join(os.Chmod(filepath.Dir(n.path), 0o750), os.Chmod(n.path, 0o640)); err != nil {
		t.Fatal(err)
	}
	n.want(t, member, "read", "<nil>") // at rest
	n.want(t, stranger, "read", "permission denied")
	n.want(t, daemon, "write killed", "")
	n.want(t, member, "read", "<nil>") // by the memory that the dead left
	if err := os.Remove(n.path + "-shm"); err != nil {
		t.Fatal(err)
	}
	n.want(t, member, "read", "the log beside it: permission denied")
	n.want(t, daemon, "write", "<nil>")
	n.want(t, member, "read", "<nil>")
}

func (n *neighbourhood) want(t *testing.T, uid uint32, deed, want string) {
	t.Helper()
	if said := n.do(t, uid, deed); want == "" && said != "" || !strings.Contains(said, want) {
		t.Errorf("%s by %d: %s", deed, uid, said)
	}
}

// A store on a file system that is mounted read-only, or in a snapshot, can be asked.
func TestReadOnlyMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT DONE: only root can mount")
	}
	path := closedStore(t)
	dir := filepath.Dir(path)
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("NOT DONE: mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("NOT DONE: mount: %v", err)
	}
	if err := read(t.Context(), path, func() error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := jobcache.OpenWriter(path); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing: %v", err)
	}
	// Somebody writes it from elsewhere while it is read: that shows.
	err := read(t.Context(), path, func() error {
		if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT, ""); err != nil {
			return err
		}
		return os.Chtimes(path, time.Time{}, time.Now().Add(time.Second))
	})
	if !errors.Is(err, jobcache.ErrChanged) {
		t.Errorf("changed while it was read: %v", err)
	}
}

// Network file systems are refused, by the numbers that statfs(2) gives.
func TestNetworkFileSystem(t *testing.T) {
	for magic, refused := range map[uint32]bool{
		0x6969: true, 0xff534d42: true, 0xfe534d42: true, 0x01021997: true, 0x00c36400: true, 0x01161970: true,
		0xef53: false, 0x58465342: false, 0x01021994: false, 0x9123683e: false, 0x65735546: false, 0x794c7630: false,
	} {
		err := jobcache.CheckMagic("/srv", magic)
		if refused != errors.Is(err, jobcache.ErrNetwork) {
			t.Errorf("%#x: %v", magic, err)
		}
	}
}
