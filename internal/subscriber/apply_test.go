package subscriber

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

// stored applies bodies and writes down all that the cache then knows.
func stored(t *testing.T, dir string, bodies [][]byte) string {
	t.Helper()
	path := filepath.Join(dir, jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := applier{masterID: "lab_master", runners: true, now: func() time.Time { return time.UnixMicro(1) }}
	err = w.Update(t.Context(), func(tx *jobcache.Tx) error {
		for _, body := range bodies {
			if err := a.apply(tx, body); err != nil && !passable(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dump(t, path)
}

func dump(t *testing.T, path string) string {
	t.Helper()
	r, err := jobcache.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	var b strings.Builder
	ctx := context.Background()
	err = r.Jobs(ctx, jobcache.Selection{}, func(job *jobcache.Job) error {
		fmt.Fprintf(&b, "job %s %s source %d at %d\n load %x\n metadata %x announced %q\n", job.JID, job.Fun, job.Source, job.Stamp,
			job.Load, job.Metadata, job.Announced)
		whole, err := r.Job(ctx, job.JID)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, " minions %v\n", slices.Sorted(slices.Values(whole.Minions)))
		err = r.Failures(ctx, job.JID, func(f jobcache.Failure) { fmt.Fprintf(&b, " failure %+v\n", f) })
		if err != nil {
			return err
		}
		return r.Returns(ctx, job.JID, func(ret *jobcache.Return) error {
			fmt.Fprintf(&b, " return %s at %d trimmed %v %x\n", ret.Minion, ret.Stamp, ret.Trimmed, ret.Event)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	minions, err := r.Minions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	status, err := r.Status(ctx, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(minions))
	for id := range minions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		m := minions[id]
		v := m.Judge(time.Unix(1e9, 0), status.PresenceAt, time.Second)
		fmt.Fprintf(&b, "minion %s alive %v %s, %v\n", id, m.AliveAt, m.AliveBy, v.State)
	}
	return b.String()
}

// stamp is the time of the nth event of a test.
func stamp(n int) string {
	return time.Unix(1000, int64(n)*1000).UTC().Format("2006-01-02T15:04:05.000000")
}

func body(tag string, pairs ...value.Value) []byte {
	return eventtest.Body(tag, value.NewMap(pairs...), event.FormStream)
}

const jid1 = "20261122073829407758"

func newJob(jid, fun string, n int, minions ...value.Value) []byte {
	return body("salt/job/"+jid+"/new", "jid", jid, "tgt", "*", "tgt_type", "glob", "user", "root", "fun", fun,
		"arg", value.List{"x"}, "minions", value.List(minions), "_stamp", stamp(n))
}

func ret(jid, id string, n int, pairs ...value.Value) []byte {
	all := append([]value.Value{"jid", jid, "id", id, "fun", "test.ping", "fun_args", value.List{}, "_stamp", stamp(n)}, pairs...)
	return body("salt/job/"+jid+"/ret/"+id, all...)
}

// Any order of the same events, some of them twice, ends in the same state.
func TestOrder(t *testing.T) {
	const run, below, unreturned = "20261122073830231979", "20261122073831000000", "20261122073832000000"
	events := [][]byte{
		newJob(jid1, "test.ping", 1, "m1", "m2", "m3"),
		body("salt/job/"+jid1+"/publish", "jid", jid1, "fun", "test.ping", "metadata", value.NewMap("k", int64(1)), "_stamp", stamp(2)),
		ret(jid1, "m1", 3, "return", true, "retcode", int64(0), "success", true),
		ret(jid1, "m1", 9, "return", "a second return, which Salt drops"),
		ret(jid1, "m2", 4, "return", strings.Repeat("long ", 500)),
		body(jid1, "jid", jid1, "id", "m2", "return", strings.Repeat("long ", 500), "fun", "test.ping", "_stamp", stamp(5)),
		body(jid1, "minions", value.List{"m1", "m2", "m3"}),
		body("syndic/below/salt/job/"+jid1+"/new", "jid", jid1, "fun", "test.ping", "minions", value.List{"m9"}, "_stamp", stamp(6)),
		body("syndic/below/salt/job/"+below+"/new", "jid", below, "tgt", "web*", "fun", "test.ping", "minions", value.List{"m9"}, "_stamp", stamp(19)),
		ret(below, "m9", 20, "return", true),
		body("syndic/below/salt/job/"+unreturned+"/new", "jid", unreturned, "fun", "test.ping", "minions", value.List{"m9"}, "_stamp", stamp(21)),
		ret("20261122073834441258", "m1", 10, "return", true, "tgt", "m1", "tgt_type", "glob", "arg", value.List{}),
		ret("20261122073834441258", "m2", 11, "return", true, "tgt", "m2", "tgt_type", "glob", "arg", value.List{}),
		body("salt/run/"+run+"/new", "jid", run, "fun", "runner.manage.up", "user", "root", "fun_args", value.List{}, "_stamp", stamp(12)),
		body("salt/run/"+run+"/ret", "jid", run, "fun", "runner.manage.up", "user", "root", "return", value.List{"m1"}, "success", true, "_stamp", stamp(13)),
		body("salt/job/"+jid1+"/sub/m2/error/state.sls", "jid", jid1, "id", "m2", "__run_num__", int64(3), "_stamp", stamp(14)),
		body("salt/minion/m3/start", "id", "m3", "_stamp", stamp(14)),
		newJob("20261122073840000000", "saltutil.find_job", 15, "m3"),
		body("salt/auth", "id", "m4", "act", "accept", "result", true, "_stamp", stamp(16)),
		body("salt/auth", "id", "m5", "act", "pend", "result", true, "_stamp", stamp(17)),
		body("salt/presence/change", "new", value.List{}, "lost", value.List{"m6"}, "_stamp", stamp(18)),
	}
	want := stored(t, t.TempDir(), events)
	for _, sign := range []string{
		"job " + jid1 + " test.ping source 3", "[m1 m2 m3 m9]", "job " + run + " runner.manage.up source 2",
		"return lab_master", "failure {Minion:m2 Run:3", "announced \"" + stamp(12), "minion m3 alive 1970-01-01 00:16:40.000014 +0000 UTC salt/minion/m3/start, down",
		"job " + below + " test.ping source 1", fmt.Sprintf("%x", "web*"),
		"minion m4 alive", "minion m6 alive 0001-01-01 00:00:00 +0000 UTC , down",
	} {
		if !strings.Contains(want, sign) {
			t.Errorf("no %q in\n%s", sign, want)
		}
	}
	if strings.Contains(want, "minion m5") {
		t.Error("a pending key is no sign of life")
	}
	if strings.Contains(want, unreturned) {
		t.Error("a job of a master below is listed before anybody has returned")
	}
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		shuffled := rapid.Permutation(events).Draw(rt, "order")
		for _, again := range rapid.SliceOfN(rapid.IntRange(0, len(events)-1), 0, 5).Draw(rt, "again") {
			shuffled = append(shuffled, events[again])
		}
		n++
		if got := stored(t, filepath.Join(dir, fmt.Sprint(n)), shuffled); got != want {
			rt.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// What cannot be used is counted and passed over; the store's own errors are not.
func TestApplyPasses(t *testing.T) {
	tests := []struct {
		name string
		body []byte
		want error
	}{
		{"no event", []byte("nonsense"), event.ErrMalformed},
		{"torn", body("salt/job/"+jid1+"/new", "jid", jid1)[:60], value.ErrTruncated},
		{"a jid that is a path", newJob("../../../../etc/passwd", "test.ping", 1), nil},
		{"a jid of the wrong length", newJob("2026", "test.ping", 1), errJID},
		{"a minion that is a path", ret(jid1, "x", 1, "return", true), nil},
		{"no function", body("salt/job/"+jid1+"/new", "jid", jid1), errFields},
		{"no return", body("salt/job/"+jid1+"/ret/m1", "jid", jid1), errFields},
		{"a minion id of two dots", body(jid1, "jid", jid1, "id", "..", "return", true), errMinion},
		{"a list for a map", append([]byte("salt/presence/present\n\n"), 0x80), errFields},
		{"something else", body("my/own/event", "a", int64(1)), nil},
		{"keys of other types", body("salt/job/"+jid1+"/ret/m1", int64(1), "one", nil, "none", "return", true), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, err := jobcache.OpenWriter(filepath.Join(t.TempDir(), jobcache.File))
			if err != nil {
				t.Fatal(err)
			}
			a := applier{runners: true, now: time.Now}
			err = w.Update(t.Context(), func(tx *jobcache.Tx) error { return a.apply(tx, test.body) })
			if !errors.Is(err, test.want) || test.want != nil && !passable(err) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseStamp(t *testing.T) {
	tests := []struct {
		in   string
		want string
	}{
		{"2026-11-22T07:38:29.410047+00:00", "2026-11-22T07:38:29.410047Z"},
		{"2026-11-22T07:38:29.410047", "2026-11-22T07:38:29.410047Z"},
		{"2026-11-22T07:38:29", "2026-11-22T07:38:29Z"},
		{"2026-11-22T07:38:29+00:00", "2026-11-22T07:38:29Z"},
		{"2026-11-22T08:38:29.5+01:00", "2026-11-22T07:38:29.5Z"},
		{"2026-13-22T08:38:29", ""},
		{"2026-13-22T08:38:29.000000", ""},
		{"2026-02-29T08:38:29.000000", ""},
		{"2024-02-29T08:38:29.000001+00:00", "2024-02-29T08:38:29.000001Z"},
		{"2026-11-22T24:00:00.000000", ""},
		{"2026-11-22T08:60:29.000000", ""},
		{"2026-11-22T08:38:29.000000+01:00", "2026-11-22T07:38:29Z"},
		{"2026-11-22 08:38:29.000000", ""},
		{"2026-11-22T08:38:29.00000x", ""},
		{"yesterday", ""},
		{"", ""},
	}
	for _, test := range tests {
		us, ok := parseStamp(test.in)
		got := ""
		if ok {
			got = time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
		}
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

// soundStore checks that nothing unsound gets into the cache.
type soundStore struct{ *testing.T }

func (s soundStore) job(jid string) {
	if !jobcache.ValidJID(jid) {
		s.Errorf("jid %q", jid)
	}
}

func (s soundStore) minions(ids ...string) {
	for _, id := range ids {
		if !jobcache.ValidMinion(id) {
			s.Errorf("minion %q", id)
		}
	}
}

func (s soundStore) Adds(jobcache.Job) bool { return true }

func (s soundStore) PutJob(job jobcache.Job) error {
	s.job(job.JID)
	s.minions(job.Minions...)
	for _, raw := range []value.Raw{job.Load, job.Metadata} {
		if _, err := raw.Decode(); len(raw) > 0 && err != nil {
			s.Errorf("%x: %v", raw, err)
		}
	}
	return nil
}

func (s soundStore) PutReturn(jid string, r jobcache.Return) error {
	s.job(jid)
	s.minions(r.Minion)
	if _, err := r.Event.Decode(); err != nil {
		s.Errorf("%x: %v", r.Event, err)
	}
	return nil
}

func (s soundStore) PutFailure(jid string, f jobcache.Failure) error {
	s.job(jid)
	s.minions(f.Minion)
	return nil
}

func (s soundStore) Alive(id string, _ int64, _ string)   { s.minions(id) }
func (s soundStore) Asked(id string, _ int64, jid string) { s.minions(id); s.job(jid) }
func (s soundStore) Lost(id string, _ int64)              { s.minions(id) }
func (s soundStore) Present(ids []string, _ int64) error  { s.minions(ids...); return nil }

// What parseUTC reads, time.Parse reads as the same; it leaves out nothing in the usual form.
func TestParseUTC(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.StringMatching(`\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d\.\d{6}(\+00:00)?`).Draw(rt, "stamp")
		got, ok := parseUTC(s)
		want, err := time.Parse("2006-01-02T15:04:05.999999999", strings.TrimSuffix(s, "+00:00"))
		if ok != (err == nil) || ok && got != want.UnixMicro() {
			rt.Errorf("%s: %d, %v; time.Parse: %v, %v", s, got, ok, want, err)
		}
	})
}

func FuzzApply(f *testing.F) {
	f.Add(newJob(jid1, "test.ping", 1, "m1"))
	f.Add(ret(jid1, "m1", 1, "return", true))
	f.Add(body("salt/presence/present", "present", value.List{"m1"}, "_stamp", stamp(1)))
	f.Add(body("salt/run/"+jid1+"/ret", "jid", jid1, "fun", "runner.x", "return", nil))
	f.Add(body("salt/job/"+jid1+"/sub/m1/error/state.sls", "__run_num__", int64(1), "_stamp", stamp(1)))
	f.Add([]byte("new_job|||||||||||||\x81\xa3jid\xb420261122073829407758"))
	a := applier{masterID: "lab_master", runners: true, now: time.Now}
	f.Fuzz(func(t *testing.T, msg []byte) {
		if err := a.apply(soundStore{t}, msg); err != nil && !passable(err) {
			t.Fatal(err)
		}
	})
}
