package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gorun/event/eventtest"
	"gorun/internal/master/mastertest"
	"gorun/value"
)

// A playedMaster is a running master as a script's YAML file describes it:
//
//	key: what it accepts (default: secret), transport: zeromq (default) or tcp
//	reply: what it says to everything, instead
//	silent: true (it never answers), cut: n (each reply ends after n bytes)
//	returns: {function: {minion: return}} of jobs
//	runners: {function: {events: [[suffix, data]], ret: data}}
//	wheel: {function: data}, token: what mk_token makes
type playedMaster struct {
	script *value.Map
	bus    *eventtest.Live
	jids   atomic.Int64
}

// playMaster runs one for the script, until t ends, and tells its configuration of it:
// master file. What it was asked is in the file loads, a line each, once "asked" was called.
func playMaster(t *testing.T) (play, asked func(*testscript.TestScript, bool, []string)) {
	ports := make(map[string]*mastertest.Port)
	play = func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: master file")
		}
		v, err := value.FromYAML([]byte(ts.ReadFile(args[0])))
		ts.Check(err)
		bus, err := eventtest.Listen(t.Context(), "127.0.0.1:0")
		ts.Check(err)
		t.Cleanup(func() { _ = bus.Close() }) // nobody is left to mind
		m := &playedMaster{script: v.(*value.Map), bus: bus}
		transport, _ := m.script.Get("transport")
		port := mastertest.Listen(t, text(transport), m.answer)
		silent, _ := m.script.Get("silent")
		port.Silent = silent == true
		if cut, ok := m.script.Get("cut"); ok {
			port.Cut = int(cut.(int64))
		}
		work := ts.Getenv("WORK")
		ports[work] = port
		_, ret, _ := net.SplitHostPort(port.Address)
		_, pub, _ := net.SplitHostPort(m.bus.Address())
		if transport == nil {
			transport = "zeromq"
		}
		conf := fmt.Sprintf("\ninterface: 127.0.0.1\nret_port: %s\nipc_mode: tcp\ntcp_master_pub_port: %s\ntransport: %s\ntimeout: 1\ngather_job_timeout: 1\n",
			ret, pub, transport)
		old := ts.ReadFile("etc/master")
		ts.Check(os.WriteFile(filepath.Join(work, "etc/master"), []byte(strings.Split(old, "\ninterface:")[0]+conf), 0o600))
		ts.Check(os.MkdirAll(filepath.Join(work, "cache"), 0o755))
		ts.Check(os.WriteFile(filepath.Join(work, "cache/.root_key"), []byte("secret"), 0o600))
	}
	asked = func(ts *testscript.TestScript, neg bool, args []string) {
		var lines []string
		for _, load := range ports[ts.Getenv("WORK")].Loads() {
			load = &value.Map{Entries: slices.Clone(load.Entries)}
			slices.SortFunc(load.Entries, func(a, b value.Entry) int { return strings.Compare(text(a.Key), text(b.Key)) })
			var line []string
			for _, e := range load.Entries {
				line = append(line, fmt.Sprintf("%v=%s", e.Key, flat(e.Val)))
			}
			lines = append(lines, strings.Join(line, " "))
		}
		ts.Check(os.WriteFile(ts.MkAbs("loads"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	return play, asked
}

func text(v value.Value) string {
	s, _ := v.(string)
	return s
}

// flat is a value in one line.
func flat(v value.Value) string {
	switch v := v.(type) {
	case *value.Map:
		var parts []string
		for _, e := range v.Entries {
			parts = append(parts, fmt.Sprintf("%v:%s", e.Key, flat(e.Val)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case value.List:
		var parts []string
		for _, e := range v {
			parts = append(parts, flat(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprint(v)
}

func (m *playedMaster) of(names ...string) *value.Map {
	at := m.script
	for _, name := range names {
		v, _ := at.Get(name)
		at, _ = v.(*value.Map)
	}
	return at
}

func (m *playedMaster) answer(load *value.Map) value.Value {
	if reply, ok := m.script.Get("reply"); ok {
		return reply
	}
	want, ok := m.script.Get("key")
	if !ok {
		want = "secret"
	}
	eauth, _ := load.Get("password")
	token, _ := load.Get("token")
	if key, _ := load.Get("key"); key != want && eauth != "pw" && token != "tok" {
		return value.NewMap("error", value.NewMap("name", "UserAuthenticationError", "message", "Authentication failure of type \"user\" occurred"))
	}
	v, _ := load.Get("fun")
	fun := text(v)
	jid := time.Now().UTC().Format("20060102150405") + fmt.Sprintf("%06d", m.jids.Add(1))
	switch cmd, _ := load.Get("cmd"); cmd {
	case "publish":
		return m.publish(load, fun, jid)
	case "runner":
		tag := "salt/run/" + jid
		if runner := m.of("runners", fun); runner != nil {
			m.bus.Fire(tag+"/new", value.NewMap("fun", "runner."+fun, "jid", jid))
			events, _ := runner.Get("events")
			list, _ := events.(value.List)
			for _, e := range list {
				pair := e.(value.List)
				m.bus.Fire(tag+"/"+text(pair[0]), pair[1])
			}
			ret, _ := runner.Get("ret")
			m.bus.Fire(tag+"/ret", ret)
		}
		return value.NewMap("tag", tag, "jid", jid)
	case "wheel":
		return value.NewMap("tag", "salt/wheel/"+jid, "data", m.of("wheel", fun))
	case "mk_token":
		return value.NewMap("token", "tok", "name", "sue")
	}
	return value.NewMap()
}

// publish has the accepted minions that the target names at a job; grains match nobody.
func (m *playedMaster) publish(load *value.Map, fun, jid string) value.Value {
	minions := value.List{}
	tgt, _ := load.Get("tgt")
	list, _ := tgt.(value.List)
	for _, id := range []string{"m1", "m2", "m3"} {
		if tgt == "*" || tgt == id || slices.Contains(list, value.Value(id)) {
			minions = append(minions, id)
		}
	}
	if len(minions) == 0 {
		return value.NewMap("enc", "clear", "load", value.NewMap("jid", nil, "minions", minions, "error", "Master could not resolve minions"))
	}
	m.bus.Fire("salt/job/"+jid+"/new", value.NewMap("jid", jid, "minions", minions, "fun", fun))
	for _, id := range minions {
		if ret, ok := m.of("returns", fun).Get(id.(string)); ok {
			m.bus.Fire("salt/job/"+jid+"/ret/"+id.(string), value.NewMap("jid", jid, "id", id, "return", ret, "retcode", int64(0), "fun", fun))
		}
	}
	return value.NewMap("enc", "clear", "load", value.NewMap("jid", jid, "minions", minions))
}
