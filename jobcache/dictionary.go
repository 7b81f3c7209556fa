package jobcache

import (
	"sync"

	"github.com/klauspost/compress/s2"

	"gorun/value"
)

// dictionary is what the compressor has seen before each blob: events as Salt 3008 sends
// them, the most frequent ones last. Blobs are read with the very dictionary that they were
// written with: a better one gets a mark of its own in pack.go, and this one stays.
var dictionary = sync.OnceValue(func() *s2.Dict {
	var samples []byte
	for _, v := range []value.Value{
		value.NewMap("return", &value.Map{Entries: []value.Entry{
			stateSample("pkg", "a package", "vim", "installed", 3, "All specified packages are already installed"),
			stateSample("cmd", "a command", "echo", "run", 4, `Command "echo" run`),
			stateSample("service", "a service", "cron", "running", 2, "The service cron is already running"),
			stateSample("file", "a folder", "/etc/", "directory", 0, "The directory /etc/ is in the correct state"),
			stateSample("file", "a file", "/etc/", "managed", 1, "File /etc/ is in the correct state"),
		}}, "out", "highstate"),
		"The minion function caused an exception: Traceback (most recent call last):\n  File \"/opt/saltstack/salt/lib/python3.10/site-packages/salt/",
		"The following requisites were not found:\n  One or more requisite failed: ",
		value.NewMap("changes", value.NewMap("diff", "--- \n+++ \n@@ -1,3 +1,3 @@\n ", "mode", "0644"), "comment", " updated"),
		value.NewMap("pid", int64(10881), "retcode", int64(0), "stdout", "", "stderr", ""),
		value.NewMap("__kwarg__", true, "test", true, "pillar", value.NewMap(), "saltenv", "base"),
		loadSample("state.highstate", "compound"), loadSample("cmd.run", "list"),
		loadSample("saltutil.find_job", "list"), loadSample("state.apply", "glob"), loadSample("test.ping", "glob"),
		returnSample("state.apply", value.NewMap(), "out", "highstate"),
		returnSample("saltutil.find_job", value.NewMap()), returnSample("cmd.run", ""), returnSample("test.ping", true),
	} {
		raw, err := value.Encode(v)
		if err != nil {
			panic(err) // the samples are constants
		}
		samples = append(samples, raw...)
	}
	return s2.MakeDict(samples, nil)
})

// stateSample is the key and the value of a state in a return.
func stateSample(module, id, name, fun string, run int64, comment string) value.Entry {
	return value.Entry{Key: module + "_|-" + id + "_|-" + name + "_|-" + fun, Val: value.NewMap(
		"name", name, "changes", value.NewMap(), "result", true, "comment", comment,
		"__sls__", "base", "__run_num__", run, "start_time", "08:37:04.644645", "duration", 10.188, "__id__", id)}
}

const sampleJID = "20261122083529851593"

// loadSample is the load of a job, returnSample an event of a return.
func loadSample(fun, tgtType string) value.Value {
	return value.NewMap("jid", sampleJID, "tgt_type", tgtType, "tgt", "*", "user", "root", "fun", fun,
		"arg", value.List{}, "missing", value.List{}, "_stamp", "2026-11-22T08:35:29.909926+00:00")
}

func returnSample(fun string, ret value.Value, more ...value.Value) value.Value {
	m := value.NewMap("cmd", "_return", "id", "minion", "success", true, "return", ret, "retcode", int64(0))
	for i := 0; i < len(more); i += 2 {
		m.Set(more[i], more[i+1])
	}
	m.Entries = append(m.Entries, value.NewMap("jid", sampleJID, "fun", fun, "fun_args", value.List{}, "user", "root",
		"_stamp", "2026-11-22T08:35:31.941004+00:00", "ts", int64(1795336531)).Entries...)
	return m
}
