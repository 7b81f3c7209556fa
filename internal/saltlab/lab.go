// Package saltlab runs a real Salt on the loopback interface, for tests: a master
// and minions of any release, each a process that can be killed, stopped and
// started again on its own, and Salt's own programs to talk to them. Everything
// lives in one folder, and nothing outlives the process that made it.
package saltlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Options say what a lab is like.
type Options struct {
	Version string   // Salt's release, such as "3008.3"
	Config  []string // lines that are added to the master's configuration
	Files   fs.FS    // what the master serves to its minions (file_roots); may be nil
	User    string   // that the master becomes where root starts it; empty: it stays who it is
}

// A Lab is one master with its minions. Its methods may be called from several
// goroutines, those for one daemon excepted.
type Lab struct {
	Version string
	Dir     string // everything is below it

	venv    string
	port    int // publish_port; ret_port is the one after
	daemons map[string]*exec.Cmd
	reaper  *reaper
	servers chan *forkServer
}

// forkServers is how many of Salt's programs run at the same time.
const forkServers = 2

// Start installs that Salt if need be, and starts a master; it returns once the
// event bus takes connections. Minions come with StartMinions, so that a caller
// can listen on the bus before the first of them.
func Start(ctx context.Context, o Options) (*Lab, error) {
	venv, err := Install(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	// A short path, not os.TempDir's: the names of unix sockets have a limit.
	dir, err := os.MkdirTemp("/tmp", "gorun-lab-")
	if err != nil {
		return nil, err
	}
	l := &Lab{Version: o.Version, Dir: dir, venv: venv, daemons: map[string]*exec.Cmd{},
		servers: make(chan *forkServer, forkServers)}
	for range forkServers {
		l.servers <- &forkServer{lab: l}
	}
	if err := l.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start salt %s: %w", o.Version, err), l.Close())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, o Options) error {
	var err error
	if l.port, err = freePorts(); err != nil {
		return err
	}
	for _, dir := range []string{"etc", "log", "pid", "minions", "srv"} {
		if err := os.Mkdir(filepath.Join(l.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if o.Files != nil {
		if err := os.CopyFS(filepath.Join(l.Dir, "srv"), o.Files); err != nil {
			return err
		}
	}
	if o.User != "" {
		if err := l.admit(o.User); err != nil {
			return err
		}
	}
	if err := l.writeMasterConfig(o); err != nil {
		return err
	}
	if l.reaper, err = startReaper(filepath.Join(l.Dir, "pid")); err != nil {
		return err
	}
	return l.StartDaemon(ctx, Master)
}

// admit lets another user pass, and gives it the master's log, which a master opens as
// root and as its own user.
func (l *Lab) admit(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	log := filepath.Join(l.Dir, "var/log/salt/master")
	return errors.Join(os.Chmod(l.Dir, 0o755), os.MkdirAll(filepath.Dir(log), 0o755),
		os.WriteFile(log, nil, 0o644), os.Chown(log, uid, -1))
}

func (l *Lab) writeMasterConfig(o Options) error {
	name := o.User
	if name == "" {
		me, err := user.Current()
		if err != nil {
			return err
		}
		name = me.Username
	}
	text := fmt.Sprintf(`root_dir: %[1]s
pki_dir: %[1]s/etc/pki/master
cachedir: %[1]s/var/cache/salt/master
sock_dir: %[1]s/var/run/salt/master
pidfile: %[1]s/master.pid
file_roots: {base: [%[1]s/srv]}
interface: 127.0.0.1
publish_port: %[2]d
ret_port: %[3]d
user: %[4]s
auto_accept: True
worker_threads: 3
`, l.Dir, l.port, l.port+1, name)
	text += strings.Join(append(o.Config, ""), "\n")
	if err := os.WriteFile(filepath.Join(l.Dir, "etc", "master"), []byte(text), 0o644); err != nil {
		return err
	}
	// The same master for those who ask and want to leave no trace in its job cache. No answer
	// about jobs or minions has a grain of the master's in it, and to load them takes a third
	// of the time.
	if err := os.Mkdir(l.quietDir(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.quietDir(), "master"), []byte(text+"runner_returns: False\nskip_grains: True\n"), 0o644)
}

func (l *Lab) writeMinionConfig(id string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	dir := filepath.Join(l.Dir, "minions", id)
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(`root_dir: %[1]s
pki_dir: %[1]s/etc/pki
cachedir: %[1]s/cache
sock_dir: %[1]s/run
pidfile: %[1]s/minion.pid
id: %[2]s
master: 127.0.0.1
master_port: %[3]d
publish_port: %[4]d
user: %[5]s
loop_interval: 1
mine_enabled: False
`, dir, id, l.port+1, l.port, me.Username)
	return os.WriteFile(filepath.Join(dir, "etc", "minion"), []byte(text), 0o644)
}

// freePorts returns the first of two neighbouring TCP ports that nobody uses.
func freePorts() (int, error) {
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		first.Close()
		if err == nil {
			second.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two neighbouring ports are free")
}

// ConfigDir is the folder of the master's configuration: what programs take as -c.
func (l *Lab) ConfigDir() string { return filepath.Join(l.Dir, "etc") }

func (l *Lab) quietDir() string { return filepath.Join(l.Dir, "quiet") }

// Socket is the path of the master's event bus.
func (l *Lab) Socket() string {
	return filepath.Join(l.Dir, "var/run/salt/master/master_event_pub.ipc")
}

// StartMinions starts minions of the given ids and returns once each has answered
// a test.ping.
func (l *Lab) StartMinions(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if err := l.writeMinionConfig(id); err != nil {
			return err
		}
		if err := l.StartDaemon(ctx, id); err != nil {
			return err
		}
	}
	return l.Answering(ctx, ids...)
}

// Answering waits until each of the minions has answered a test.ping. It asks
// through the master, so the bus carries its jobs.
func (l *Lab) Answering(ctx context.Context, ids ...string) error {
	err := poll(ctx, func() (bool, error) {
		if err := l.alive(); err != nil {
			return false, err
		}
		for _, id := range ids {
			if _, err := os.Stat(filepath.Join(l.ConfigDir(), "pki/master/minions", id)); err != nil {
				return false, nil
			}
		}
		a, err := l.Salt(ctx, "-L", strings.Join(ids, ","), "test.ping", "--out=txt")
		return strings.Count(string(a.Stdout), ": True\n") == len(ids), err
	})
	if err != nil {
		return fmt.Errorf("minions %s: %w\n%s", strings.Join(ids, ", "), err, l.logs())
	}
	return nil
}

// AcceptKey makes the master take id for a minion that it has accepted once: one
// that nobody ever starts.
func (l *Lab) AcceptKey(id string) error {
	dir := filepath.Join(l.ConfigDir(), "pki/master")
	key, err := os.ReadFile(filepath.Join(dir, "master.pub"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "minions", id), key, 0o644)
}

// Close kills every daemon and removes the lab's folder.
func (l *Lab) Close() error {
	for name := range l.daemons {
		l.Kill(name)
	}
	for range forkServers {
		s := <-l.servers
		s.close()
		defer func() { l.servers <- s }() // so that Close may be called again
	}
	l.reaper.close()
	return os.RemoveAll(l.Dir)
}

// poll asks until the answer is true, an error, or ctx ends.
func poll(ctx context.Context, ask func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
