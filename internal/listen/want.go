package listen

import (
	"regexp"
	"slices"

	"gorun/event"
	"gorun/runners"
	"gorun/value"
)

// Pattern tells which tags an expression means, as salt.utils.stringutils.expr_match does:
// those that match it as a glob, else as a regular expression, whole. ok is false where
// it is no regular expression of Go's: look-around and back references are Python's alone.
func Pattern(expr string) (matches func(tag string) bool, ok bool) {
	// Python puts \A and \Z around the text, not around its alternatives.
	re, err := regexp.Compile(`\A(?:\A` + expr + `\z)`)
	return func(tag string) bool {
		return runners.Fnmatch(tag, expr) || err == nil && re.MatchString(tag)
	}, err == nil
}

// IsFindJob tells whether an event is of the asking for jobs that goes on while somebody
// waits for one: salt '*' asks by saltutil.find_job again and again. A bare jid that only
// names minions belongs to no job that could be told before it is announced; all such say
// what the announcement says again.
func IsFindJob(e Event) bool {
	fun, _ := e.Data.Get("fun")
	switch fun := fun.(type) {
	case string:
		return fun == findJob
	case value.List:
		return slices.Contains(fun, value.Value(findJob))
	}
	_, returned := e.Data.Get("return")
	return !returned && event.ParseTag(e.Tag).Kind == event.BareJID
}

const findJob = "saltutil.find_job"

// Counter counts the minions that replied with a function, as eventlisten.py -f does: each
// once, whatever the job.
type Counter struct {
	Function string
	seen     map[string]bool
}

// Reply returns the id of a minion that replied with the function for the first time; new
// is false for all other events.
func (c *Counter) Reply(e Event) (id string, new bool) {
	v, _ := e.Data.Get("id")
	id, ok := v.(string)
	fun, _ := e.Data.Get("fun")
	if !ok || fun != c.Function || c.seen[id] {
		return "", false
	}
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	c.seen[id] = true
	return id, true
}

// Replies is how many minions have replied.
func (c *Counter) Replies() int { return len(c.seen) }
