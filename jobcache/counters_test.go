package jobcache_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gorun/jobcache"
	"gorun/value"
)

// counters reads what the store at path has counted.
func counters(t testing.TB, path string) jobcache.Counters {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Counters(t.Context())
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return c
}

// counting is a store with a job of test.ping in it that was announced at second 0.
func counting(t testing.TB) (path, jid string, put func(func(*jobcache.Tx) error)) {
	t.Helper()
	path, jid = filepath.Join(t.TempDir(), jobcache.File), "20261122073829000001"
	put = func(f func(*jobcache.Tx) error) {
		t.Helper()
		w, err := jobcache.OpenWriter(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Update(t.Context(), f), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	put(func(tx *jobcache.Tx) error {
		return tx.PutJob(jobcache.Job{JID: jid, Fun: "test.ping", Source: jobcache.FromNew, Stamp: second(0), Load: value.AppendMap(nil, 0)})
	})
	return path, jid, put
}

// second is a moment that many seconds after the job.
func second(n float64) int64 { return 1_800_000_000_000_000 + int64(n*1e6) }

func returned(minion string, after float64, code int64) jobcache.Return {
	event, err := value.Encode(value.NewMap("id", minion, "retcode", code, "return", true))
	if err != nil {
		panic(err)
	}
	return jobcache.Return{Minion: minion, Stamp: second(after), Event: event}
}

// A return counts once, by the function of its job, also for a writer that has not seen the
// job; how long it took goes by the stamps. Nothing is forgotten when the job leaves.
func TestCounters(t *testing.T) {
	path, jid, put := counting(t)
	put(func(tx *jobcache.Tx) error {
		kept := returned("m3", 900, 0)
		kept.Kept = true
		return errors.Join(tx.PutReturn(jid, returned("m1", 0.2, 0)), tx.PutReturn(jid, returned("m2", 45, 1)),
			tx.PutReturn(jid, returned("m1", 0.1, 0)), tx.PutReturn(jid, kept), tx.PutReturn(jid, returned("m4", 9000, 0)))
	})
	check := func() {
		t.Helper()
		c := counters(t, path).Functions["test.ping"]
		if c == nil || c.Jobs != 1 || c.Succeeded != 3 || c.Failed != 1 {
			t.Fatalf("counted %+v", c)
		}
		if c.Took.Count() != 3 || c.Took.Within(250*time.Millisecond) != 1 || c.Took.Within(time.Minute) != 2 || c.Took.Sum != 9045200*time.Millisecond {
			t.Errorf("times %+v", c.Took)
		}
	}
	check()
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Prune(t.Context(), jobcache.Limits{Before: time.UnixMicro(second(1e6))}, 100)
	if err := errors.Join(err, w.Close()); err != nil || p.Old != 1 {
		t.Fatal(p, err)
	}
	check()
}

// A return that comes before its job is known belongs to no function, and does not stand in
// the way of the job.
func TestCountersReturnFirst(t *testing.T) {
	path, _, put := counting(t)
	const early = "20261122073830000001"
	put(func(tx *jobcache.Tx) error {
		return errors.Join(tx.PutReturn(early, returned("m1", 1, 0)), tx.PutJob(jobcache.Job{
			JID: early, Fun: "state.apply", Source: jobcache.FromNew, Stamp: second(0), Load: value.AppendMap(nil, 0)}))
	})
	c := counters(t, path)
	if c.Functions[jobcache.OtherFunction].Succeeded != 1 || c.Functions["state.apply"].Jobs != 1 {
		t.Errorf("counted %+v", c.Functions)
	}
}

// What a transaction has counted that was not stored is not counted later.
func TestCountersRollback(t *testing.T) {
	path, jid, _ := counting(t)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("lost")
	err = w.Update(t.Context(), func(tx *jobcache.Tx) error {
		tx.Heard(second(0))
		return errors.Join(tx.PutReturn(jid, returned("m1", 1, 0)), lost)
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	err = w.Update(t.Context(), func(tx *jobcache.Tx) error { return tx.PutReturn(jid, returned("m2", 1, 0)) })
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	c := counters(t, path)
	if f := c.Functions["test.ping"]; f.Jobs != 1 || f.Succeeded != 1 || c.Lag.Count() != 0 {
		t.Errorf("%+v, lag %+v", f, c.Lag)
	}
}

// However many functions minions make up, only so many have counters of their own, in all
// subscribers together, and one that the master announces finds room.
func TestCountersBound(t *testing.T) {
	path, _, put := counting(t)
	const invented = 40
	for round := range 2 {
		put(func(tx *jobcache.Tx) (err error) {
			for i := range invented {
				n := round*invented + i
				err = errors.Join(err, tx.PutJob(jobcache.Job{
					JID: fmt.Sprintf("20261122073829%06d", 100+n), Fun: fmt.Sprintf("made.up%d", n),
					Source: jobcache.FromReturn, Stamp: second(1), Load: value.AppendMap(nil, 0)}))
			}
			return err
		})
	}
	put(func(tx *jobcache.Tx) (err error) {
		for i, fun := range []string{"state.apply", "no name", "", "a.b,c.d", "name", "e.\xff"} {
			err = errors.Join(err, tx.PutJob(jobcache.Job{JID: fmt.Sprintf("20261122073830%06d", i), Fun: fun,
				Source: jobcache.FromNew, Stamp: second(1), Load: value.AppendMap(nil, 0)}))
		}
		return err
	})
	c := counters(t, path)
	if c.Functions["state.apply"] == nil || c.Functions["test.ping"] == nil {
		t.Errorf("announced functions have no counters: %v", c.Functions)
	}
	var jobs int64
	for fun, f := range c.Functions {
		jobs += f.Jobs
		if fun == "" {
			t.Error("a function without a name")
		}
	}
	if jobs != 1+2*invented+6 {
		t.Errorf("%d jobs counted", jobs)
	}
	if other := c.Functions[jobcache.OtherFunction]; other == nil || len(c.Functions) != jobcache.MaxFunctions/2+2 || other.Jobs != 2*invented-24+5 {
		t.Errorf("%d functions, %+v", len(c.Functions), other)
	}
}

// All questions within a snapshot see the same, whatever is written meanwhile.
func TestSnapshot(t *testing.T) {
	path, jid, put := counting(t)
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Snapshot(t.Context(), func() error {
		before, err := r.Status(t.Context(), time.Now())
		put(func(tx *jobcache.Tx) error {
			tx.Count("events", 1)
			return tx.PutReturn(jid, returned("m1", 1, 0))
		})
		after, err2 := r.Status(t.Context(), time.Now())
		_, returns, err3 := r.Count(t.Context())
		if before.Events != 0 || after.Events != 0 || returns != 0 {
			t.Errorf("before %+v, after %+v, %d returns", before, after, returns)
		}
		return errors.Join(err, err2, err3)
	})
	_, returns, err2 := r.Count(t.Context())
	if err := errors.Join(err, err2, r.Close()); err != nil || returns != 1 {
		t.Errorf("%d returns afterwards, %v", returns, err)
	}
}

// Succeeded looks into a return only where it may have to, and misses no failed state.
func TestMayFail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := value.NewMap()
		want := true
		for i := range rapid.IntRange(0, 4).Draw(t, "states") {
			result := rapid.SampledFrom([]value.Value{true, false, nil}).Draw(t, "result")
			state := value.NewMap("name", rapid.String().Draw(t, "name"), "result", result, "changes", false)
			states.Set(fmt.Sprintf("test_|-%d_|-a_|-b", i), state)
			want = want && result != false
		}
		event, err := value.Encode(value.NewMap("return", states, "retcode", int64(0), "success", true))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&jobcache.Return{Event: event}).Succeeded(); err != nil || got != want {
			t.Fatalf("%v: got %v, %v", states, got, err)
		}
	})
}
