package live

import (
	"fmt"
	"strings"
	"time"

	"gorun/jobcache"
)

// What a screen is made of is bounded, however much the store holds.
const (
	newestJobs    = 500     // that are listed
	newestReturns = 200     // that are listed
	newestFinds   = 2000    // find_jobs that are searched for who is at work
	maxWords      = 200     // bytes of a text in a list
	maxText       = 1 << 20 // bytes of a return that is shown
)

// A snapshot is what the store told at one moment.
type snapshot struct {
	at, read time.Time // when it was known to be so, and when all of it was read
	known    jobcache.Status
	minions  []minion // accepted ones, those that are down first
	jobs     []job    // newest first, at most newestJobs
	returns  []ret    // newest first, at most newestReturns
	// problem is what could not be learned, in a few words.
	problem string
}

type minion struct {
	jobcache.Minion
	jobcache.Verdict
}

// counts tells how many minions are up, down and unknown.
func (s *snapshot) counts() (up, down, unknown int) {
	for _, m := range s.minions {
		switch m.State {
		case jobcache.Up:
			up++
		case jobcache.Down:
			down++
		default:
			unknown++
		}
	}
	return up, down, unknown
}

// running tells how many jobs somebody is at.
func (s *snapshot) running() (n int) {
	for _, j := range s.jobs {
		if j.running > 0 {
			n++
		}
	}
	return n
}

// job is a line about a job.
type job struct {
	jid, fun, tgt, arg, user string
	began                    time.Time
	// asked is how many minions it went to, 0 where that is not known.
	asked, returned, running int
	looked                   time.Time
}

// complete tells whether nothing more can come.
func (j *job) complete() bool { return j.asked > 0 && j.returned >= j.asked }

// state is what became of it.
func (j *job) state() string {
	switch {
	case j.running > 0:
		return "running"
	case j.complete():
		return "done"
	case j.asked == 0 && j.returned > 0:
		return "returned" // nobody announced it: who else was asked is not known
	case j.returned == 0:
		return "no return"
	}
	return "incomplete"
}

// call is the function with its arguments.
func (j *job) call() string { return strings.TrimSpace(j.fun + " " + j.arg) }

// progress is how many have returned of how many that were asked.
func (j *job) progress() string {
	if j.asked == 0 {
		return fmt.Sprintf("%d/?", j.returned)
	}
	return fmt.Sprintf("%d/%d", j.returned, j.asked)
}

// ret is a line about a return.
type ret struct {
	jid, minion, fun string
	at               time.Time
	state            string // empty until it is judged
}

// jobPage is one job with its minions.
type jobPage struct {
	job     job
	minions []part
}

// part is what a minion has done of a job.
type part struct {
	id, state, why string
	at             time.Time
}

// returned tells whether the minion has returned.
func (p part) returned() bool {
	switch p.state {
	case stateOK, stateFailed, stateUnreadable, stateLeft:
		return true
	}
	return false
}

// The states of a return, or of a part; of a part without a return, those of runners.
const (
	stateOK         = "ok"
	stateFailed     = "failed"
	stateUnreadable = "unreadable"
	stateLeft       = "left" // the cache, since it was listed
)

// textPage is a text to scroll through.
type textPage struct {
	title, text string
}
