package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gorun/internal/saltlab"
)

// question is put to both sides.
type question struct {
	args []string
	live bool     // to the running master; else to the filled job cache
	own  []string // gorun's arguments besides
	// within is how long gorun's process may take, times how many times faster than salt-run's it
	// has to be; 0 where that is no goal.
	within time.Duration
	times  float64
}

func (q question) String() string {
	return strings.Join(append(q.args[:len(q.args):len(q.args)], q.own...), " ")
}

func questions(jobs int) []question {
	state := jidOf(lastState(jobs))
	return []question{
		{args: []string{"manage.up"}, live: true, own: []string{"source=cache"}, within: 8 * time.Millisecond},
		{args: []string{"manage.up"}, live: true, own: []string{"source=ping"}, times: 5},
		{args: []string{"cache.grains", "minion-1"}, live: true, times: 3},
		{args: []string{"jobs.lookup_jid", state}, within: 8 * time.Millisecond},
		{args: []string{"jobs.list_job", state}},
		{args: []string{"jobs.list_jobs"}, within: 200 * time.Millisecond},
		{args: []string{"jobs.list_jobs", "search_function=no.such"}, within: 15 * time.Millisecond},
		{args: []string{"jobs.last_run", "function=cmd.run"}, within: 10 * time.Millisecond},
	}
}

// comparison is one question's times on both sides: medians of whole processes.
type comparison struct {
	question
	Bytes int // of the answer, the same on both sides
	Salt  struct{ Wall, CPU time.Duration }
	Gorun struct{ Wall, CPU, Fastest time.Duration } // Fastest: Wall of the fastest
	Limit time.Duration                              // see limit
}

// Question is what was asked.
func (c comparison) Question() string { return c.String() }

// OfLimit is how many times the limit gorun took.
func (c comparison) OfLimit() float64 { return float64(c.Gorun.Wall) / float64(c.Limit) }

// Ratio is how many times faster gorun answers.
func (c comparison) Ratio() float64 { return float64(c.Salt.Wall) / float64(c.Gorun.Wall) }

// sides are a real master, and a job cache of both kinds that is filled with the same jobs.
type sides struct {
	gorun  string
	venv   string
	lab    *saltlab.Lab
	filled string // the configuration of the filled caches, for both
}

// answers measures each question on both sides.
func (r *report) answers(ctx context.Context, o options) (err error) {
	s := &sides{gorun: o.gorun}
	if s.venv, err = saltlab.Install(ctx, o.version); err != nil {
		return err
	}
	if s.lab, err = saltlab.Start(ctx, saltlab.Options{Version: o.version}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	live, err := subscribe(ctx, o.gorun, s.lab.ConfigDir(), filepath.Join(s.lab.Dir, "var/cache/salt/master"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, live.stop()) }()
	if err := s.lab.StartMinions(ctx, "minion-1", "minion-2"); err != nil {
		return err
	}
	var stop func() error
	err = stage(fmt.Sprintf("%d jobs to both sides", o.jobs), func() (err error) {
		stop, err = s.fill(ctx, r, o.jobs)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, q := range questions(o.jobs) {
		err := stage("both sides: "+q.String(), func() error {
			c, err := s.compare(ctx, q, o.rounds)
			r.Comparisons = append(r.Comparisons, c)
			return err
		})
		if err != nil {
			return err
		}
	}
	return stage("beside salt-run state.event", func() (err error) {
		r.Beside, err = s.beside(ctx, o.beside, filepath.Join(s.lab.Dir, "beside"))
		return err
	})
}

//go:embed fill.py
var fillScript string

// fill stores the same jobs on both sides: with Salt's own code, and as a bus that a
// subscriber listens to. Both find their own cache below one cachedir.
func (s *sides) fill(ctx context.Context, r *report, jobs int) (stop func() error, err error) {
	packed, events, err := workload(jobs)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.lab.Dir, "filled") // Salt puts root_dir before every other path
	s.filled = filepath.Join(dir, "salt")
	cachedir := filepath.Join(dir, "cache")
	config := filepath.Join(dir, "gorun")
	master, err := os.ReadFile(filepath.Join(s.lab.ConfigDir(), "master"))
	if err != nil {
		return nil, err
	}
	// salt-run talks to the running master, so only the cache is another one; its own runs
	// are not to be among the jobs. The subscriber listens to the bus that is played.
	text := setting(setting(string(master), "cachedir", cachedir), "runner_returns", "False")
	text = setting(text, "keep_jobs_seconds", "0")
	if err := os.MkdirAll(filepath.Join(cachedir, "proc"), 0o700); err != nil { // as the master does
		return nil, err
	}
	for config, text := range map[string]string{s.filled: text, config: setting(text, "sock_dir", dir)} {
		if err := os.MkdirAll(config, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(config, "master"), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	jobsFile := filepath.Join(dir, "jobs")
	if err := os.WriteFile(jobsFile, packed, 0o600); err != nil {
		return nil, err
	}
	cmd := s.python(ctx, "-c", fillScript, filepath.Join(s.filled, "master"), jobsFile)
	if _, err := runProcess(cmd); err != nil {
		return nil, err
	}
	bus, err := listen(config, cachedir, dir)
	if err != nil {
		return nil, err
	}
	sub, conn, err := bus.subscribe(ctx, s.gorun)
	if err != nil {
		return nil, errors.Join(err, bus.listener.Close())
	}
	stop = func() error {
		err := errors.Join(sub.stop(), conn.Close(), bus.listener.Close())
		size, e := diskUsage(filepath.Join(cachedir, "gorun"))
		r.GorunCache = size
		return errors.Join(err, e)
	}
	err = play(ctx, conn, sub, events)
	if err == nil { // it looks through Salt's cache for what came before
		err = sub.whole(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	r.SaltCache, err = diskUsage(filepath.Join(cachedir, "jobs"))
	return stop, err
}

// setting gives a configuration's key another value.
func setting(text, key, val string) string {
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool {
		return strings.HasPrefix(line, key+":")
	})
	return strings.Join(lines, "") + key + ": " + val + "\n"
}

// python is the lab's, in a session of its own and away from the machine's settings.
func (s *sides) python(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.venv, "bin", "python"), args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + s.lab.Dir, "LC_ALL=C.UTF-8", "TZ=UTC", "PYTHONWARNINGS=ignore"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with its forks
	return cmd
}

// compare asks both sides in turn, once to see that they answer the same, then for time.
func (s *sides) compare(ctx context.Context, q question, rounds int) (comparison, error) {
	config := s.filled
	if q.live {
		config = s.lab.ConfigDir()
	}
	args := append([]string{"-c", config}, q.args...)
	salt := func() *exec.Cmd {
		return s.python(ctx, append([]string{filepath.Join(s.venv, "bin", "salt-run")}, args...)...)
	}
	gorun := func() *exec.Cmd {
		return exec.CommandContext(ctx, s.gorun, append(args[:len(args):len(args)], q.own...)...)
	}
	theirs, err := runProcess(salt())
	if err != nil {
		return comparison{}, err
	}
	ours, err := runProcess(gorun())
	if err != nil {
		return comparison{}, err
	}
	if !bytes.Equal(theirs.stdout, ours.stdout) {
		return comparison{}, fmt.Errorf("%s: the answers differ\nsalt-run:\n%s\ngorun:\n%s", q, head(theirs.stdout), head(ours.stdout))
	}
	c := comparison{question: q, Bytes: len(ours.stdout)}
	if c.Limit, err = limit(ctx, ours.stdout, s.lab.Dir); err != nil {
		return c, err
	}
	var saltWall, saltCPU, gorunWall, gorunCPU []time.Duration
	for range rounds {
		a, err := timeProcess(salt(), unread{})
		if err != nil {
			return c, err
		}
		saltWall, saltCPU = append(saltWall, a.wall), append(saltCPU, a.cpu)
		for range 5 { // a few milliseconds are told apart by several only
			b, err := timeProcess(gorun(), unread{})
			if err != nil {
				return c, err
			}
			gorunWall, gorunCPU = append(gorunWall, b.wall), append(gorunCPU, b.cpu)
		}
	}
	c.Salt.Wall, c.Salt.CPU = median(saltWall), median(saltCPU)
	c.Gorun.Wall, c.Gorun.CPU = median(gorunWall), median(gorunCPU)
	c.Gorun.Fastest = slices.Min(gorunWall)
	return c, nil
}

func head(b []byte) []byte { return b[:min(len(b), 2000)] }

// usage is what a folder takes on disk.
type usage struct {
	Files int   // folders among them: each takes an inode
	Bytes int64 // allocated
}

func diskUsage(dir string) (u usage, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		u.Files++
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			u.Bytes += stat.Blocks * 512
		}
		return nil
	})
	return u, err
}
