package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gorun/internal/localclient"
	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/runners"
)

// The exit statuses, as --help lists them; those of gorun check are a monitoring plugin's.
const (
	exitDone    = 0
	exitFailed  = 1 // the answer is a failure
	exitUsage   = 2 // called wrongly
	exitNoTruth = 3 // no true answer could be had
)

var (
	// errUsage is returned when the command line makes no sense.
	errUsage = errors.New("called wrongly")
	// errFailed is returned when an answer was given that is a failure.
	errFailed = errors.New("the answer is a failure")
	// errStale is returned when an answer was given that may not be the present truth.
	errStale = errors.New("the answer may not be current")
)

// report turns an error into lines on stderr and an exit status: the only place that does.
func (p *program) report(err error) int {
	var result checked
	switch {
	case errors.As(err, &result):
		if result.err != nil {
			p.say("%v", result.err)
		}
		return int(result.status)
	case err == nil:
		return exitDone
	case errors.Is(err, errFailed): // all has been said
		return exitFailed
	case errors.Is(err, errStale):
		return exitNoTruth
	case errors.Is(err, context.Canceled):
		p.say("interrupted")
		return exitNoTruth
	}
	p.say("%v", err)
	if text := hint(err); text != "" {
		p.say("hint: %s", text)
	}
	if errors.Is(err, errUsage) || errors.Is(err, runners.ErrArgument) || errors.Is(err, localclient.ErrTarget) {
		return exitUsage
	}
	return exitNoTruth
}

var hints = []struct {
	err  error
	text string
}{
	{errUsage, "gorun --help lists the options, gorun -d the functions"},
	{jobcache.ErrNoStore, "start the subscriber, which fills the cache: gorun subscribe"},
	{jobcache.ErrLocked, "one subscriber is enough for a master"},
	{jobcache.ErrDamaged, "stop the subscriber, move the file away, and start it again: it makes a new one of salt's job cache"},
	{jobcache.ErrUnsafe, "the job cache is for the user of gorun subscribe alone, or for a group of that to read"},
	{jobcache.ErrNetwork, "cachedir must be on a disk of the master itself"},
	{fs.ErrPermission, "root may ask, and the user that the master runs as"},
	{errUser, "the setting user is that of the master; gorun subscribe can be started by that user as well"},
	{localclient.ErrNoBus, "is the master running, and may this user read its event bus? sock_dir says where that is"},
	{master.ErrUnreachable, "is the master running? interface and ret_port say where it takes requests"},
	{master.ErrNoAnswer, "its workers are busy (worker_threads), or it hangs; --timeout gives it more time"},
	{master.ErrBadReply, "interface and ret_port must be those of the master, and transport what it speaks"},
	{master.ErrTransport, "salt-run can ask it"},
	{master.ErrKey, "root may ask, the user that the master runs as, those in publisher_acl, and others with -a"},
	{master.ErrAuthentication, "the key in cachedir must be this master's; with -a, the name, the password or the token (-T makes a new one), and external_auth"},
	{master.ErrEauthOnly, "-a SYSTEM with --username asks by external authentication (external_auth of the master)"},
	{master.ErrAuthorization, "publisher_acl and external_auth of the master say who may do what"},
	{master.ErrNotReady, "ask again when the master has joined its cluster"},
	{master.ErrOverloaded, "the master's log says why; a full disk and busy workers are the usual reasons"},
	{master.ErrRefused, "the master's log may say more"},
	{localclient.ErrTimeout, "--timeout gives it more time; jobs.lookup_jid has the result once it has ended"},
	{localclient.ErrSilent, "its publisher of events hangs: the master's log may say why, and a restart ends it"},
	{localclient.ErrLost, "ask again when the master runs"},
	{runners.ErrSource, "salt-run can read other job caches"},
}

// hint is what to do about an error, or nothing.
func hint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.text
		}
	}
	return ""
}

// say writes one line to stderr, in which an id can hide no control character: those of
// joined errors' ends of line become semicolons. An error there has nowhere to be told.
func (p *program) say(format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	_, _ = fmt.Fprintf(p.stderr, "gorun: %s\n", escapeControls(line))
}
