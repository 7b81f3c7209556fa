package localclient

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// fake is a master with minions: each does what its script says.
type fake struct {
	t    testing.TB
	path string
	bus  *eventtest.Live
	// minions tells what becomes of a job on a minion. busy: what it answers to find_job.
	job func(id, fun string, round int)

	mu     sync.Mutex
	known  []string // what a target matches
	rounds map[string]int
	loads  []*value.Map
	fail   error
	jids   int
}

func newFake(t *testing.T, minions ...string) (*fake, *Client) {
	f := &fake{t: t, known: minions, rounds: make(map[string]int), path: filepath.Join(t.TempDir(), "bus")}
	f.start()
	t.Cleanup(f.stop)
	return f, &Client{
		Bus: event.Config{Path: f.path}, Master: f,
		Timeout: 40 * time.Millisecond, GatherJobTimeout: 40 * time.Millisecond, SyndicWait: 60 * time.Millisecond,
		Nodegroups: value.NewMap("web", "L@a,b or N@db", "db", value.List{"c", "d"}),
	}
}

func (f *fake) start() {
	bus, err := eventtest.Listen(f.t.Context(), f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.bus = bus
}

func (f *fake) stop() { _ = f.bus.Close() } // it may be closed already

// Ask does as the master's request port: announces the job, and lets the minions at it
// before it answers, so that a return can be there before the jid.
func (f *fake) Ask(ctx context.Context, load *value.Map) (value.Value, error) {
	f.mu.Lock()
	f.loads = append(f.loads, load)
	f.jids++
	jid := fmt.Sprintf("%020d", f.jids)
	fun, _ := load.Get("fun")
	name, _ := fun.(string)
	f.rounds[name]++
	round, fail := f.rounds[name], f.fail
	f.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	if cmd, _ := load.Get("cmd"); cmd == "runner" {
		f.job("", name, round)
		return value.NewMap("jid", jid, "tag", "salt/run/"+jid), nil
	}
	ids := value.List{}
	tgt, _ := load.Get("tgt")
	list, isList := tgt.(value.List)
	for _, id := range f.known {
		if !isList || slices.Contains(list, value.Value(id)) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return value.NewMap("load", value.NewMap("jid", nil, "minions", ids)), nil
	}
	f.bus.Fire("salt/job/"+jid+"/new", value.NewMap("jid", jid, "minions", ids, "fun", fun))
	for _, id := range ids {
		f.job(id.(string), name, round)
	}
	return value.NewMap("load", value.NewMap("jid", jid, "minions", ids)), nil
}

// returns fires a return for the n-th load.
func (f *fake) returns(n int, id string, ret value.Value) {
	jid := fmt.Sprintf("%020d", n)
	f.bus.Fire("salt/job/"+jid+"/ret/"+id, value.NewMap("id", id, "jid", jid, "return", ret, "retcode", int64(0)))
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func ids(r *Result) string {
	var names []string
	for _, reply := range r.Replies {
		names = append(names, reply.Minion)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

var ping = Job{Tgt: "*", TgtType: "glob", Fun: "test.ping", Repeatable: true}

// askerFunc is a master that answers so.
type askerFunc func(load *value.Map) (value.Value, error)

func (f askerFunc) Ask(_ context.Context, load *value.Map) (value.Value, error) { return f(load) }

// A job that nothing is gathered of needs no bus.
func TestPublish(t *testing.T) {
	c := &Client{Timeout: time.Second, Nodegroups: value.NewMap(), Master: askerFunc(func(load *value.Map) (value.Value, error) {
		if fun, _ := load.Get("fun"); fun != "test.ping" {
			return nil, errors.New("refused")
		}
		return value.NewMap("load", value.NewMap("jid", "20261122073829407758", "minions", value.List{"a"})), nil
	})}
	if jid, err := c.Publish(soon(t), ping); err != nil || jid != "20261122073829407758" {
		t.Errorf("%q, %v", jid, err)
	}
	if _, err := c.Publish(soon(t), Job{Tgt: "*", TgtType: "glob", Fun: "test.echo"}); err == nil || err.Error() != "refused" {
		t.Errorf("%v", err)
	}
}

func TestAllReturn(t *testing.T) {
	f, c := newFake(t, "a", "b")
	f.job = func(id, _ string, _ int) { f.returns(1, id, true); f.returns(1, id, false) } // twice: the first counts
	before := runtime.NumGoroutine()
	r, err := c.Run(soon(t), ping)
	if err != nil {
		t.Fatal(err)
	}
	if ids(r) != "a b" || r.Outcomes["a"] != Returned || len(r.Minions) != 2 || r.JID == "" {
		t.Errorf("%+v", r)
	}
	for _, reply := range r.Replies {
		if ret, _ := reply.Event.Get("return"); ret != true {
			t.Errorf("%s returned %v", reply.Minion, ret)
		}
	}
	if n := f.rounds["saltutil.find_job"]; n != 0 {
		t.Errorf("%d find_jobs though all have returned", n)
	}
	for ctx := soon(t); runtime.NumGoroutine() > before; runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestNobodyMatches(t *testing.T) {
	_, c := newFake(t)
	r, err := c.Run(soon(t), ping)
	if err != nil || r.JID != "" || len(r.Minions) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// One returns, one says nothing, one is at it for three rounds and returns, one says that
// it is not at it, one comes uninvited.
func TestFindJob(t *testing.T) {
	f, c := newFake(t, "busy", "dead", "good", "idle")
	f.job = func(id, fun string, round int) {
		switch {
		case id == "good" && fun == "test.ping":
			f.returns(1, id, true)
			f.returns(1, "uninvited", true)
		case id == "busy" && fun == "saltutil.find_job" && round < 3:
			f.returns(round+1, id, value.NewMap("pid", int64(7)))
		case id == "busy" && fun == "saltutil.find_job":
			f.returns(1, id, true)
		case id == "idle" && fun == "saltutil.find_job":
			f.returns(round+1, id, value.NewMap())
		}
	}
	r, err := c.Run(soon(t), ping)
	if err != nil {
		t.Fatal(err)
	}
	if ids(r) != "busy good uninvited" {
		t.Errorf("returned: %s", ids(r))
	}
	for id, want := range map[string]Outcome{"good": Returned, "busy": ReturnedLate, "dead": Silent, "idle": NotAtIt} {
		if r.Outcomes[id] != want {
			t.Errorf("%s is %v, want %v", id, r.Outcomes[id], want)
		}
	}
	if n := f.rounds["saltutil.find_job"]; n != 3 {
		t.Errorf("%d find_jobs", n)
	}
	arg, _ := f.loads[1].Get("arg")
	if !value.Equal(arg, value.List{r.JID}) {
		t.Errorf("find_job asks for %v, the job is %s", arg, r.JID)
	}
}

// A master below tells late of minions that it has sent the job to.
func TestSyndic(t *testing.T) {
	f, c := newFake(t, "a")
	c.OrderMasters = true
	f.job = func(id, fun string, _ int) {
		if fun == "test.ping" {
			f.returns(1, id, true)
			f.bus.Fire("syndic/s/salt/job/00000000000000000001/new", value.NewMap("minions", value.List{"below"}))
			f.bus.Fire("syndic/s/salt/job/00000000000000000001/ret/below", value.NewMap("id", "below", "return", true)) // the master below's own
			f.returns(1, "below", true)
		}
	}
	r, err := c.Run(soon(t), ping)
	if err != nil || ids(r) != "a below" || r.Outcomes["below"] != Returned {
		t.Errorf("%+v, %v", r, err)
	}
	if to, _ := f.loads[0].Get("to"); to != int64(0) {
		t.Errorf("to is %v", to)
	}
}

// The master dies before the return and comes back: the job is sent again.
func TestMasterReturns(t *testing.T) {
	f, c := newFake(t, "a")
	f.job = func(id, fun string, round int) {
		switch {
		case fun == "test.ping" && round == 1:
			f.stop()
			f.start()
		case fun == "test.ping":
			f.returns(round, id, true)
		}
	}
	r, err := c.Run(soon(t), ping)
	if err != nil || ids(r) != "a" {
		t.Errorf("%+v, %v", r, err)
	}
	if n := f.rounds["test.ping"]; n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestMasterStaysAway(t *testing.T) {
	defer func(old time.Duration) { minRequest = old }(minRequest)
	minRequest = 500 * time.Millisecond
	f, c := newFake(t, "a")
	f.job = func(string, string, int) { f.stop() }
	if _, err := c.Run(soon(t), ping); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
}

// A bus that tells nothing, from the beginning or from the first find_job on, says nothing of
// the minions.
func TestSilentBus(t *testing.T) {
	for _, from := range []int{1, 2} {
		f, c := newFake(t, "a", "b")
		f.job = func(id, _ string, _ int) {
			if id == "a" {
				f.returns(1, id, true)
			}
		}
		asked := 0
		c.Master = askerFunc(func(load *value.Map) (value.Value, error) {
			if asked++; asked < from {
				return f.Ask(t.Context(), load)
			}
			return value.NewMap("load", value.NewMap("jid", fmt.Sprintf("%020d", asked), "minions", value.List{"a", "b"})), nil
		})
		if _, err := c.Run(soon(t), ping); !errors.Is(err, ErrSilent) {
			t.Errorf("from %d on: %v", from, err)
		}
	}
}

func TestNoBus(t *testing.T) {
	f, c := newFake(t, "a")
	f.stop()
	if _, err := c.Run(soon(t), ping); !errors.Is(err, ErrNoBus) {
		t.Errorf("%v", err)
	}
	if len(f.loads) != 0 {
		t.Error("asked without listening")
	}
}

func TestRefused(t *testing.T) {
	f, c := newFake(t, "a")
	f.fail = errors.New("no")
	if _, err := c.Run(soon(t), ping); !errors.Is(err, f.fail) {
		t.Errorf("%v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Run(cancelled, ping); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestResolve(t *testing.T) {
	_, c := newFake(t)
	tests := []struct{ tgt, tgtType, want, wantType string }{
		{"*", "glob", "*", "glob"},
		{"db", "nodegroup", "L@c,d", "compound"},
		{"web", "nodegroup", "( L@a,b or L@c,d )", "compound"},
		{"N@db and not G@os:x", "compound", "L@c,d and not G@os:x", "compound"},
	}
	for _, test := range tests {
		tgt, tgtType, err := c.resolve(test.tgt, test.tgtType)
		if err != nil || tgt != test.want || tgtType != test.wantType {
			t.Errorf("%s: %v %s, %v", test.tgt, tgt, tgtType, err)
		}
	}
	if _, _, err := c.resolve("none", "nodegroup"); !errors.Is(err, ErrTarget) {
		t.Errorf("%v", err)
	}
}

func TestCall(t *testing.T) {
	f, c := newFake(t)
	const tag = "salt/run/00000000000000000001/"
	f.job = func(string, string, int) {
		f.bus.Fire(tag+"new", value.NewMap("fun", "runner.x.y"))
		f.bus.Fire("salt/run/00000000000000000009/ret", value.NewMap("return", "another's"))
		f.bus.Fire(tag+"progress", value.NewMap("message", "half"))
		f.bus.Fire(tag+"ret", value.NewMap("return", "done"))
	}
	var told []string
	r := Runner{Fun: "x.y", Arg: value.List{int64(1)}, RequestTimeout: time.Second,
		Progress: func(suffix string, data *value.Map) { told = append(told, suffix) }}
	jid, ret, err := c.Call(soon(t), r)
	if v, _ := ret.Get("return"); err != nil || v != "done" || jid != "00000000000000000001" || !slices.Equal(told, []string{"progress"}) {
		t.Errorf("%v, %v, told %v", ret, err, told)
	}
	kwarg, _ := f.loads[0].Get("kwarg")
	if !value.Equal(kwarg, value.NewMap("arg", value.List{int64(1)}, "kwarg", value.NewMap())) {
		t.Errorf("%v", kwarg)
	}
	f.job = func(string, string, int) {}
	r.Timeout = 50 * time.Millisecond
	if _, _, err := c.Call(soon(t), r); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
}
