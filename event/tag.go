package event

import (
	"slices"
	"strings"
)

// Kind tells what an event is about.
type Kind int

// The kinds of events. Those of jobs, runners and batches carry a jid, those of
// minions an id; where an old tag does not say it, the data does.
const (
	Other Kind = iota

	JobNew      // salt/job/<jid>/new and new_job
	JobPublish  // salt/job/<jid>/publish, since 3008: what was sent to the minions
	JobStart    // salt/job/<jid>/start/<id>, since 3008 and only if asked for
	JobProgress // salt/job/<jid>/prog/<id>/<number of the state>
	JobRet      // salt/job/<jid>/ret/<id>
	JobFailed   // salt/job/<jid>/sub/<id>/error/<function>: one state of a return failed
	JobError    // salt/job/<jid>/error: the master refused to publish
	BareJID     // <jid>: a return if the data has "return", else the "minions" of a new job

	RunNew // salt/run/<jid>/new
	RunRet // salt/run/<jid>/ret
	Batch  // salt/batch/<jid>/…

	MinionStart   // salt/minion/<id>/start and minion_start, syndics likewise
	MinionPing    // minion_ping
	MinionRefresh // minion/refresh/<id>: the minion fetched its pillar
	Auth          // salt/auth
	Key           // salt/key: a key was accepted, rejected, deleted

	PresencePresent // salt/presence/present
	PresenceChange  // salt/presence/change
)

var kindNames = [...]string{
	Other: "other", JobNew: "job new", JobPublish: "job publish", JobStart: "job start",
	JobProgress: "job progress", JobRet: "job return", JobFailed: "job failed state", JobError: "job error",
	BareJID: "bare jid", RunNew: "run new", RunRet: "run return", Batch: "batch",
	MinionStart: "minion start", MinionPing: "minion ping", MinionRefresh: "minion refresh",
	Auth: "auth", Key: "key",
	PresencePresent: "presence present", PresenceChange: "presence change",
}

// String returns the kind in words, for logs.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return kindNames[Other]
	}
	return kindNames[k]
}

// Tag is a tag taken apart. JID and Minion are what stands in the tag, unchecked,
// and empty where it says neither.
type Tag struct {
	Kind    Kind
	JID     string
	Minion  string
	Syndics []string // whom the event came through, the nearest to this master first
}

// ParseTag takes a tag apart. A tag that it does not know is of Kind Other, behind
// any syndics. Tags are made by salt.utils.event.tagify, and a master of masters
// puts "syndic/<id>/" before the tags that a syndic hands up (masterapi,
// _minion_event), once for each level.
func ParseTag(tag string) Tag {
	syndics, tag := cutSyndics(tag)
	t := parseTag(tag)
	t.Syndics = syndics
	return t
}

func cutSyndics(tag string) (syndics []string, rest string) {
	for {
		after, ok := strings.CutPrefix(tag, "syndic/")
		if !ok {
			return syndics, tag
		}
		id, after, ok := strings.Cut(after, "/")
		if !ok || id == "" {
			return syndics, tag
		}
		syndics, tag = append(syndics, id), after
	}
}

func parseTag(tag string) Tag {
	if rest, ok := strings.CutPrefix(tag, "salt/"); ok {
		topic, rest, _ := strings.Cut(rest, "/")
		switch topic {
		case "job":
			return parseJob(rest)
		case "run":
			return parseRun(rest)
		case "batch":
			if jid, _, ok := strings.Cut(rest, "/"); ok && jid != "" {
				return Tag{Kind: Batch, JID: jid}
			}
			return Tag{}
		case "minion", "syndic":
			if id, ok := strings.CutSuffix(rest, "/start"); ok && id != "" {
				return Tag{Kind: MinionStart, Minion: id}
			}
			return Tag{}
		}
	}
	if id, ok := strings.CutPrefix(tag, "minion/refresh/"); ok && id != "" {
		return Tag{Kind: MinionRefresh, Minion: id}
	}
	if isJID(tag) {
		return Tag{Kind: BareJID, JID: tag}
	}
	return Tag{Kind: wholeTags[tag]}
}

// wholeTags are those that name neither a job nor a minion.
var wholeTags = map[string]Kind{
	"new_job":               JobNew,
	"minion_start":          MinionStart,
	"syndic_start":          MinionStart,
	"minion_ping":           MinionPing,
	"salt/auth":             Auth,
	"auth":                  Auth,
	"salt/key":              Key,
	"salt/presence/present": PresencePresent,
	"salt/presence/change":  PresenceChange,
}

// parseJob takes apart what follows salt/job/.
func parseJob(rest string) Tag {
	jid, rest, _ := strings.Cut(rest, "/")
	what, minion, _ := strings.Cut(rest, "/")
	if jid == "" {
		return Tag{}
	}
	kind := Other
	switch what {
	case "new":
		kind = JobNew
	case "publish":
		kind = JobPublish
	case "error":
		kind = JobError
	case "ret":
		kind = JobRet
	case "sub":
		kind = JobFailed
		minion, _, _ = strings.Cut(minion, "/error/")
	case "start":
		kind = JobStart
	case "prog":
		kind = JobProgress
		minion, _, _ = strings.Cut(minion, "/")
	}
	ofMinion := slices.Contains([]Kind{JobRet, JobFailed, JobStart, JobProgress}, kind)
	if kind == Other || ofMinion != (minion != "") {
		return Tag{}
	}
	return Tag{Kind: kind, JID: jid, Minion: minion}
}

// parseRun takes apart what follows salt/run/.
func parseRun(rest string) Tag {
	jid, what, _ := strings.Cut(rest, "/")
	switch {
	case jid == "":
	case what == "new":
		return Tag{Kind: RunNew, JID: jid}
	case what == "ret":
		return Tag{Kind: RunRet, JID: jid}
	}
	return Tag{}
}

// isJID tells whether tag is a jid alone: 20 digits, with unique_jid followed by
// '_' and the pid of a master's process.
func isJID(tag string) bool {
	digits, pid, unique := strings.Cut(tag, "_")
	return len(digits) == 20 && isDigits(digits) && (!unique || pid != "" && isDigits(pid))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
