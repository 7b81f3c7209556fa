package conformance

import (
	"regexp"
	"slices"
	"strings"
)

// A difference is where an older Salt prints otherwise than gorun does for its master:
// what salt-run must have printed for it to be the reason.
type difference struct {
	versions string         // the releases begin with one of these
	args     string         // the question begins so
	stdout   *regexp.Regexp // what salt-run printed has this
	reason   string
	option   string // the question has this word, which none of a recording has; or empty
}

// differences are looked at only when answers differ. One that explains nothing of a
// recording is an error: it is to be taken out.
var differences = []difference{
	{"2014.", "jobs.lookup_jid", regexp.MustCompile(`(?m)^Summary$`), "the highstate outputter of its day", ""},
	{"2014. 2019.", "jobs.", regexp.MustCompile(`_stamp`),
		"the master writes into failed states as it fires their events, which name no job", ""},
	{"2019.", "jobs.", regexp.MustCompile(`(?m)\d{19}L$`), "Python 2 marks large integers with an L", ""},
	{"2019.", "jobs.lookup_jid", regexp.MustCompile(`[ {\[]u'`), "Python 2 marks text with a u", ""},
	{"2019.", "jobs.lookup_jid", regexp.MustCompile(`^[^ ]+: \{'`), "a dict of Python 2 has an order of its own", ""},
	{"3006.", "jobs.list_jobs", regexp.MustCompile(`&id001`), "a dict that stands in two places is one with an anchor", ""},
	{"3006. 3008.", "", regexp.MustCompile(`^$`),
		"where an outputter cannot show a value, gorun prints it nested, salt-run a traceback", "--out=key"},
	{"3006. 3008.", "jobs.lookup_jid", regexp.MustCompile(`^$`),
		"where an outputter cannot show a value, gorun prints it nested, salt-run a traceback", "--out=table"},
}

func (d *difference) of(version string) bool {
	return slices.ContainsFunc(strings.Fields(d.versions), func(begin string) bool { return strings.HasPrefix(version, begin) })
}

// explain returns why the answer of a Salt is another than gorun's, and whether there
// is a reason.
func explain(version string, args []string, want []byte) (reason string, ok bool) {
	question := strings.Join(args, " ")
	for _, d := range differences {
		if d.of(version) && strings.HasPrefix(question, d.args) && d.stdout.Match(want) &&
			(d.option == "" || slices.Contains(args, d.option)) {
			return d.reason, true
		}
	}
	return "", false
}

// stale returns the reasons of a recorded Salt's table that explained nothing.
func (n *tally) stale() (reasons []string) {
	for _, d := range differences {
		if d.of(n.version) && d.option == "" && n.explained[d.reason] == 0 {
			reasons = append(reasons, d.reason)
		}
	}
	return reasons
}
