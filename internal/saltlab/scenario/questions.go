package scenario

import (
	"regexp"
	"time"

	"gorun/internal/saltlab"
)

var listedJID = regexp.MustCompile(`(?m)^(\d{20}(?:_\d+)?):$`)

// ListedJIDs returns the jids that jobs.list_jobs printed, oldest first.
func ListedJIDs(stdout []byte) []string {
	var jids []string
	for _, m := range listedJID.FindAllSubmatch(stdout, -1) {
		jids = append(jids, string(m[1]))
	}
	return jids
}

// ListQuestions returns the questions about all jobs; the plain one is the first.
// Salt 2014 has no filters, and its salt-run no --out.
func (d *Day) ListQuestions() [][]string {
	if !saltlab.AtLeast(d.Lab.Version, "2016") {
		return [][]string{{"jobs.list_jobs"}, {"jobs.list_jobs", "--force-color"}}
	}
	qs := [][]string{{}, {"--out=json"}, {"--out=yaml"}, {"outputter=json"},
		{"search_function=cmd.run", "--force-color"}}
	for _, list := range []string{"cmd.run", "test.*", "test.ping,cmd.run", `["state.*", "test.a?g"]`, "runner.*", "no.such"} {
		qs = append(qs, []string{"search_function=" + list})
	}
	for _, list := range []string{First, "*", "web*," + Doomed, `["minion-?", "` + MasterID + `"]`} {
		qs = append(qs, []string{"search_target=" + list})
	}
	for _, wanted := range []string{`{"ticket": "A-1"}`, `{"ticket": "none", "n": 7}`, `{"n": "7"}`, "{}"} {
		qs = append(qs, []string{"search_metadata=" + wanted})
	}
	qs = append(qs, []string{"search_metadata={'ticket': 'A-1'}", "search_function=test.*", "search_target=*"})
	for _, when := range d.times("metadata") {
		qs = append(qs, []string{"start_time=" + when}, []string{"end_time=" + when})
	}
	noon := d.times("good")[0]
	qs = append(qs, []string{"start_time=" + noon, "end_time=" + d.times("late")[0]})
	for i := range qs {
		qs[i] = append([]string{"jobs.list_jobs"}, qs[i]...)
	}
	return qs
}

// times writes the time of a job in the forms in which people write times.
func (d *Day) times(name string) []string {
	at, err := time.Parse("20060102150405.000000", d.JIDs[name][:14]+"."+d.JIDs[name][14:])
	if err != nil {
		return []string{d.JIDs[name]} // never one that salt told
	}
	var texts []string
	for _, layout := range []string{
		"2006, Jan 02 15:04:05.000000", "2006-01-02T15:04:05.000000", "2006-01-02 15:04:05", "2006-01-02 15:04",
		"2006-01-02", "20060102T150405", "Jan 2 2006 15:04", "2 January 2006", "1/2/2006 3:04:05 PM", "2006, Jan 2",
	} {
		texts = append(texts, at.Format(layout))
	}
	return texts
}

// JobQuestions returns the questions about single jobs: two about each of the jids,
// and many about the jobs that have a name.
func (d *Day) JobQuestions(jids []string) [][]string {
	var qs [][]string
	for _, jid := range jids {
		qs = append(qs, []string{"jobs.list_job", jid}, []string{"jobs.lookup_jid", jid})
	}
	for _, name := range []string{"unanswered", "absent", "running", "late", "killed", "lost", "ping"} {
		qs = append(qs, []string{"jobs.lookup_jid", d.JIDs[name], "missing=True"})
	}
	for _, name := range []string{"nested", "unicode", "kwargs", "differ", "odd_keys", "bad", "running"} {
		for _, fun := range []string{"jobs.list_job", "jobs.lookup_jid"} {
			qs = append(qs, []string{fun, d.JIDs[name], "--force-color"})
		}
	}
	for _, jid := range []string{"20140101000000000000", "20140101000000000000_1234", "short"} {
		qs = append(qs, []string{"jobs.list_job", jid}, []string{"jobs.lookup_jid", jid})
	}
	for _, name := range []string{"ping", "good", "bad", "failed", "unanswered"} {
		qs = append(qs, []string{"jobs.print_job", d.JIDs[name]})
	}
	if saltlab.AtLeast(d.Lab.Version, "2016") {
		qs = append(qs, d.laterQuestions()...)
	}
	return qs
}

// laterQuestions need what Salt 2014 has not. (display_progress=True is not asked: it
// prints the time of the question.)
func (d *Day) laterQuestions() [][]string {
	var qs [][]string
	for _, name := range []string{"nested", "unicode", "kwargs", "differ", "odd_keys", "bad", "running"} {
		for _, fun := range []string{"jobs.list_job", "jobs.lookup_jid"} {
			qs = append(qs, []string{fun, d.JIDs[name], "--out=json"})
		}
	}
	for _, name := range []string{"nested", "kwargs", "strings"} {
		for _, out := range []string{"yaml", "pprint", "raw", "txt"} {
			qs = append(qs, []string{"jobs.lookup_jid", d.JIDs[name], "--out=" + out})
		}
	}
	for _, name := range []string{"unanswered", "absent", "running"} {
		for _, more := range [][]string{
			{"returned=False", "missing=True"}, {"returned=False"}, {"missing=True", "--out=json"},
		} {
			qs = append(qs, append([]string{"jobs.lookup_jid", d.JIDs[name]}, more...))
		}
	}
	for _, name := range []string{"ping", "good", "bad", "failed", "unanswered", "bool_false", "retcode"} {
		qs = append(qs, []string{"jobs.exit_success", d.JIDs[name]})
	}
	return append(qs, []string{"jobs.list_job", "jid=" + d.JIDs["ping"]},
		[]string{"jobs.last_run"}, []string{"jobs.last_run", "function=cmd.run"},
		[]string{"jobs.last_run", "target=" + First},
		[]string{"jobs.list_jobs_filter", "5"}, []string{"jobs.list_jobs_filter", "5", "filter_find_job=False"})
}
