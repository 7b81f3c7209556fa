package scenario

import (
	"bytes"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorun/internal/saltlab"
)

func TestListedJIDs(t *testing.T) {
	const out = `20261122081338618402:
    ----------
    Arguments:
        - 20261122081338618401:
    Function:
        test.ping
20261122081339601499_4711:
    ----------
`
	want := []string{"20261122081338618402", "20261122081339601499_4711"}
	if got := ListedJIDs([]byte(out)); !slices.Equal(got, want) {
		t.Errorf("ListedJIDs = %q, want %q", got, want)
	}
}

// TestQuestions sees to it that each question is about a job that the scenario has.
func TestQuestions(t *testing.T) {
	for _, version := range []string{"2014.7.7", "3008.3"} {
		d := &Day{Lab: &saltlab.Lab{Version: version}, JIDs: map[string]string{}}
		// Those of the deaths, which have no table.
		for _, name := range []string{"late", "killed", "lost", "unanswered", "absent", "running"} {
			d.JIDs[name] = "20261122081338618402"
		}
		for _, j := range jobs() {
			d.JIDs[j.name] = "20261122081338618402"
		}
		questions := append(d.ListQuestions(), d.JobQuestions([]string{"20261122081338618402"})...)
		for _, q := range questions {
			if slices.Contains(q, "") || slices.Contains(q, "jid=") {
				t.Errorf("Salt %s: a question about no job: %q", version, q)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	module, err := fs.ReadFile(Files(), "_modules/lab.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range values {
		if !strings.Contains(string(module), `"`+name+`":`) {
			t.Errorf("the module has no value %s", name)
		}
	}
}

func TestRecording(t *testing.T) {
	dir := t.TempDir()
	want := &Recording{
		Master: Master{Version: "3008.3", ID: MasterID, Minions: []string{First}, Config: Config()},
		Answers: []Answer{
			NewAnswer([]string{"jobs.list_jobs", `search_metadata={"a": "<&>"}`}, []byte("<&> Grüße\u2028\x00\x1b[0m\n"), 1),
			NewAnswer([]string{"jobs.lookup_jid"}, []byte("caf\xe9\n"), 0),
			NewAnswer([]string{"manage.up"}, nil, 0),
		},
	}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, wrote %+v", got, want)
	}
	if !bytes.Equal(got.Answers[1].Bytes(), []byte("caf\xe9\n")) {
		t.Errorf("bytes came back as %q", got.Answers[1].Bytes())
	}
}
