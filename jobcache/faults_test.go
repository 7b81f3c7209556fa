package jobcache_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"math/rand/v2"
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

func nthJID(n int) string { return fmt.Sprintf("20261122%012d", n) }

// put stores the nth job with a return, and that all was heard up to then, in one
// transaction.
func put(t *testing.T, w *jobcache.Writer, n int) error {
	t.Helper()
	return w.Update(t.Context(), func(tx *jobcache.Tx) error {
		at := time.UnixMicro(int64(n) + 1e15)
		random := make([]byte, 300) // that nothing packs
		for i := range random {
			random[i] = 'a' + byte(rand.N(26))
		}
		return errors.Join(
			tx.PutJob(jobcache.Job{JID: nthJID(n), Fun: "test.ping", Source: jobcache.FromNew, Stamp: at.UnixMicro(), Load: raw(t)}),
			tx.PutReturn(nthJID(n), jobcache.Return{Minion: "m", Stamp: at.UnixMicro(), Event: raw(t, "return", string(random))}),
			tx.Listening(time.UnixMicro(1e15), at))
	})
}

// contents reads all of a store, and up to when it says that it has all.
func contents(t *testing.T, path string) (jobs int, until time.Time, err error) {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		return 0, until, err
	}
	err = r.Jobs(t.Context(), jobcache.Selection{}, func(job *jobcache.Job) error {
		jobs++
		returns := 0
		err := r.Returns(t.Context(), job.JID, func(ret *jobcache.Return) error {
			returns++
			_, err := ret.Event.Decode()
			return err
		})
		if err == nil && returns != 1 {
			t.Errorf("%s has %d returns", job.JID, returns)
		}
		return err
	})
	spans, _, err2 := r.Coverage(t.Context())
	if len(spans) == 1 {
		until = spans[0].Until
	}
	return jobs, until, errors.Join(err, err2, r.Close())
}

// copyCut copies a file, up to cut bytes of it.
func copyCut(t *testing.T, from, to string, cut int) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data[:min(cut, len(data))], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const whole = 1 << 30

// A store that is cut somewhere is an error, or is whole: never a part of the jobs as if
// they were all. A writer makes a new one, or refuses.
func TestCutStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	const jobs = 100
	for i := range jobs {
		if err := put(t, w, i); err != nil {
			t.Fatal(err)
		}
	}
	closed := filepath.Join(t.TempDir(), jobcache.File)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	copyCut(t, path, closed, whole)
	info, err := os.Stat(closed)
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	cuts := []int{0, 1, 15, 16, 50, 99, 100, 101, 511, 512, 1024, 4095, 4096, 4097, 8192, 12288, size / 2, size - 4097, size - 4096, size - 1, size}
	for range 20 {
		cuts = append(cuts, rand.N(size))
	}
	for _, cut := range cuts {
		path := filepath.Join(t.TempDir(), jobcache.File)
		copyCut(t, closed, path, cut)
		n, _, err := contents(t, path)
		if err == nil && n != jobs {
			t.Errorf("cut at %d of %d: %d jobs, and no error", cut, size, n)
		}
		w, err := jobcache.OpenWriter(path)
		if err != nil {
			if !errors.Is(err, jobcache.ErrForeign) {
				t.Errorf("cut at %d: %v", cut, err)
			}
			continue
		}
		err = put(t, w, 500)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if errors.Is(err, jobcache.ErrDamaged) { // so it was noticed
			continue
		}
		if err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
		integrity(t, path)
		if n, _, err := contents(t, path); err != nil || n != 1 && n != jobs+1 {
			t.Errorf("cut at %d, written: %d jobs, %v", cut, n, err)
		}
	}
}

// A log that is cut, as a lost machine may leave it, takes with the last jobs the word that
// they were heard.
func TestCutLog(t *testing.T) {
	path, w := newStore(t)
	const jobs = 60
	for i := range jobs {
		if err := put(t, w, i); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	fewer := 0
	for range 40 {
		cut := rand.N(size)
		path2 := filepath.Join(t.TempDir(), jobcache.File)
		copyCut(t, path, path2, whole)
		copyCut(t, path+"-wal", path2+"-wal", cut)
		w, err := jobcache.OpenWriter(path2)
		if err != nil {
			t.Errorf("log cut at %d: %v", cut, err)
			continue
		}
		n, until, err := contents(t, path2)
		if err != nil || n > 0 && until.UnixMicro() != 1e15+int64(n-1) {
			t.Errorf("log cut at %d of %d: %d jobs, heard up to %v, %v", cut, size, n, until, err)
		}
		if n < jobs {
			fewer++
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		integrity(t, path2)
	}
	if fewer == 0 {
		t.Error("no cut cost a job")
	}
}

// stamped makes a store of another version.
func stamped(t *testing.T, version int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t, w, 1), w.Close()); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA user_version = %d", version), nil)
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// A store of a newer gorun is refused and left as it is; one of an older makes room.
func TestOtherVersions(t *testing.T) {
	newer := stamped(t, 1000)
	if _, err := jobcache.OpenWriter(newer); !errors.Is(err, jobcache.ErrForeign) {
		t.Errorf("newer, to write: %v", err)
	}
	if _, err := jobcache.OpenReader(newer); !errors.Is(err, jobcache.ErrForeign) {
		t.Errorf("newer, to read: %v", err)
	}
	if _, err := os.Stat(newer + ".aside"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("newer: put aside: %v", err)
	}
	older := stamped(t, 1)
	if _, err := jobcache.OpenReader(older); !errors.Is(err, jobcache.ErrForeign) {
		t.Errorf("older, to read: %v", err)
	}
	w, err := jobcache.OpenWriter(older)
	if err != nil {
		t.Fatal(err)
	}
	if w.Aside != older+".aside" {
		t.Errorf("older: put at %q", w.Aside)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if n, _, err := contents(t, older); err != nil || n != 0 {
		t.Errorf("older, made anew: %d jobs, %v", n, err)
	}
}

// A transaction that does not fit on the disk leaves nothing; later ones do, when there is
// room again.
func TestNoRoom(t *testing.T) {
	path, w := newStore(t)
	pages, err := w.Pages()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Limit(int(pages) + 10); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		if err = put(t, w, n); err != nil {
			break
		}
	}
	if !errors.Is(err, jobcache.ErrBlocked) || n == 0 {
		t.Fatalf("after %d jobs: %v", n, err)
	}
	got, until, err := contents(t, path)
	if err != nil || got != n || until.UnixMicro() != 1e15+int64(n-1) {
		t.Errorf("%d jobs of %d, heard up to %v, %v", got, n, until, err)
	}
	if err := errors.Join(w.Limit(1<<20), put(t, w, n)); err != nil {
		t.Error(err)
	}
}

// The oldest jobs leave for the lack of room, which is said, and the file gets smaller.
func TestPruneForRoom(t *testing.T) {
	for _, limits := range []jobcache.Limits{{MaxSize: 200_000}, {MaxJobs: 150}} {
		path, w := newStore(t)
		const jobs = 2000
		for i := range jobs {
			if err := put(t, w, i); err != nil {
				t.Fatal(err)
			}
		}
		before, err := w.Pages()
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for more := true; more; {
			p, err := w.Prune(t.Context(), limits, 100)
			if err != nil {
				t.Fatal(err)
			}
			left += p.Over
			more = p.More || p.Over > 0
		}
		after, err := w.Pages()
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := contents(t, path)
		if err != nil || n+left != jobs || n == 0 || limits.MaxJobs > 0 && int64(n) != limits.MaxJobs {
			t.Errorf("%+v: %d jobs stay, %d left, %v", limits, n, left, err)
		}
		if after > before/4 || limits.MaxSize > 0 && after*4096 > limits.MaxSize+64<<10 {
			t.Errorf("%+v: %d pages of %d", limits, after, before)
		}
		status, err := reader(t, path).Status(t.Context(), time.Now())
		if err != nil || len(status.Holes) != 1 || status.Holes[0].Reason != jobcache.MaxSize || status.Holes[0].Until.UnixMicro() != 1e15+int64(left-1) {
			t.Errorf("%+v: holes %+v, %v", limits, status.Holes, err)
		}
	}
}

// A reader that does not end keeps its state, and nobody waits for it; the log gets small
// again when it is gone.
func TestLongReader(t *testing.T) {
	length := 2 * time.Second
	if os.Getenv("GORUN_TORTURE") != "" {
		length = time.Minute
	}
	path, w := newStore(t)
	for i := range 10 {
		if err := put(t, w, i); err != nil {
			t.Fatal(err)
		}
	}
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	seen, n := 0, 10
	err = r.Jobs(t.Context(), jobcache.Selection{}, func(*jobcache.Job) error {
		if seen++; seen > 1 {
			return nil
		}
		for end := time.Now().Add(length); time.Now().Before(end); n++ {
			if err := put(t, w, n); err != nil {
				return err
			}
			if n%100 == 0 {
				if _, err := w.Prune(t.Context(), jobcache.Limits{MaxJobs: 1000}, 50); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err := errors.Join(err, r.Close()); err != nil || seen != 10 {
		t.Errorf("%d jobs of 10, %v", seen, err)
	}
	grown := logSize(t, path)
	for range 3 { // the log goes into the file, and begins anew
		if err := put(t, w, n); err != nil {
			t.Fatal(err)
		}
		n++
	}
	t.Logf("the log had %d bytes, and has %d", grown, logSize(t, path))
	if size := logSize(t, path); size > 64<<20 {
		t.Errorf("the log stays at %d bytes", size)
	}
	if got, until, err := contents(t, path); err != nil || got == 0 || until.UnixMicro() != 1e15+int64(n-1) {
		t.Errorf("%d jobs, heard up to %v, %v", got, until, err)
	}
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// saltJob writes a job of Salt's cache as the releases do: up to 2015.8 a return is alone.
func saltJob(t *testing.T, root, jid string, old bool) {
	t.Helper()
	saltFile(t, root, jid, "jid", []byte(jid))
	saltFile(t, root, jid, ".load.p", raw(t, "cmd", "publish", "key", "secret", "jid", jid, "fun", "test.ping", "tgt", "*",
		"tgt_type", "glob", "arg", nil, "user", "root", "ret", ""))
	saltFile(t, root, jid, ".minions.p", packed(t, value.List{"m1", "m2"}))
	ret := raw(t, "return", true, "retcode", int64(0), "success", true)
	if old {
		ret = packed(t, true)
	}
	saltFile(t, root, jid, "m1/return.p", ret)
	saltFile(t, root, jid, "m1/out.p", packed(t, "txt"))
}

// walk takes all of a window, by jid.
func walk(t *testing.T, c *jobcache.SaltCache, w jobcache.Window) (found map[string]*jobcache.KeptJob, bad int) {
	t.Helper()
	found = make(map[string]*jobcache.KeptJob)
	bad, err := c.Walk(t.Context(), w, 1<<20, func(k *jobcache.KeptJob, done, all int) error {
		if done >= all {
			t.Errorf("%d folders of %d", done, all)
		}
		found[k.Job.JID] = k
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, bad
}

// Whatever lies in Salt's cache, a walk through it ends, takes what is sound, and names the
// rest.
func TestWalk(t *testing.T) {
	root := t.TempDir()
	sound, old, cut, cutReturn, foreign, large := nthJID(1), nthJID(2), nthJID(3), nthJID(4), nthJID(5), nthJID(6)
	for _, jid := range []string{sound, cut, cutReturn, foreign, large} {
		saltJob(t, root, jid, false)
	}
	saltJob(t, root, old, true)
	saltFile(t, root, cut, ".load.p", raw(t, "jid", cut, "fun", "test.ping")[:9])
	saltFile(t, root, cutReturn, "m1/return.p", raw(t, "return", true)[:5])
	saltFile(t, root, foreign, "jid", []byte("../../../etc/passwd"))
	saltFile(t, root, large, "m1/return.p", make([]byte, 2<<20))
	saltFile(t, root, sound, "m2/return.p", nil) // Salt is at it
	if err := os.WriteFile(filepath.Join(root, "jobs", "a file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(filepath.Dir(glob(t, root, "jobs/*/*/m1")[0]), "m3")); err != nil {
		t.Fatal(err)
	}
	c, logged := openSalt(t, root)
	found, bad := walk(t, c, jobcache.Window{})
	for _, jid := range []string{sound, old, cutReturn, large} {
		k := found[jid]
		if k == nil || k.Job.Fun != "test.ping" || k.Job.Source != jobcache.FromNew || !slices.Equal(k.Job.Minions, []string{"m1", "m2"}) {
			t.Errorf("%s: got %+v", jid, k)
			continue
		}
		if strings.Contains(string(k.Job.Load), "secret") {
			t.Errorf("%s: a key was kept", jid)
		}
	}
	for _, jid := range []string{sound, old} {
		if k := found[jid]; len(k.Returns) != 1 || !k.Returns[0].Kept || fmt.Sprint(k.Missing) != "[m2]" && jid == old {
			t.Errorf("%s: got %+v", jid, k)
		}
	}
	if found[foreign] != nil || len(found[cutReturn].Returns) != 0 || len(found[large].Returns) != 0 {
		t.Errorf("taken: %+v, %+v, %+v", found[foreign], found[cutReturn], found[large])
	}
	if k := found[cut]; k == nil || k.Job.Source != jobcache.FromNothing || len(k.Returns) != 1 {
		t.Errorf("without its load: %+v", k)
	}
	for _, name := range []string{".load.p", "return.p", "a file", "max_return_size", "not named for the jid"} {
		if !strings.Contains(logged.String(), name) {
			t.Errorf("%s is not named in\n%s", name, logged.String())
		}
	}
	if bad < 5 {
		t.Errorf("%d files passed over\n%s", bad, logged.String())
	}
}

// A folder is found by every hash that Salt names it with, whatever hash_type says now.
func TestWalkHashes(t *testing.T) {
	for name, sum := range map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	} {
		root, h := t.TempDir(), sum()
		_, _ = h.Write([]byte(jid)) // never fails
		hexed := hex.EncodeToString(h.Sum(nil))
		dir := filepath.Join(root, "jobs", hexed[:2], hexed[2:])
		err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "jid"), []byte(jid), 0o644),
			os.WriteFile(filepath.Join(dir, ".load.p"), raw(t, "jid", jid, "fun", "test.ping"), 0o644))
		if err != nil {
			t.Fatal(err)
		}
		for _, configured := range []string{name, "sha256"} {
			c, err := jobcache.OpenSalt(root, configured, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if found, bad := walk(t, c, jobcache.Window{}); found[jid] == nil || bad > 0 {
				t.Errorf("%s as %s: found %v, passed over %d", name, configured, found, bad)
			}
			if job, err := c.Job(t.Context(), jid); err != nil || job.Fun != "test.ping" {
				t.Errorf("%s as %s: %+v, %v", name, configured, job, err)
			}
		}
	}
}

// Of a window only what was written in it is read.
func TestWalkWindow(t *testing.T) {
	root := t.TempDir()
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 10 {
		saltJob(t, root, nthJID(i), false)
		at := base.Add(time.Duration(i) * time.Minute)
		all := append(glob(t, root, "jobs/*/*/*/*"), glob(t, root, "jobs/*/*/.*")...)
		for _, name := range append(all, glob(t, root, "jobs/*/*")...) {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) < 30*time.Minute {
				if err := os.Chtimes(name, at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	c, _ := openSalt(t, root)
	found, _ := walk(t, c, jobcache.Window{From: base.Add(3 * time.Minute), Until: base.Add(5 * time.Minute)})
	if len(found) != 3 || found[nthJID(3)] == nil || found[nthJID(5)] == nil {
		t.Errorf("%d jobs of the window", len(found))
	}
	// What lies in the future was written before the clock was set back.
	ahead := time.Now().Add(time.Hour)
	for _, name := range glob(t, root, "jobs/*/*/m1/return.p") {
		if err := os.Chtimes(name, ahead, ahead); err != nil {
			t.Fatal(err)
		}
	}
	found, _ = walk(t, c, jobcache.Window{From: base.Add(8 * time.Minute), Until: base.Add(8 * time.Minute)})
	if len(found) != 2 || len(found[nthJID(9)].Returns) != 1 {
		t.Errorf("of the future: %d jobs", len(found))
	}
}
