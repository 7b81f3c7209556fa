package subscriber

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

// long asks for the long form of a test.
func long() bool { return os.Getenv("GORUN_TORTURE") != "" }

// ping is the announcement of the nth job.
func ping(n int) []byte {
	return frame(newJob(fmt.Sprintf("20261122%012d", n), "test.ping", n, "m1"))
}

// A bus that floods faster than the disk writes: what does not fit is a hole, counted to the
// event; memory stays bounded, and the bus does not wait.
func TestFlood(t *testing.T) {
	const queue = 1 << 20
	length := 2 * time.Second
	if long() {
		length = time.Minute
	}
	s := newStation(t)
	s.cfg.Queue = event.NewQueue(queue)
	s.cfg.stall = func() { time.Sleep(50 * time.Millisecond) }
	bus, err := eventtest.Listen(t.Context(), s.cfg.Bus.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}()
	frames := make([][]byte, 1000)
	for i := range frames {
		frames[i] = frame(ret(fmt.Sprintf("20261122%012d", i), "m1", i, "return", strings.Repeat("x", 1000)))
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s.cfg) }()
	for bus.Connections() == 0 {
		time.Sleep(time.Millisecond)
	}
	stalls := machineStalls(t, length)
	var sent int64
	var peak uint64
	for end := time.Now().Add(length); time.Now().Before(end); sent++ {
		bus.Say(frames[sent%int64(len(frames))])
		if sent%10_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	heard := func(s jobcache.Status) int64 { return s.Events + s.Skipped["overrun"] }
	for {
		status, _, _, err := s.look()
		if err != nil {
			t.Fatal(err)
		}
		if heard(status) == sent {
			break
		}
		if heard(status) > sent {
			t.Fatalf("%d events of %d", heard(status), sent)
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	status, _, holes, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	overrun := int64(0)
	for _, h := range holes {
		if h.Reason == jobcache.Overrun {
			overrun += h.Events
		}
	}
	stalled := stalls()
	t.Logf("%d events sent, %d stored, %d overrun, heap %d MB, longest wait of the bus %v, of this machine's processes %v",
		sent, status.Events, overrun, peak>>20, bus.Longest(), stalled)
	if overrun == 0 || overrun != status.Skipped["overrun"] {
		t.Errorf("%d events missing in holes, %d counted", overrun, status.Skipped["overrun"])
	}
	if most := uint64(8*queue + 48<<20); peak > most {
		t.Errorf("%d bytes of memory, more than %d", peak, most)
	}
	if long() && bus.Longest() > stalled+100*time.Millisecond {
		t.Errorf("the bus waited for %v", bus.Longest())
	}
}

// machineStalls starts a process that does nothing but measure, for that long, and returns what
// waits for the longest time that this machine did not let it run: no subscriber can be
// better than that.
func machineStalls(t *testing.T, length time.Duration) (longest func() time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStalls$")
	cmd.Env = append(os.Environ(), "GORUN_STALLS="+length.String())
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() time.Duration {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		word, _, _ := strings.Cut(out.String(), "\n")
		d, err := time.ParseDuration(word)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// TestStalls is the process of machineStalls.
func TestStalls(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("GORUN_STALLS"))
	if err != nil {
		t.Skip("a part of TestFlood")
	}
	const nap = time.Millisecond
	var longest time.Duration
	for end := time.Now().Add(length); time.Now().Before(end); {
		start := time.Now()
		time.Sleep(nap)
		longest = max(longest, time.Since(start)-nap)
	}
	fmt.Println(longest)
}

// noise is text that no compression makes shorter than to three quarters.
func noise(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = '0' + byte(rand.N(64))
	}
	return string(text)
}

// smallDisk is a file system of its own, of so many bytes.
func smallDisk(t *testing.T, size int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("gorun-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size))
	if err != nil {
		fmt.Printf("%s: NOT DONE: a small disk: %v\n", t.Name(), err)
		t.Skip("no small disk: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that is full, and then has room again: what came meanwhile is stored, or is a hole
// counted to the event. No answer is given from half of a transaction.
func TestDiskFull(t *testing.T) {
	s := newStation(t)
	disk := smallDisk(t, 4<<20)
	s.cfg.Store = filepath.Join(disk, "gorun", jobcache.File)
	s.cfg.Queue = event.NewQueue(1 << 20)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	const jobs = 4000
	frames := make([][]byte, jobs)
	for i := range frames {
		jid := fmt.Sprintf("20261122%012d", i)
		frames[i] = frame(body("salt/job/"+jid+"/new", "jid", jid, "tgt", "*", "fun", "test.ping", "arg", value.List{noise(400)},
			"minions", value.List{"m1"}, "_stamp", stamp(i)))
	}
	s.play(frames...)
	events, since, wasFull := int64(0), time.Now(), false
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		if status.Events != events {
			events, since = status.Events, time.Now()
		}
		if !wasFull && time.Since(since) > time.Second { // nothing goes on: the disk is full
			wasFull = true
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		}
		return status.Events+status.Skipped["overrun"] >= jobs && len(status.Holes) == 0
	})
	if !wasFull {
		t.Error("the disk was never full")
	}
	status, _, holes, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	n := int64(strings.Count(asked(t, s.cfg.Store), "job 20261122"))
	t.Logf("%d jobs stored, %d overrun", n, status.Skipped["overrun"])
	if n != status.Events || n+status.Skipped["overrun"] != jobs {
		t.Errorf("%d jobs stored for %d events, %d overrun of %d", n, status.Events, status.Skipped["overrun"], jobs)
	}
	if status.Skipped["overrun"] > 0 && !strings.Contains(reasons(holes), jobcache.Overrun) {
		t.Errorf("holes %s", reasons(holes))
	}
}

// freeze has the file system refuse to change a file, whoever has it open already; thaw ends
// that.
func freeze(t *testing.T, path string) (thaw func()) {
	t.Helper()
	const immutable = 0x10 // FS_IMMUTABLE_FL
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|immutable))
	}
	if err != nil {
		_ = f.Close()
		fmt.Printf("%s: NOT DONE: a file that may only be read: %v\n", t.Name(), err)
		t.Skip("no immutable files: ", err)
	}
	thaw = sync.OnceFunc(func() {
		err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(thaw)
	return thaw
}

// A disk that may only be read for a while, under the open files: nothing is lost, and the
// answer of that time is the one of before.
func TestDiskReadOnly(t *testing.T) {
	s := newStation(t)
	bus, err := eventtest.Listen(t.Context(), s.cfg.Bus.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}()
	said := 0
	var thaw []func()
	var frozen time.Time
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		switch {
		case said == 0 && bus.Connections() > 0:
			said = 1
			bus.Say(ping(1))
		case said == 1 && heard(1)(status, holes):
			for _, name := range []string{s.cfg.Store, s.cfg.Store + "-wal"} {
				thaw = append(thaw, freeze(t, name))
			}
			said, frozen = 2, time.Now()
			bus.Say(ping(2))
		case said == 2 && status.Events > 1:
			t.Error("written where it may only be read")
			said = 3
		case said == 2 && time.Since(frozen) > 3*retryEvery:
			said = 3
			for _, f := range thaw {
				f()
			}
			bus.Say(ping(3))
		}
		return said == 3 && heard(3)(status, holes)
	})
	if n := strings.Count(asked(t, s.cfg.Store), "job 20261122"); n != 3 {
		t.Errorf("%d jobs of 3", n)
	}
}

// On a disk that may only be read from the beginning a subscriber ends, and a question is answered.
func TestStartsReadOnly(t *testing.T) {
	s := newStation(t)
	disk := smallDisk(t, 16<<20)
	s.cfg.Store = filepath.Join(disk, "gorun", jobcache.File)
	s.play(ping(1))
	s.listen(heard(1))
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := Run(ctx, s.cfg); err == nil || ctx.Err() != nil {
		t.Errorf("it ran: %v", err)
	} else {
		t.Log(err)
	}
	if got := asked(t, s.cfg.Store); !strings.Contains(got, "job 20261122") {
		t.Errorf("not answered:\n%s", got)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s.listen(heard(2))
}

// A socket that vanishes with its master, and one that is made anew in its place: what was
// said meanwhile is a hole, and the new one is found.
func TestSocketVanishes(t *testing.T) {
	s := newStation(t)
	server := s.play(ping(1))
	stage := 0
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		switch {
		case stage == 0 && heard(1)(status, holes):
			stage = 1
			server.Close()
			if err := os.Remove(s.cfg.Bus.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		case stage == 1 && !status.Listening:
			if len(status.Holes) != 1 || status.Holes[0].Reason != jobcache.Disconnected || !status.Holes[0].Until.IsZero() {
				t.Errorf("without a socket: holes %+v", status.Holes)
			}
			stage = 2
			s.salt.publish(t, jid1, "test.ping", false, "m1") // nobody hears it
			s.play(ping(2))
		}
		return stage == 2 && heard(2)(status, holes)
	})
	s.wantHoles("never listened+, disconnected+, not running")
	if got := asked(t, s.cfg.Store); strings.Count(got, "job 20261122") != 2 {
		t.Errorf("got\n%s", got)
	}
}

// A second subscriber is told who has the store, and changes nothing.
func TestTwoSubscribers(t *testing.T) {
	s := newStation(t)
	s.play(ping(1))
	tried := false
	s.listen(func(status jobcache.Status, holes []jobcache.Hole) bool {
		if !heard(1)(status, holes) {
			return false
		}
		if !tried {
			tried = true
			err := Run(t.Context(), s.cfg)
			if !errors.Is(err, jobcache.ErrLocked) || !strings.Contains(fmt.Sprint(err), fmt.Sprint("pid ", os.Getpid())) {
				t.Errorf("the second: %v", err)
			}
			return false
		}
		return status.Events == 1
	})
}

// A clock that is set ahead makes no job old: they stay until it has been so for a while.
func TestClockSetAhead(t *testing.T) {
	s := newStation(t)
	s.cfg.defaults()
	s.cfg.Keep = 24 * time.Hour
	w, err := jobcache.OpenWriter(s.cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = w.Update(t.Context(), func(tx *jobcache.Tx) error {
		return tx.PutJob(jobcache.Job{JID: jid1, Source: jobcache.FromNew, Stamp: time.Now().UnixMicro(), Load: value.AppendMap(nil, 0)})
	})
	if err != nil {
		t.Fatal(err)
	}
	sub := &subscriber{cfg: s.cfg, log: s.cfg.Log, writer: w}
	prune := func() (left bool) {
		sub.pruneAt = time.Time{}
		if err := sub.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(asked(t, s.cfg.Store), "job "+jid1)
	}
	if !prune() {
		t.Fatal("a new job left")
	}
	s.set(48 * time.Hour)
	if !prune() {
		t.Error("a job left because the clock was set")
	}
	sub.stepped = time.Now().Add(-2 * stepGrace) // it has stayed so
	if prune() {
		t.Error("an old job stays")
	}
}

// A store that is damaged is put aside, when it is opened or when it turns out; a new one is
// filled from Salt's cache.
func TestDamagedStore(t *testing.T) {
	for _, from := range []float64{0, 0.5, 0.9} {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			s := newStation(t)
			s.salt.publish(t, jid1, "test.ping", false, "m1")
			frames := make([][]byte, 2000)
			for i := range frames {
				frames[i] = ping(i)
			}
			s.play(frames...)
			s.listen(heard(2000))
			data, err := os.ReadFile(s.cfg.Store)
			if err != nil {
				t.Fatal(err)
			}
			for i := max(4096, int(from*float64(len(data)))); i < len(data); i++ {
				data[i] = 0xff
			}
			if err := os.WriteFile(s.cfg.Store, data, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop() // it goes as far as it must
			if err := Run(ctx, s.cfg); err != nil && !errors.Is(err, jobcache.ErrDamaged) {
				t.Fatal(err)
			}
			s.salt.publish(t, jid1, "test.ping", false, "m1")
			err = s.trying(heard(2000))
			if errors.Is(err, jobcache.ErrDamaged) {
				err = s.trying(heard(2000))
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(s.cfg.Store + ".aside"); err != nil {
				t.Errorf("not put aside: %v", err)
			}
			if got := asked(t, s.cfg.Store); !strings.Contains(got, "job "+jid1) {
				t.Error("the new store was not filled")
			}
		})
	}
}

// The store of an older gorun is put aside. What was in it and is in no job cache of Salt is
// gone, and named: as what was before a subscriber ever listened.
func TestOlderStore(t *testing.T) {
	s := newStation(t)
	server := s.play(ping(1))
	s.listen(heard(1))
	server.Close()
	data, err := os.ReadFile(s.cfg.Store)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[60:], []byte{0, 0, 0, 1}) // user_version in SQLite's header
	if err := os.WriteFile(s.cfg.Store, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s.cfg.Kept = nil
	s.play(ping(2))
	s.listen(func(status jobcache.Status, _ []jobcache.Hole) bool { return status.Listening && status.Events == 1 })
	if got := asked(t, s.cfg.Store); strings.Count(got, "job 20261122") != 1 {
		t.Errorf("got\n%s", got)
	}
	s.wantHoles("never listened, not running")
	aside, err := os.ReadFile(s.cfg.Store + ".aside")
	if err != nil || !bytes.Equal(aside, data) {
		t.Errorf("what was put aside is not what was there: %d bytes of %d, %v", len(aside), len(data), err)
	}
}

// What is beyond a bound is counted, and marked where it is asked for.
func TestBounds(t *testing.T) {
	s := newStation(t)
	s.cfg.MaxReturn, s.cfg.MaxMinions = 1000, 2
	s.play(frame(newJob(jid1, "test.ping", 1, "m1", "m2", "m3")), frame(ret(jid1, "m1", 2, "return", strings.Repeat("x", 2000))))
	s.listen(heard(2))
	status, _, _, err := s.look()
	if err != nil || status.Skipped["max_return_size"] != 1 || status.Skipped["max_minions"] != 1 {
		t.Errorf("counted %v, %v", status.Skipped, err)
	}
	got := asked(t, s.cfg.Store)
	if !strings.Contains(got, `["m1" "m2"]`) || !strings.Contains(got, "return of m1, cut true: return=ad56414c55455f5452494d4d4544") {
		t.Errorf("got\n%s", got)
	}
}
