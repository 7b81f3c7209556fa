package jobcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/klauspost/compress/s2"

	"gorun/value"
)

// TestDictionary: what was written with a dictionary is read with that very one. Whoever
// wants a better one raises schemaVersion.
func TestDictionary(t *testing.T) {
	const written = "9041bde61904f350"
	sum := sha256.Sum256(dictionaryBytes)
	if got := hex.EncodeToString(sum[:8]); got != written {
		t.Errorf("the dictionary is %s, stores of this schema were written with %s", got, written)
	}
	if !bytes.Equal(sampleDictionary().Bytes(), dictionaryBytes) {
		t.Error("dictionary.bin is not what the samples make")
	}
}

// sampleDictionary is the dictionary of events as Salt sends them, without what is cut out of a
// blob, the most frequent ones last.
func sampleDictionary() *s2.Dict {
	var all samples
	all.add(value.NewMap("return", &value.Map{Entries: []value.Entry{
		stateSample("pkg", "a package", "vim", "installed", 3, "All specified packages are already installed"),
		stateSample("cmd", "a command", "echo", "run", 4, `Command "echo" run`),
		stateSample("service", "a service", "cron", "running", 2, "The service cron is already running"),
		stateSample("file", "a folder", "/etc/", "directory", 0, "The directory /etc/ is in the correct state"),
		stateSample("file", "a file", "/etc/", "managed", 1, "File /etc/ is in the correct state"),
	}}, "out", "highstate"))
	all.add("The minion function caused an exception: Traceback (most recent call last):\n  File \"/opt/saltstack/salt/lib/python3.10/site-packages/salt/")
	all.add("The following requisites were not found:\n  One or more requisite failed: ")
	all.add(value.NewMap("changes", value.NewMap("diff", "--- \n+++ \n@@ -1,3 +1,3 @@\n ", "mode", "0644"), "comment", " updated"))
	all.add(value.NewMap("pid", int64(10881), "retcode", int64(0), "stdout", "", "stderr", ""))
	all.add(value.NewMap("__kwarg__", true, "test", true, "pillar", value.NewMap(), "saltenv", "base"))
	functions := []string{"state.apply", "saltutil.find_job", "cmd.run", "test.ping"}
	for _, zone := range []string{"", "+00:00"} { // of Salt 3006, of 3008
		for i, tgtType := range []string{"compound", "list", "list", "glob"} {
			all.add(value.NewMap("jid", sampleJID, "tgt_type", tgtType, "tgt", "*", "user", "root", "fun", functions[i],
				"arg", value.List{}, "missing", value.List{}, "_stamp", sampleStamp+zone), sampleJID, functions[i], sampleStamp)
		}
	}
	all.add(value.NewMap("return", true, "retcode", int64(0), "success", true)) // as Salt's cache has it
	all.add(returnSample("state.apply", value.NewMap(), "+00:00", "out", "highstate"), sampleJID, sampleMinion, sampleStamp)
	for _, zone := range []string{"", "+00:00"} {
		for i, ret := range []value.Value{"", value.NewMap(), "", true} {
			all.add(returnSample(functions[i], ret, zone), sampleJID, sampleMinion, sampleStamp)
		}
	}
	return s2.MakeDict(all, nil)
}

// samples are what the dictionary is made of.
type samples []byte

// add appends what is left of a value without the texts of its row.
func (s *samples) add(v value.Value, row ...string) {
	raw, err := value.Encode(v)
	if err != nil {
		panic(err) // the samples are constants
	}
	var known texts
	copy(known[:], row)
	*s, _ = shorten(*s, nil, raw, known)
}

// stateSample is the key and the value of a state in a return.
func stateSample(module, id, name, fun string, run int64, comment string) value.Entry {
	return value.Entry{Key: module + "_|-" + id + "_|-" + name + "_|-" + fun, Val: value.NewMap(
		"name", name, "changes", value.NewMap(), "result", true, "comment", comment,
		"__sls__", "base", "__run_num__", run, "start_time", "08:37:04.644645", "duration", 10.188, "__id__", id)}
}

const (
	sampleJID    = "20261122083529851593"
	sampleMinion = "minion"
	sampleStamp  = "2026-11-22T08:35:31.941004"
)

// returnSample is an event of a return, its _stamp with a zone.
func returnSample(fun string, ret value.Value, zone string, more ...value.Value) value.Value {
	m := value.NewMap("cmd", "_return", "id", sampleMinion, "success", true, "return", ret, "retcode", int64(0),
		"jid", sampleJID, "fun", fun, "fun_args", value.List{}, "user", "root")
	for i := 0; i < len(more); i += 2 {
		m.Set(more[i], more[i+1])
	}
	m.Entries = append(m.Entries, value.NewMap("_stamp", sampleStamp+zone, "ts", int64(1795336531)).Entries...)
	return m
}
