package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/value"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "tell what is missing for gorun to know all, and what mends it; status 1 if anything is",
		Action: func(c *cli.Context) error {
			q, err := p.newQuestion(c)
			if err != nil {
				return err
			}
			findings := diagnose(c.Context, q.conf, time.Now())
			return errors.Join(q.tell(findings), q.out.Close())
		},
	}
}

// finding is one thing that gorun needs, and how it is.
type finding struct {
	what, state string
	mend        string // what to do, a line; empty where all is well
}

// diagnose looks at everything between the master and an answer, in the order of the data.
func diagnose(ctx context.Context, conf *master.Config, now time.Time) []finding {
	all := []finding{findConfig(conf), findBus(ctx, conf), findPresence(conf), findKept(conf)}
	return append(all, findCache(ctx, conf, now)...)
}

func findConfig(conf *master.Config) finding {
	f := finding{what: "configuration", state: conf.File}
	if _, err := os.Stat(conf.File); err != nil {
		f.state, f.mend = err.Error(), "name the folder that the master's file is in: gorun -c DIR"
	}
	return f
}

// findBus connects to the bus, as the subscriber would.
func findBus(ctx context.Context, conf *master.Config) finding {
	socket := conf.EventSocket()
	f := finding{what: "event bus", state: socket.String() + " takes connections"}
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	source, err := event.Dial(ctx, event.Config{Path: socket.Path, TCP: socket.TCP, Transport: conf.Gorun.Transport})
	switch {
	case err == nil:
		_ = source.Close() // it has told what it was asked
	case errors.Is(err, os.ErrPermission):
		f.state, f.mend = err.Error(), "ask as root"
		if name := ownerOf(socket.Path); name != "" && name != "root" {
			f.mend += ", or as " + name
		}
	default:
		f.state, f.mend = err.Error(), "systemctl start salt-master"
	}
	return f
}

// ownerOf is the name of a file's owner, empty where that cannot be learned. The setting user
// would not do: without it, Salt takes it to be whoever asks.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	owner, err := user.LookupId(strconv.FormatUint(uint64(stat.Uid), 10))
	if err != nil {
		return ""
	}
	return owner.Username
}

func findPresence(conf *master.Config) finding {
	if conf.PresenceEvents {
		return finding{what: "presence events", state: fmt.Sprintf("on, every %v", conf.LoopInterval)}
	}
	return finding{
		"presence events", "off: a minion that goes away is missed only once somebody asks it",
		"echo 'presence_events: True' > " + filepath.Join(conf.Dir, "master.d/presence.conf") + " && systemctl restart salt-master",
	}
}

// findKept looks at the master's own job cache, from which returns are taken that are too
// large for the bus.
func findKept(conf *master.Config) finding {
	f := finding{what: "salt's job cache", state: "local, " + filepath.Join(conf.CacheDir, "jobs")}
	switch {
	case conf.ExtJobCache != "":
		f.state, f.mend = "ext_job_cache: "+conf.ExtJobCache, "gorun reads local_cache only: jobs of before its start stay unknown"
	case conf.MasterJobCache != "local_cache":
		f.state, f.mend = "master_job_cache: "+conf.MasterJobCache, "gorun reads local_cache only: jobs of before its start stay unknown"
	case !conf.JobCache:
		f.state, f.mend = "off", "job_cache: True keeps whole what is too large for the bus"
	}
	return f
}

// longLog is how many bytes the log beside the job cache has at the most while nobody holds it back.
const longLog = 256 << 20

// findCache looks at gorun's job cache and its subscriber.
func findCache(ctx context.Context, conf *master.Config, now time.Time) []finding {
	const what, start = "subscriber", "systemctl enable --now gorun, or: gorun subscribe"
	reader, err := jobcache.OpenReader(storePath(conf))
	if errors.Is(err, jobcache.ErrNoStore) {
		return []finding{{what, "has never run", start}}
	}
	if err != nil {
		return []finding{{"job cache", err.Error(), cmp.Or(hint(err), "gorun subscribe makes a new one where this is moved away")}}
	}
	status, err := reader.Status(ctx, now)
	var extent jobcache.Extent
	if err == nil {
		extent, err = reader.Extent(ctx)
	}
	if err = errors.Join(err, reader.Close()); err != nil {
		return []finding{{"job cache", err.Error(), cmp.Or(hint(err), "gorun subscribe makes a new one where this is moved away")}}
	}
	all := []finding{{what: "job cache", state: storePath(conf)}}
	if extent.Log > longLog {
		all = append(all, finding{"job cache", fmt.Sprintf("%d MB of its log cannot move into the file: somebody reads for long", extent.Log>>20),
			"fuser -v " + storePath(conf) + " tells who has it open"})
	}
	switch {
	case status.Listening:
		all = append(all, finding{what: what, state: fmt.Sprintf("listening, pid %d", status.PID)})
	case status.Heartbeat.IsZero():
		all = append(all, finding{what, "was never connected to the bus", start})
	default:
		all = append(all, finding{what, "not listening since " + status.Heartbeat.UTC().Format(time.RFC3339), start})
	}
	if status.Waiting > 0 {
		all = append(all, finding{"events", fmt.Sprintf("%d wait for a subscriber", status.Waiting), start})
	}
	for _, h := range status.Holes {
		if status.Listening || !h.Until.IsZero() { // one that lasts is told of as the subscriber's
			all = append(all, finding{"events", "missing " + h.String(), mendHole(conf, h, now)})
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(status.Skipped)) {
		all = append(all, finding{"events", fmt.Sprintf("%d passed over: %s", status.Skipped[reason], reason),
			"gorun subscribe logs the first of each kind; what it left out is in salt-run's answers"})
	}
	return all
}

// mendHole is what fills a hole, or why nothing does.
func mendHole(conf *master.Config, h jobcache.Hole, now time.Time) string {
	_, err := keptCache(conf, slog.New(slog.DiscardHandler))
	switch {
	case h.Reason == jobcache.MaxSize:
		return "gorun cache repair would not help, for the oldest jobs leave again: raise max_size or max_jobs under gorun:"
	case h.Until.IsZero():
		return "it ends when the bus is connected again, and is filled then"
	case err != nil:
		return fmt.Sprintf("gorun cache repair cannot fill it (%v): it is named for as long as jobs are kept", err)
	case now.Before(h.Until.Add(2 * conf.Gorun.Settle)):
		return "nothing to do: the subscriber is about to fill it from salt's job cache"
	}
	return "gorun cache repair"
}

// tell prints findings, one a line and its mend below, or with --out as data.
func (q *question) tell(findings []finding) error {
	var lines strings.Builder
	data := make(value.List, 0, len(findings))
	missing := false
	for _, f := range findings {
		mark := "ok      "
		if f.mend != "" {
			mark, missing = "missing ", true
		}
		fmt.Fprintf(&lines, "%s%s: %s\n", mark, f.what, strings.ReplaceAll(f.state, "\n", "; "))
		if f.mend != "" {
			fmt.Fprintf(&lines, "        %s\n", f.mend)
		}
		data = append(data, value.NewMap("what", f.what, "ok", f.mend == "", "state", f.state, "mend", f.mend))
	}
	var err error
	if out := q.cli.String("out"); out != "" {
		err = q.print(out, data)
	} else {
		_, err = q.out.Write([]byte(lines.String()))
	}
	if err == nil && missing {
		err = errFailed
	}
	return err
}
