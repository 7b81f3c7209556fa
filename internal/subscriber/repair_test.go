package subscriber

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// A master is what a Salt master says on its bus and keeps in its job cache.
type master struct {
	root   string
	events [][]byte
	n      int // of the newest event
	step   int // microseconds from one thing that happens to the next
	late   int // microseconds that Salt takes to write what it has announced
	files  []file
}

// A file is one that Salt writes at some time.
type file struct {
	path string // below the job cache
	data []byte
	at   time.Time
}

func (f *file) write(t testing.TB, root string) {
	t.Helper()
	path := filepath.Join(root, f.path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.data, 0o644), os.Chtimes(path, f.at, f.at)); err != nil {
		t.Fatal(err)
	}
}

// keep writes a file of a job's folder as salt.returners.local_cache does, at the time of
// the newest event.
func (m *master) keep(t testing.TB, jid, name string, v value.Value) {
	t.Helper()
	sum := sha256.Sum256([]byte(jid))
	h := hex.EncodeToString(sum[:])
	data, err := value.Encode(v)
	if text, ok := v.(string); ok && name == "jid" {
		data = []byte(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMicro(stampMicros(m.n+m.late) + 1)
	m.files = append(m.files, file{filepath.Join("jobs", h[:2], h[2:], name), data, at})
	m.files[len(m.files)-1].write(t, m.root)
}

func stampMicros(n int) int64 { us, _ := parseStamp(stamp(n)); return us }

// tick lets time pass: a millisecond, if not told otherwise.
func (m *master) tick() { m.n += cmp.Or(m.step, 1000) }

// soon lets a millisecond pass.
func (m *master) soon() { m.n += 1000 }

func (m *master) say(body []byte) { m.events = append(m.events, body) }

// publish announces a job, as 3008 does.
func (m *master) publish(t testing.TB, jid, fun string, metadata bool, ids ...string) {
	m.tick()
	list := value.List{}
	for _, id := range ids {
		list = append(list, id)
	}
	m.say(newJob(jid, fun, m.n, list...))
	kwargs := value.NewMap("delimiter", ":", "password", "secret")
	if metadata {
		m.say(body("salt/job/"+jid+"/publish", "jid", jid, "fun", fun, "metadata", value.NewMap("k", "v"), "_stamp", stamp(m.n)))
		kwargs.Set("metadata", value.NewMap("k", "v"))
	}
	m.keep(t, jid, "jid", jid)
	m.keep(t, jid, ".load.p", value.NewMap("cmd", "publish", "tgt", "*", "key", "secret", "fun", fun, "arg", value.List{"x"},
		"tgt_type", "glob", "ret", "", "jid", jid, "kwargs", kwargs, "user", "root"))
	m.keep(t, jid, ".minions.p", list)
}

// ret has a minion return; long returns are cut on the bus.
func (m *master) ret(t testing.TB, jid, id string, ret value.Value, long bool) {
	m.tick()
	carried := ret
	if long {
		carried = "VALUE_TRIMMED"
	}
	m.say(retOf(jid, id, m.n, carried))
	m.keep(t, jid, "jid", jid)
	m.keep(t, jid, id+"/return.p", value.NewMap("return", ret, "retcode", int64(0), "success", true))
}

func retOf(jid, id string, n int, val value.Value) []byte {
	return ret(jid, id, n, "return", val, "retcode", int64(0), "success", true)
}

// fail has a minion return a failed state, of which the master tells once more.
func (m *master) fail(t testing.TB, jid, id string) {
	m.tick()
	const state = "file_|-web_|-/etc/web_|-managed"
	m.say(ret(jid, id, m.n, "return", value.NewMap(state, value.NewMap("result", false, "__run_num__", int64(3))), "retcode", int64(2), "success", false))
	m.soon()
	m.say(body("salt/job/"+jid+"/sub/"+id+"/error/state.sls", "jid", jid, "id", id, "__run_num__", int64(3), "_stamp", stamp(m.n)))
	m.keep(t, jid, id+"/return.p", value.NewMap("return", value.NewMap(state, value.NewMap("result", false, "__run_num__", int64(3),
		"_stamp", stamp(m.n), "retcode", int64(2), "jid", jid, "id", id)), "retcode", int64(2), "success", false))
}

// alone returns what nobody published: salt-call.
func (m *master) alone(t testing.TB, jid, id string) {
	m.tick()
	pairs := []value.Value{"cmd", "_return", "jid", jid, "id", id, "fun", "test.ping", "fun_args", value.List{}, "return", true,
		"retcode", int64(0), "success", true, "tgt", id, "tgt_type", "glob", "arg", value.List{}}
	m.say(body("salt/job/"+jid+"/ret/"+id, append(pairs, "_stamp", stamp(m.n))...))
	m.keep(t, jid, "jid", jid)
	m.keep(t, jid, ".load.p", value.NewMap(pairs...))
	m.keep(t, jid, ".minions.p", value.List{id})
	m.keep(t, jid, id+"/return.p", value.NewMap("return", true, "retcode", int64(0), "success", true))
}

// run is a runner.
func (m *master) run(t testing.TB, jid string) {
	m.tick()
	began := stamp(m.n)
	pairs := []value.Value{"fun", "runner.manage.up", "jid", jid, "user", "root", "fun_args", value.List{}}
	m.say(body("salt/run/"+jid+"/new", append(slices.Clone(pairs), "_stamp", began)...))
	m.soon()
	done := append(slices.Clone(pairs), "return", value.List{"m1"}, "success", true)
	m.say(body("salt/run/"+jid+"/ret", append(slices.Clone(done), "_stamp", stamp(m.n))...))
	kept := value.NewMap(append(slices.Clone(done), "_stamp", began)...)
	m.keep(t, jid, "jid", jid)
	m.keep(t, jid, ".load.p", value.NewMap("id", "lab_master", "tgt", "lab_master", "jid", jid, "return", kept, "fun", "runner.manage.up", "user", "root"))
	m.keep(t, jid, ".minions.p", value.List{})
	m.keep(t, jid, "lab_master/return.p", value.NewMap("return", kept))
}

// slice announces a job for one more minion, the last of ids, as the batches of 3008 do for each
// slice: Salt keeps the load of the last one, and the minions of all.
func (m *master) slice(t testing.TB, jid string, ids ...value.Value) {
	m.tick()
	id := ids[len(ids)-1]
	pairs := []value.Value{"jid", jid, "tgt", value.List{id}, "tgt_type", "list", "user", "root", "fun", "test.ping", "arg", value.List{}}
	m.say(body("salt/job/"+jid+"/new", append(slices.Clone(pairs), "minions", value.List{id}, "_stamp", stamp(m.n))...))
	m.keep(t, jid, "jid", jid)
	m.keep(t, jid, ".load.p", value.NewMap(append(slices.Clone(pairs), "cmd", "publish", "kwargs", value.NewMap("batch", "1"), "ret", "")...))
	m.keep(t, jid, ".minions.p", value.List(ids))
}

// aDay is some of everything, one thing so many microseconds after the other.
func aDay(t testing.TB, step int) *master {
	m := &master{root: t.TempDir(), step: step}
	jid := func(n int) string { return fmt.Sprintf("202611220738%08d", n) }
	m.publish(t, jid(1), "test.ping", true, "m1", "m2", "m3")
	m.ret(t, jid(1), "m1", true, false)
	m.ret(t, jid(1), "m2", strings.Repeat("long ", 500), true)
	m.publish(t, jid(2), "state.sls", false, "m1", "m2")
	m.fail(t, jid(2), "m1")
	m.alone(t, jid(3), "m4")
	m.run(t, jid(4))
	m.publish(t, jid(5), "saltutil.find_job", false, "m1", "m3")
	m.ret(t, jid(5), "m1", value.NewMap(), false)
	m.publish(t, jid(6), "cmd.run", false, "m5")
	m.ret(t, jid(6), "m5", "the first", false)
	m.tick()
	m.say(retOf(jid(6), "m5", m.n, "a second return, which Salt drops"))
	m.slice(t, jid(7), "m1")
	m.ret(t, jid(7), "m1", true, false)
	m.slice(t, jid(7), "m1", "m2")
	m.ret(t, jid(7), "m2", true, false)
	m.publish(t, jid(8), "cmd.run", false, "m6")
	m.late = 500_000
	m.publish(t, jid(9), "saltutil.find_job", false, "m6")
	m.late, m.step = 0, 1000
	m.ret(t, jid(8), "m6", "answered in time", false)
	m.step = step
	m.tick()
	m.say(body("syndic/below/salt/job/"+jid(1)+"/new", "jid", jid(1), "fun", "test.ping", "minions", value.List{"m9"}, "_stamp", stamp(m.n)))
	m.keep(t, jid(1), ".minions.below.p", value.List{"m9"})
	return m
}

// known applies events, then has what the store lacks taken from Salt's cache, and writes
// down what can be asked.
func known(t testing.TB, path string, events [][]byte, salt *jobcache.SaltCache) string {
	t.Helper()
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	a := applier{masterID: "lab_master", runners: true, now: func() time.Time { return time.UnixMicro(1) }}
	put := func(tx *jobcache.Tx) error {
		for _, body := range events {
			if err := a.apply(tx, body); err != nil {
				return err
			}
		}
		return nil
	}
	err = w.Update(context.Background(), put)
	if salt != nil && err == nil {
		err = w.Update(context.Background(), func(tx *jobcache.Tx) error {
			bad, err := salt.Walk(context.Background(), jobcache.Window{}, 1<<20, func(k *jobcache.KeptJob, _, _ int) error { _, err := tx.PutKept(k); return err })
			if bad > 0 {
				t.Errorf("%d files passed over", bad)
			}
			return err
		})
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return asked(t, path)
}

// asked writes down what answers are made of.
func asked(t testing.TB, path string) string {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var b strings.Builder
	ctx := context.Background()
	fields := func(raw value.Raw, names ...string) {
		all := map[string]value.Value{}
		err := value.Fields(raw, func(key string, val value.Raw) error {
			v, err := val.Decode()
			all[key] = v
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			fmt.Fprintf(&b, " %s=%s", name, encoded(t, all[name]))
		}
		b.WriteByte('\n')
	}
	err = r.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		whole, err := r.Job(ctx, job.JID)
		if err != nil {
			return err
		}
		slices.Sort(whole.Minions)
		fmt.Fprintf(&b, "job %s %s source %d of %q, metadata %x, announced %q", job.JID, job.Fun, job.Source, whole.Minions, job.Metadata, job.Announced)
		fields(job.Load, "fun", "arg", "tgt", "tgt_type", "user")
		err = r.Returns(ctx, job.JID, func(ret *jobcache.Return) error {
			fmt.Fprintf(&b, " return of %s, cut %v:", ret.Minion, ret.Trimmed)
			v, err := ret.Event.Decode()
			if err != nil {
				return err
			}
			if failed, ok := v.(*value.Map); ok && job.Fun == "state.sls" { // its marks are Failures
				states, _ := failed.Get("return")
				fmt.Fprintf(&b, " %d states\n", states.(*value.Map).Len())
				return nil
			}
			if job.Source == jobcache.FromRunner {
				fields(ret.Event, "return", "success", "fun", "jid")
				return nil
			}
			fields(ret.Event, "return", "retcode", "success", "out")
			return nil
		})
		return errors.Join(err, r.Failures(ctx, job.JID, func(f jobcache.Failure) { fmt.Fprintf(&b, " failure %+v\n", f) }))
	})
	minions, err2 := r.Minions(ctx)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"m1", "m2", "m3", "m4", "m5", "m6", "m9", "lab_master"} {
		fmt.Fprintf(&b, "minion %s %v\n", id, minions[id].Judge(time.Unix(1e9, 0), time.Time{}, time.Second).State)
	}
	return b.String()
}

func encoded(t testing.TB, v value.Value) string {
	raw, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", raw)
}

// Any order, doubling and loss of events, and what Salt's own cache then has, give what the
// whole stream gives.
func TestRepairGivesAll(t *testing.T) {
	m := aDay(t, 0)
	salt, err := jobcache.OpenSalt(m.root, "sha256", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want := known(t, filepath.Join(dir, "whole"), m.events, salt)
	unrepaired := known(t, filepath.Join(dir, "unrepaired"), m.events, nil)
	if differ(unrepaired, want) != " return of m2, cut true" { // which no bus carries
		t.Errorf("Salt's cache tells of more than the one cut return:\n%s\nwanted\n%s", unrepaired, want)
	}
	for _, sign := range []string{"source 3", "source 2", "source 1", "failure {Minion:m1 Run:3", "minion m3 down", "minion m1 up", "minion m6 up", `"m9"`} {
		if !strings.Contains(want, sign) {
			t.Errorf("no %q in\n%s", sign, want)
		}
	}
	if strings.Contains(want, hex.EncodeToString([]byte("secret"))) {
		t.Error("a password was kept")
	}
	// What the bus told has more in it than what Salt keeps: it stays.
	told, kept := dump(t, filepath.Join(dir, "unrepaired")), dump(t, filepath.Join(dir, "whole"))
	for _, line := range strings.Split(told, "\n") {
		if (strings.HasPrefix(line, "job ") || strings.HasPrefix(line, " load ")) && !strings.Contains(kept, line) {
			t.Errorf("the repair took away: %s", line)
		}
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.Permutation(m.events).Draw(rt, "order")
		events = events[:rapid.IntRange(0, len(events)).Draw(rt, "heard")]
		if len(events) > 0 {
			for _, again := range rapid.SliceOfN(rapid.IntRange(0, len(events)-1), 0, 5).Draw(rt, "again") {
				events = append(events, events[again])
			}
		}
		n++
		path := filepath.Join(dir, fmt.Sprint(n), jobcache.File)
		if got := known(t, path, events, salt); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		// What comes late, from the bus or in another look, changes nothing.
		if got := known(t, path, m.events, salt); got != want {
			rt.Fatalf("in the end\n%s\nwant\n%s", got, want)
		}
	})
}

// What is lost in holes, wherever they lie in a long day, is found again by the looks that they
// ask for, each of its own time alone.
func TestHolesAreFilled(t *testing.T) {
	m := aDay(t, 100_000_000)
	slices.SortStableFunc(m.files, func(a, b file) int { return a.at.Compare(b.at) })
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	salt, err := jobcache.OpenSalt(m.root, "sha256", log)
	if err != nil {
		t.Fatal(err)
	}
	// Of a runner whose announcement is lost runners read in Salt's cache when it began.
	announced := regexp.MustCompile(`, announced "[^"]*"`)
	want := announced.ReplaceAllString(known(t, filepath.Join(dir, "whole"), m.events, salt), "")
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		lost := rapid.SliceOfN(rapid.Bool(), len(m.events), len(m.events)).Draw(rt, "lost")
		n++
		day := aLongDay{T: t, master: m, root: filepath.Join(dir, fmt.Sprint(n)), late: rapid.Bool().Draw(rt, "late")}
		if err := os.MkdirAll(filepath.Join(day.root, "jobs"), 0o755); err != nil {
			rt.Fatal(err)
		}
		cfg := Config{
			Log: log, Settle: time.Second, MaxReturn: 1 << 20,
			Kept: func() (*jobcache.SaltCache, error) { return jobcache.OpenSalt(day.root, "sha256", log) },
			now:  func() time.Time { return day.clock },
		}
		path := filepath.Join(day.root, jobcache.File)
		var err error
		if day.w, err = jobcache.OpenWriter(path); err != nil {
			rt.Fatal(err)
		}
		day.r = newRepairer(cfg, day.w.Update)
		day.pass(lost)
		if err := day.w.Close(); err != nil {
			rt.Fatal(err)
		}
		if got := announced.ReplaceAllString(asked(t, path), ""); got != want {
			rt.Fatalf("lost %v: %q, not %q", lost, differ(got, want), differ(want, got))
		}
	})
}

// aLongDay is a master whose job cache comes to be while its bus is listened to.
type aLongDay struct {
	*testing.T
	*master
	root string
	kept int // how many of the files
	w    *jobcache.Writer
	r    *repairer
	// late is set where Salt's cache can be read only when the day is over.
	late  bool
	clock time.Time
}

// pass lets the day pass; each row of lost events is a hole, which is filled before the day
// goes on.
func (d *aLongDay) pass(lost []bool) {
	d.Helper()
	a := applier{masterID: "lab_master", runners: true, now: time.Now}
	begun := -1 // where the hole at hand began
	for i, msg := range d.events {
		switch {
		case lost[i] && begun < 0:
			begun = i
		case !lost[i] && begun >= 0:
			d.fill(begun, i)
			begun = -1
		}
		d.keepUntil(d.sent(i).Add(time.Millisecond / 2))
		if !lost[i] {
			d.update(func(tx *jobcache.Tx) error { return a.apply(tx, msg) })
		}
	}
	if begun >= 0 {
		d.fill(begun, len(d.events))
	}
	d.keepUntil(d.sent(len(d.events) - 1).Add(time.Hour))
	d.look() // what the bus carried cut is fetched without any hole
}

// keepUntil lets it be that late, and writes what Salt has written by then.
func (d *aLongDay) keepUntil(at time.Time) {
	d.Helper()
	d.clock = at
	for ; d.kept < len(d.files) && !d.files[d.kept].at.After(at); d.kept++ {
		d.files[d.kept].write(d, d.root)
	}
}

// fill puts a hole in the place of events, and has it filled.
func (d *aLongDay) fill(from, to int) {
	d.Helper()
	h := jobcache.Hole{Start: d.sent(from).Add(-lag), Until: d.sent(to - 1), Reason: jobcache.Disconnected}
	d.update(func(tx *jobcache.Tx) error { return tx.PutHole(h, 0) })
	if !d.late {
		d.keepUntil(h.Until.Add(d.r.cfg.Settle)) // when the last look is due
		d.look()
	}
}

// look has the repairer do what it has to, now and for a minute.
func (d *aLongDay) look() {
	d.Helper()
	for range 3 {
		if _, err := d.r.pass(d.Context()); err != nil {
			d.Fatal(err)
		}
		d.clock = d.clock.Add(30 * time.Second)
	}
	d.update(func(tx *jobcache.Tx) error {
		open, err := tx.Holes()
		for _, h := range open {
			if h.Filled.IsZero() {
				d.Errorf("not filled: %v", h)
			}
		}
		return err
	})
}

func (d *aLongDay) update(f func(*jobcache.Tx) error) {
	d.Helper()
	if err := d.w.Update(d.Context(), f); err != nil {
		d.Fatal(err)
	}
}

// sent is when the nth event was.
func (d *aLongDay) sent(n int) time.Time {
	d.Helper()
	ev, err := event.Decode(d.events[n])
	a := applier{now: time.Now}
	f, err2 := a.scan(ev.Data)
	if err := errors.Join(err, err2); err != nil {
		d.Fatal(err)
	}
	return time.UnixMicro(a.micros(f))
}

// differ is the beginning of the first line that is in a and not in b.
func differ(a, b string) string {
	lines := strings.Split(b, "\n")
	for _, line := range strings.Split(a, "\n") {
		if !slices.Contains(lines, line) {
			line, _, _ = strings.Cut(line, ":")
			return line
		}
	}
	return ""
}
