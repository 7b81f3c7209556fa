package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// job is one job with its returns, as a master has them; both sides are filled from it.
type job struct {
	jid     string
	load    *value.Map
	minions value.List
	returns []*value.Map // as the minions send them
}

// began is the time of the first job. It is fixed, so that every run measures the same.
var began = time.Date(2026, 3, 19, 0, 0, 0, 0, time.UTC)

// jidOf is the jid of the nth job.
func jidOf(n int) string {
	return strings.Replace(began.Add(time.Duration(n)*1_234_567*time.Microsecond).Format("20060102150405.000000"), ".", "", 1)
}

// newJob makes, as Salt 3008 has it, the nth job of a mixed day: pings, commands of which some fail, states, and
// the find_job questions that every salt command asks. A few returns are missing.
func newJob(n int, minions value.List) job {
	kinds := []struct {
		fun string
		arg value.List
	}{
		{"test.ping", value.List{}},
		{"cmd.run", value.List{fmt.Sprintf("echo job %d", n)}},
		{"state.apply", value.List{"web", value.NewMap("__kwarg__", true, "test", false)}},
		{"saltutil.find_job", value.List{jidOf(max(n-1, 0))}},
	}
	kind := kinds[n%len(kinds)]
	j := job{jid: jidOf(n), minions: minions}
	user := []string{"root", "sudo_alice", "bob"}[n%3]
	j.load = value.NewMap("jid", j.jid, "tgt_type", "glob", "tgt", "web-*", "user", user, "fun", kind.fun, "arg", kind.arg)
	for i, id := range minions {
		if n%97 == 0 && i == len(minions)-1 {
			continue
		}
		ret := value.NewMap("cmd", "_return", "id", id, "success", true, "return", true, "retcode", int64(0),
			"jid", j.jid, "fun", kind.fun, "fun_args", kind.arg, "user", user)
		switch kind.fun {
		case "cmd.run":
			ret.Set("return", fmt.Sprintf("job %d\nsecond line", n))
			if n%13 == 1 {
				ret.Set("retcode", int64(1))
				ret.Set("success", false)
			}
		case "state.apply":
			ret.Set("return", states(n))
			ret.Set("out", "highstate")
		case "saltutil.find_job":
			ret.Set("return", value.NewMap())
		}
		j.returns = append(j.returns, ret)
	}
	return j
}

// lastState is the number of the last state.apply among jobs that has its return.
func lastState(jobs int) int {
	n := jobs - 1
	for n%4 != 2 || n%97 == 0 {
		n--
	}
	return n
}

// minJobs is how many jobs there have to be for one of each kind.
const minJobs = 100

// states is the return of six managed files, of about 2.5 KB.
func states(n int) *value.Map { return manyStates(n, 6) }

// manyStates is the return of that many managed files.
func manyStates(n, files int) *value.Map {
	all := new(value.Map)
	for i := range files {
		changes := value.NewMap()
		if (n+i)%2 == 1 {
			changes.Set("diff", fmt.Sprintf("--- \n+++ \n@@ -1,3 +1,3 @@\n # made by salt\n-listen %d\n+listen %d\n server_name web\n", n, n+i))
		}
		name := fmt.Sprintf("/etc/web/conf.d/%d-%d.conf", i, n)
		id := fmt.Sprintf("web-configuration-%d", i)
		all.Entries = append(all.Entries, value.Entry{Key: "file_|-" + id + "_|-" + name + "_|-managed", Val: value.NewMap(
			"name", name, "changes", changes, "result", true, "comment", "File "+name+" is in the correct state",
			"__sls__", "web.configuration", "__run_num__", int64(i), "start_time", fmt.Sprintf("12:00:%02d.%06d", i%60, (n*7919)%1e6),
			"duration", float64((n*7919+i*104729)%90000)/100, "__id__", id,
		)})
	}
	return all
}

// pack is the job as fill.py reads it.
func (j job) pack() ([]byte, error) {
	load := value.NewMap()
	load.Entries = append(load.Entries, j.load.Entries...)
	load.Set("cmd", "publish")
	load.Set("ret", "")
	load.Set("kwargs", value.NewMap())
	returns := make(value.List, len(j.returns))
	for i, ret := range j.returns {
		returns[i] = ret
	}
	return value.Encode(value.NewMap("load", load, "minions", j.minions, "returns", returns))
}

// announcement is the event that a master sends when it publishes the job.
func (j job) announcement() []byte {
	data := value.NewMap()
	data.Entries = append(data.Entries, j.load.Entries...)
	data.Set("minions", j.minions)
	data.Set("missing", value.List{})
	return j.frame("new", data)
}

// returned is the event of the ith return.
func (j job) returned(i int) []byte {
	id, _ := j.returns[i].Get("id")
	data := value.NewMap()
	data.Entries = append(data.Entries, j.returns[i].Entries...)
	return j.frame(fmt.Sprint("ret/", id), data, value.Entry{Key: "ts", Val: j.time().Unix()})
}

// time is that of the jid, in seconds.
func (j job) time() time.Time {
	t, err := time.Parse("20060102150405", j.jid[:14])
	if err != nil {
		panic(err) // jidOf made it
	}
	return t
}

// frame is an event with its _stamp, and what a master puts behind that.
func (j job) frame(what string, data *value.Map, more ...value.Entry) []byte {
	data.Set("_stamp", j.time().Format("2006-01-02T15:04:05.")+j.jid[14:]+"+00:00")
	data.Entries = append(data.Entries, more...)
	return eventtest.Frame("salt/job/"+j.jid+"/"+what, data, event.FormStream)
}

// events are all that the bus carries of the job.
func (j job) events() [][]byte {
	all := [][]byte{j.announcement()}
	for i := range j.returns {
		all = append(all, j.returned(i))
	}
	return all
}

// workload is the jobs that both sides answer about, of one return each: for Salt, and for
// the bus.
func workload(n int) (packed []byte, events [][]byte, err error) {
	minions := value.List{"web-00000"}
	var b bytes.Buffer
	for i := range n {
		j := newJob(i, minions)
		p, err := j.pack()
		if err != nil {
			return nil, nil, err
		}
		b.Write(p)
		events = append(events, j.events()...)
	}
	return b.Bytes(), events, nil
}
