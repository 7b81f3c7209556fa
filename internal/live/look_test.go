package live

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gorun/jobcache"
	"gorun/output"
	"gorun/runners"
	"gorun/value"
)

// counted is a store that counts what is asked of it.
type counted struct {
	*jobcache.Reader
	n *counts
}

type counts struct{ open, returned, returns int }

func (c counted) Close() error { c.n.open--; return c.Reader.Close() }

func (c counted) ReturnStamps(ctx context.Context, jid string, f func(string, int64) error) error {
	c.n.returned++
	return c.Reader.ReturnStamps(ctx, jid, f)
}

func (c counted) Returned(ctx context.Context, jid string) ([]string, error) {
	c.n.returned++
	return c.Reader.Returned(ctx, jid)
}

func (c counted) Returns(ctx context.Context, jid string, f func(*jobcache.Return) error) error {
	c.n.returns++
	return c.Reader.Returns(ctx, jid, f)
}

// lab is a store with its writer, and a looker at it.
type lab struct {
	t *testing.T
	w *jobcache.Writer
	l *looker
	n counts
}

func newLab(t *testing.T) *lab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gorun", jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	lab := &lab{t: t, w: w}
	lab.l = newLooker(t.Context(), Config{
		Open: func() (Store, error) {
			r, err := jobcache.OpenReader(path)
			if err == nil {
				lab.n.open++
			}
			return counted{r, &lab.n}, err
		},
		Env: &runners.Env{
			GatherJobTimeout: 10 * time.Second,
			Accepted:         func() ([]string, error) { return []string{"m1", "m2", "m3"}, nil },
		},
		Output:    output.DefaultOptions(),
		Outputter: func(a *runners.Answer) string { return a.Outputter },
	})
	t.Cleanup(func() {
		if lab.n.open != 0 {
			t.Errorf("%d stores are still open", lab.n.open)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}

// put writes one transaction, which counts as an event.
func (l *lab) put(f func(*jobcache.Tx) error) {
	l.t.Helper()
	err := l.w.Update(l.t.Context(), func(tx *jobcache.Tx) error {
		tx.Count("events", 1)
		return f(tx)
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) look() *snapshot {
	l.t.Helper()
	l.l.took = 0
	s, _, err := l.l.look()
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *lab) raw(pairs ...value.Value) value.Raw {
	l.t.Helper()
	data, err := value.Encode(value.NewMap(pairs...))
	if err != nil {
		l.t.Fatal(err)
	}
	return data
}

// job makes a job that was announced so long ago.
func (l *lab) job(n int, fun string, arg string, ago time.Duration, minions ...string) jobcache.Job {
	at := time.Now().Add(-ago)
	return jobcache.Job{
		JID: fmt.Sprintf("%s%06d", at.Format("20060102150405"), n), Fun: fun, Source: jobcache.FromNew, Stamp: at.UnixMicro(), Minions: minions,
		Load: l.raw("fun", fun, "arg", value.List{arg}, "tgt", "*", "tgt_type", "glob", "user", "root"),
	}
}

func (l *lab) ret(id string, ret value.Value, retcode int64) jobcache.Return {
	return jobcache.Return{
		Minion: id, Stamp: time.Now().UnixMicro(),
		Event: l.raw("id", id, "return", ret, "retcode", retcode, "success", true),
	}
}

func TestLook(t *testing.T) {
	lab := newLab(t)
	run := lab.job(1, "state.apply", "web", time.Minute, "m1", "m2", "m3")
	done := lab.job(2, "test.ping", "", time.Minute, "m1")
	find := lab.job(3, "saltutil.find_job", run.JID, 30*time.Second, "m2", "m3")
	lab.put(func(tx *jobcache.Tx) error {
		tx.Alive("m1", time.Now().UnixMicro(), "a tag")
		tx.Asked("m3", find.Stamp, find.JID)
		return errors.Join(
			tx.PutJob(run), tx.PutJob(done), tx.PutJob(find), tx.Heartbeat(time.Now(), true, jobcache.Since3000),
			tx.PutReturn(run.JID, lab.ret("m1", "no", 1)), tx.PutReturn(done.JID, lab.ret("m1", true, 0)),
			tx.PutReturn(find.JID, lab.ret("m2", value.NewMap("pid", int64(7)), 0)))
	})
	s := lab.look()
	var got []string
	for _, m := range s.minions {
		got = append(got, m.ID+" "+m.State.String())
	}
	if want := "m3 down, m2 unknown, m1 up"; strings.Join(got, ", ") != want {
		t.Errorf("minions %v, wanted %s", got, want)
	}
	got = nil
	for _, j := range s.jobs {
		got = append(got, fmt.Sprintf("%s %s %s at it %d", j.call(), j.progress(), j.state(), j.running))
	}
	if want := "test.ping 1/1 done at it 0, state.apply web 1/3 running at it 1"; strings.Join(got, ", ") != want {
		t.Errorf("jobs %q, wanted %s", got, want)
	}
	if len(s.returns) != 2 || s.returns[0].state == s.returns[1].state {
		t.Errorf("returns %+v: one is good, one failed", s.returns)
	}

	// Nothing new: nothing is read but the status.
	before := lab.n
	if _, changed, err := lab.l.look(); changed || err != nil || lab.n != before {
		t.Errorf("changed %v, %v, %+v after %+v", changed, err, lab.n, before)
	}
	// Something new: what is complete is not read again.
	lab.put(func(tx *jobcache.Tx) error { return tx.PutReturn(run.JID, lab.ret("m2", true, 0)) })
	s = lab.look()
	if j := s.jobs[1]; j.progress() != "2/3" || j.running != 0 || j.state() != "incomplete" {
		t.Errorf("after a return: %+v", j)
	}
	if n := lab.n.returned - before.returned; n != 2 { // the one job, for the list and for who is at it
		t.Errorf("%d jobs were read", n)
	}
	if s.returns[0].minion != "m2" || len(s.returns) != 3 {
		t.Errorf("returns %+v", s.returns)
	}
}

func TestOpenJob(t *testing.T) {
	lab := newLab(t)
	run := lab.job(1, "state.apply", "web", time.Minute, "m1", "m2", "m3", "m4")
	find := lab.job(3, "saltutil.find_job", run.JID, 30*time.Second, "m3")
	lab.put(func(tx *jobcache.Tx) error {
		tx.Asked("m4", find.Stamp, find.JID)
		return errors.Join(
			tx.PutJob(run), tx.PutJob(find), tx.PutReturn(run.JID, lab.ret("m1", true, 0)), tx.PutReturn(run.JID, lab.ret("m2", "no", 1)),
			tx.PutReturn(find.JID, lab.ret("m3", value.NewMap("pid", int64(7)), 0)))
	})
	want := "m2 failed, m4 down, m3 working, m1 ok"
	for range 2 { // the second time from what was judged
		page, err := lab.l.openJob(lab.look().jobs[0])
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range page.minions {
			got = append(got, p.id+" "+p.state)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("got %v, wanted %s", got, want)
		}
		if page.job.progress() != "2/4" {
			t.Errorf("progress %s", page.job.progress())
		}
	}
	if _, err := lab.l.openJob(job{jid: "20261122073829407758"}); !errors.Is(err, jobcache.ErrUnknownJob) {
		t.Errorf("a job that left: %v", err)
	}
}

func TestOpenReturn(t *testing.T) {
	lab := newLab(t)
	run := lab.job(1, "cmd.run", "x", time.Minute, "m1", "m2")
	long := strings.Repeat("long ", maxText/4)
	cut := lab.ret("m2", "VALUE_TRIMMED", 0)
	cut.Trimmed = true
	lab.put(func(tx *jobcache.Tx) error {
		return errors.Join(tx.PutJob(run), tx.PutReturn(run.JID, lab.ret("m1", long, 0)), tx.PutReturn(run.JID, cut))
	})
	page, err := lab.l.openReturn(run.JID, "m1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.text, "bytes more: gorun jobs.lookup_jid "+run.JID) || len(page.text) > maxText+200 {
		t.Errorf("a return of %d bytes is a page of %d", len(long), len(page.text))
	}
	page, err = lab.l.openReturn(run.JID, "m2")
	if err != nil || !strings.HasPrefix(page.text, "m2:\n    VALUE_TRIMMED\n") || !strings.Contains(page.text, "too large for the bus") {
		t.Errorf("a cut return: %v, %q", err, page)
	}
	if lab.n.returns != 0 {
		t.Error("other returns were read")
	}
	page, err = lab.l.openReturn("20261122073829407758", "m1")
	if err != nil || !strings.Contains(page.text, "the job has left the cache") {
		t.Errorf("a job that left: %v, %q", err, page)
	}
}

// However much there is, what is kept of it is bounded.
func TestBounds(t *testing.T) {
	lab := newLab(t)
	many := make([]string, 5*newestReturns)
	for i := range many {
		many[i] = fmt.Sprintf("minion-%04d", i)
	}
	lab.put(func(tx *jobcache.Tx) error {
		var err error
		for i := range newestJobs + 20 {
			err = errors.Join(err, tx.PutJob(lab.job(i, "test.ping", strings.Repeat("x", 10_000), 0, "m1")))
		}
		for i := range 3 {
			big := lab.job(i, "test.ping", "", time.Second, many...)
			err = errors.Join(err, tx.PutJob(big))
			for _, id := range many {
				err = errors.Join(err, tx.PutReturn(big.JID, lab.ret(id, true, 0)))
			}
		}
		return err
	})
	s := lab.look()
	if len(s.jobs) != newestJobs || len(s.returns) > newestReturns || len(lab.l.judged) != newestJobs || len(s.jobs[0].arg) > maxWords+10 {
		t.Errorf("%d jobs, %d returns, %d remembered, an argument of %d bytes", len(s.jobs), len(s.returns), len(lab.l.judged), len(s.jobs[0].arg))
	}
	if !slices.IsSortedFunc(s.jobs, func(a, b job) int { return strings.Compare(b.jid, a.jid) }) {
		t.Error("the newest job is not first")
	}
}

// What cannot be learned is said, and what can is shown.
func TestNoKeys(t *testing.T) {
	lab := newLab(t)
	lab.l.cfg.Env.Accepted = func() ([]string, error) { return nil, errors.New("no such folder") }
	lab.put(func(tx *jobcache.Tx) error {
		tx.Alive("m9", time.Now().UnixMicro(), "a tag")
		return nil
	})
	if s := lab.look(); len(s.minions) != 1 || s.minions[0].ID != "m9" || !strings.Contains(s.problem, "keys cannot be listed") {
		t.Errorf("%+v", s)
	}
}

func TestNoStore(t *testing.T) {
	cfg := Config{Open: func() (Store, error) { return nil, jobcache.ErrNoStore }}
	if err := Run(t.Context(), nil, nil, cfg); !errors.Is(err, jobcache.ErrNoStore) {
		t.Errorf("%v", err)
	}
	if _, _, err := newLooker(t.Context(), cfg).look(); !errors.Is(err, jobcache.ErrNoStore) {
		t.Errorf("%v", err)
	}
}

// Where reading takes long, it is done less often.
func TestPace(t *testing.T) {
	now := noon
	read := now.Add(-5 * time.Second)
	for _, c := range []struct {
		took   time.Duration
		events int64
		enough bool
	}{{0, 1, true}, {0, 2, false}, {400 * time.Millisecond, 2, false}, {600 * time.Millisecond, 2, true}} {
		l := &looker{took: c.took, seen: jobcache.Status{Events: 1}}
		if got := l.enough(read, jobcache.Status{Events: c.events}, now); got != c.enough {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if new(looker).enough(now.Add(-again), jobcache.Status{}, now) {
		t.Error("what comes by the passing of time alone is never read")
	}
}

// A change that came while it was too early to read is read later.
func TestLateChange(t *testing.T) {
	lab := newLab(t)
	lab.put(func(*jobcache.Tx) error { return nil })
	lab.look()
	lab.put(func(tx *jobcache.Tx) error {
		tx.Alive("m1", time.Now().UnixMicro(), "a tag")
		return nil
	})
	lab.l.took = time.Hour
	if _, changed, err := lab.l.look(); changed || err != nil {
		t.Fatalf("read too early: %v", err)
	}
	if up, _, _ := lab.look().counts(); up != 1 {
		t.Error("the change is lost")
	}
}
