package conformance

import (
	"bytes"
	"regexp"
	"strings"
)

// A difference is where an older Salt prints otherwise than gorun does for its master:
// what salt-run must have printed for it to be the reason.
type difference struct {
	versions string         // the releases begin so
	args     string         // the question begins so
	stdout   *regexp.Regexp // what salt-run printed has this
	now      string         // what 3008 has in its place, and nothing else; empty: more than that
	reason   string
}

// differences are looked at only when answers differ. One that explains nothing of a
// recording is an error: it is to be taken out.
var differences = []difference{
	{"2014.", "jobs.lookup_jid", regexp.MustCompile(`(?m)^Summary$`), "", "the highstate outputter of its day"},
	{"2014.", "jobs.", regexp.MustCompile(`_stamp`), "",
		"the master writes into failed states as it fires their events, which name no job"},
}

// explain returns why the answer of a Salt is another than gorun's, and whether there
// is a reason.
func explain(version string, args []string, got, want []byte) (reason string, ok bool) {
	question := strings.Join(args, " ")
	for _, d := range differences {
		if !strings.HasPrefix(version, d.versions) || !strings.HasPrefix(question, d.args) || !d.stdout.Match(want) {
			continue
		}
		if d.now == "" || bytes.Equal(d.stdout.ReplaceAllLiteral(want, []byte(d.now)), got) {
			return d.reason, true
		}
	}
	return "", false
}

// stale returns the reasons of a recorded Salt's table that explained nothing.
func (n *tally) stale() (reasons []string) {
	for _, d := range differences {
		if strings.HasPrefix(n.version, d.versions) && n.explained[d.reason] == 0 {
			reasons = append(reasons, d.reason)
		}
	}
	return reasons
}
