package jobcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gorun/value"
)

// Window is a time in which something was written to Salt's job cache. A zero Until has no
// end.
type Window struct {
	From, Until time.Time
}

// has tells whether a file of that time belongs to the window. One of the future does: the
// clock was set back since.
func (w Window) has(t, now time.Time) bool {
	return !t.Before(w.From) && (w.Until.IsZero() || !t.After(w.Until) || t.After(now))
}

// KeptJob is what Salt's job cache has of one job that belongs to a window.
type KeptJob struct {
	// Job has the source FromNothing where its load is not there; its Stamp, and those of
	// the returns, are when Salt wrote them.
	Job      Job
	Returns  []Return
	Failures []Failure
	// Missing are the job's minions that have no return.
	Missing []string
	// Bytes is how much was read.
	Bytes int
}

// Walk reads what Salt's cache has got in the window, folder by folder, and calls f with
// each job. Progress tells f how many of the top folders are done, of how many. What
// cannot be read is logged, counted in the returned number, and passed over; returns of
// more than largest bytes are such. Errors are those of f, of ctx, and of the cache's own
// folder.
func (c *SaltCache) Walk(ctx context.Context, w Window, largest int64, f func(job *KeptJob, done, all int) error) (bad int, err error) {
	tops, err := os.ReadDir(c.dir)
	if err != nil {
		return 0, fmt.Errorf("read salt's job cache: %w", err)
	}
	v := visit{SaltCache: c, Window: w, now: time.Now(), largest: largest}
	for i, top := range tops {
		finals, err := os.ReadDir(filepath.Join(c.dir, top.Name()))
		if errors.Is(err, fs.ErrNotExist) { // it was emptied meanwhile
			continue
		}
		if err != nil {
			v.passOver(filepath.Join(c.dir, top.Name()), err)
			continue
		}
		for _, final := range finals {
			if err := ctx.Err(); err != nil {
				return v.bad, context.Cause(ctx)
			}
			if job := v.job(filepath.Join(c.dir, top.Name(), final.Name())); job != nil {
				if err := f(job, i, len(tops)); err != nil {
					return v.bad, err
				}
			}
		}
	}
	return v.bad, nil
}

// One reads what Salt's cache has of one return to a job; nil where it has none (yet), or
// one of more than largest bytes.
func (c *SaltCache) One(jid, minion string, largest int64) *KeptJob {
	dir, err := c.jobDir(jid)
	if err != nil || !ValidMinion(minion) {
		return nil
	}
	v := visit{SaltCache: c, now: time.Now(), largest: largest}
	at, size, ok := v.touched(filepath.Join(dir, minion, returnFile))
	if !ok || size > largest {
		return nil
	}
	job, _, err := v.head(dir)
	if err != nil || job == nil {
		return nil
	}
	r, err := v.readReturn(dir, minion)
	if err != nil || r == nil {
		return nil
	}
	r.Stamp = at.UnixMicro()
	job.add(r)
	return job
}

// visit is one walk through Salt's cache.
type visit struct {
	*SaltCache
	Window
	now     time.Time
	largest int64
	bad     int
}

func (v *visit) passOver(name string, reason error) {
	v.bad++
	v.log.Warn("passed over a file of salt's job cache", "file", name, "error", reason)
}

// touched tells whether a file was written in the window; false where it is not there.
func (v *visit) touched(name string) (at time.Time, size int64, ok bool) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return at, 0, false
	}
	if err != nil {
		v.passOver(name, err)
		return at, 0, false
	}
	if !info.Mode().IsRegular() {
		v.passOver(name, errNoFile)
		return at, 0, false
	}
	return info.ModTime(), info.Size(), v.has(info.ModTime(), v.now)
}

var (
	errNoFile = errors.New("not a regular file")
	errNoJID  = errors.New("the folder is not named for the jid in it")
	errBeyond = errors.New("larger than max_return_size")
)

// job reads a job's folder; nil where nothing there belongs to the window. A folder's time
// is that of the newest minion that returned, or of the load.
func (v *visit) job(dir string) *KeptJob {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && info.ModTime().Before(v.From) {
		return nil
	}
	if err == nil && !info.IsDir() {
		if v.has(info.ModTime(), v.now) {
			v.passOver(dir, errNoJID)
		}
		return nil
	}
	job, loaded, err := v.head(dir)
	if err != nil {
		v.passOver(dir, err)
		return nil
	}
	if job == nil {
		return nil
	}
	minions, err := v.returns(dir, job)
	if err != nil {
		v.passOver(dir, err)
		return nil
	}
	for _, id := range job.Job.Minions {
		if !minions[id] {
			job.Missing = append(job.Missing, id)
		}
	}
	if !loaded && len(job.Returns) == 0 {
		return nil
	}
	return job
}

// head reads what stands in a job's folder itself, and tells whether that belongs to the
// window. Nil where Salt is still at it, or has taken the folder away.
func (v *visit) head(dir string) (job *KeptJob, loaded bool, err error) {
	name, err := os.ReadFile(filepath.Join(dir, "jid"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(name) == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	jid := strings.TrimSpace(string(name))
	if should, err := v.jobDir(jid); err != nil || should != dir {
		return nil, false, errNoJID
	}
	at, size, loaded := v.touched(filepath.Join(dir, loadFile))
	if size > v.largest {
		return nil, false, errBeyond
	}
	job = &KeptJob{Job: Job{JID: jid}, Bytes: int(size)}
	read, err := v.readLoad(dir)
	if err != nil {
		return nil, false, err
	}
	if read == nil {
		if !at.IsZero() && loaded { // it was named in the log
			v.bad++
		}
		loaded = false
		return job, loaded, nil
	}
	job.Job = *read
	job.Job.JID, job.Job.Stamp = jid, at.UnixMicro()
	keepLoad(&job.Job)
	job.Job.Minions, err = v.minionsOf(dir)
	return job, loaded || v.announced(dir), err
}

// announced tells whether a master below has named its minions of a job in the window.
func (v *visit) announced(dir string) bool {
	names, err := filepath.Glob(filepath.Join(dir, minionsGlob))
	return err == nil && slices.ContainsFunc(names, func(name string) bool {
		_, _, ok := v.touched(name)
		return ok
	})
}

// loadFields are what the bus tells of a job, too: Salt's own file may hold the password
// or the token of who published it.
var loadFields = []string{"jid", "tgt_type", "tgt", "user", "fun", "arg", "fun_args", "id"}

// keepLoad leaves in a load that Salt keeps what may be kept, and tells from which event it
// was made: Salt takes the return itself for the load of what nobody published.
func keepLoad(job *Job) {
	var fields []value.Raw
	var ret, id value.Raw
	err := value.Fields(job.Load, func(key string, val value.Raw) error {
		switch key {
		case "return":
			ret = val
		case "id":
			id = val
		case "kwargs": // as salt.utils.jid.format_job_instance looks for it
			if len(job.Metadata) == 0 {
				job.Metadata = field(val, "metadata")
			}
		}
		if slices.Contains(loadFields, key) {
			fields = append(fields, value.AppendText(nil, key), val)
		}
		return nil
	})
	if err != nil { // not reached: readLoad has read it
		return
	}
	load := value.AppendMap(nil, len(fields)/2)
	for _, raw := range fields {
		load = append(load, raw...)
	}
	job.Load, job.Source = load, FromNew
	switch {
	case ret != nil && strings.HasPrefix(job.Fun, "runner.") && string(id) == string(field(load, "tgt")):
		job.Source = FromRunner
		job.Announced, _ = field(ret, "_stamp").Text()
	case ret != nil:
		job.Source = FromReturn
	}
}

// field is one field of a map, empty where it has none.
func field(m value.Raw, name string) (found value.Raw) {
	_ = value.Fields(m, func(key string, val value.Raw) error { // no map has no fields
		if key == name {
			found = val
		}
		return nil
	})
	return found
}

// returns reads the returns of the window, and tells which minions have returned at all.
func (v *visit) returns(dir string, job *KeptJob) (minions map[string]bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	minions = make(map[string]bool)
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || !ValidMinion(e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name(), returnFile)
		at, size, ok := v.touched(name)
		if at.IsZero() {
			continue
		}
		minions[e.Name()] = true
		if !ok {
			continue
		}
		if size > v.largest {
			v.passOver(name, errBeyond)
			continue
		}
		r, err := v.readReturn(dir, e.Name())
		if err != nil {
			v.passOver(name, err)
			continue
		}
		if r == nil { // cut, which is in the log, or Salt is at it
			v.bad++
			continue
		}
		r.Stamp = at.UnixMicro()
		job.Bytes += len(r.Event)
		job.add(r)
	}
	return minions, nil
}

// add takes a return, and what it says about failed states. That of a runner is what the
// bus carried.
func (job *KeptJob) add(r *Return) {
	if job.Job.Source == FromRunner {
		if ret := field(r.Event, "return"); ret != nil {
			r.Event = ret
		}
	} else {
		job.Failures = append(job.Failures, failures(r)...)
	}
	job.Returns = append(job.Returns, *r)
}

// failures reads the marks that salt.utils.event.fire_ret_load leaves in failed states.
func failures(r *Return) (found []Failure) {
	_ = value.Fields(field(r.Event, "return"), func(_ string, state value.Raw) error { // no states: no failures
		stamp, stamped := field(state, "_stamp").Text()
		if !stamped {
			return nil
		}
		run, err := field(state, "__run_num__").Decode()
		if n, ok := run.(int64); err == nil && ok {
			found = append(found, Failure{Minion: r.Minion, Run: n, Stamp: stamp})
		}
		return nil
	})
	return found
}

// writing is how long Salt may take to write what it has announced, in microseconds, when
// it comes to what was first: a find_job, or the minion's answer to it.
const writing = 1_000_000

// PutKept adds what Salt's own cache has of a job, with the signs of life and of silence
// that lie in it. mended tells whether anything of the job was missing.
func (tx *Tx) PutKept(k *KeptJob) (mended bool, err error) {
	before := tx.put
	err = tx.putKept(k)
	return tx.put > before, err
}

func (tx *Tx) putKept(k *KeptJob) error {
	job := k.Job
	old, err := readJob(tx.w.conn, job.JID)
	switch {
	case errors.Is(err, ErrUnknownJob):
	case err != nil:
		return fmt.Errorf("store job %s: %w", job.JID, err)
	case sameLoad(old, &job): // what the bus told has more in it
		job = Job{JID: job.JID, Stamp: old.Stamp, Metadata: job.Metadata, Minions: job.Minions, Announced: job.Announced}
	}
	if err := tx.PutJob(job); err != nil {
		return err
	}
	for _, r := range k.Returns {
		if err := tx.PutReturn(job.JID, r); err != nil {
			return err
		}
		if k.Job.Source != FromRunner {
			tx.Alive(r.Minion, r.Stamp, "salt/job/"+job.JID+"/ret/"+r.Minion)
		}
	}
	if k.Job.Fun == "saltutil.find_job" {
		for _, id := range k.Missing {
			tx.Asked(id, k.Job.Stamp-writing, job.JID)
		}
	}
	for _, f := range k.Failures {
		if err := tx.PutFailure(job.JID, f); err != nil {
			return err
		}
	}
	return nil
}

// sameLoad tells whether two loads say the same about a job.
func sameLoad(a, b *Job) bool {
	if a.Source != b.Source {
		return false
	}
	for _, name := range loadFields {
		if string(field(a.Load, name)) != string(field(b.Load, name)) {
			return false
		}
	}
	return true
}

// Cut lists up to most returns that the store has only as the bus has cut them.
func (tx *Tx) Cut(most int) (found [][2]string, err error) {
	err = tx.each("SELECT jid, minion FROM returns WHERE form = 1 ORDER BY jid DESC LIMIT ?", func(key, minion string) {
		found = append(found, [2]string{jidOf([]byte(key)), minion})
	}, most)
	return found, err
}
